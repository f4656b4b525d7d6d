"""Names that a program leaves to the provider, made as pulumi-azure-native makes them.

https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/provider/provider.go (getDefaultName)
"""

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from simulator.azure.arm.types import ResourceType

CREATE_FIRST = "__createBeforeDelete"
"""An input by which azure-native marks a random name: a replacement can then be created before the old one goes."""

RANDOM_DIGITS = 8
ROLE_ASSIGNMENT = "Microsoft.Authorization/roleAssignments"


def with_name(
    type_: ResourceType, logical_name: str, seed: bytes, inputs: Mapping[str, Any], former: Mapping[str, Any]
) -> dict[str, Any]:
    """`inputs` with the last part of the id filled in where it is unset.

    An existing resource keeps its name: `former` are its inputs, empty when it is new or replaced. A new one of the
    top level gets its logical name and eight hexadecimal digits, a child the logical name itself, a role assignment
    a GUID; what is random follows from the engine's `seed`.
    """
    last, named = type_.path[-1], dict(inputs)
    if last.startswith("=") or inputs.get(last) is not None:
        return named
    if former.get(last) is not None:
        named[last] = former[last]
        is_random = bool(former.get(CREATE_FIRST))
    elif type_.arm_type == ROLE_ASSIGNMENT:
        named[last], is_random = str(UUID(_digits(seed)[:32])), True
    else:
        is_random = type_.arm_type.count("/") == 1
        named[last] = logical_name + (_digits(seed)[:RANDOM_DIGITS] if is_random else "")
    if is_random:
        named[CREATE_FIRST] = True
    return named


def _digits(seed: bytes) -> str:
    return hashlib.sha256(seed).hexdigest()
