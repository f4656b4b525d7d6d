"""What Azure's published types say of the resources a program declares: bodies, problems, ids.

The types are those of the API versions that pulumi-azure-native uses, kept in `tables/`. They know forms and
names, not what a subscription, a region or a service allows beyond that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.azure.arm.body import Body
from simulator.azure.arm.template import template_findings
from simulator.azure.arm.types import PACKAGE, ResourceType, resource_type

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
RESOURCE_GROUP = "Microsoft.Resources/resourceGroups"


@dataclass(frozen=True)
class Problem:
    """One thing that Azure, or the provider on the way to it, would not take as written.

    `kind` is `unknown-type`, `unknown-property`, `missing-required`, `wrong-type`, `bad-enum`, `range`, `pattern` or
    `read-only`; `path` is in the SDK's names.
    """

    resource: str
    kind: str
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.resource}: {self.path or 'type'}: {self.message} [{self.kind}]"


def problems(token: str, name: str, inputs: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the resource `name` of type `token` (`azure-native:storage:StorageAccount`).

    `inputs` are plain values in the SDK's camel case. Types of other packages are not checked.
    """
    resource = f"{token} {name!r}"
    if token.partition(":")[0] != PACKAGE:
        return []
    type_ = resource_type(token)
    if type_ is None:
        return [Problem(resource, "unknown-type", "", "tables/ has no table: add the type in regenerate.py")]
    findings = [*Body(type_, inputs).findings, *template_findings(type_, inputs)]
    return [Problem(resource, found.kind, found.path, found.message) for found in findings]


def body(token: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The request body that the provider makes of `inputs`; what it does not know is left out, as the provider does."""
    return Body(_known(token), inputs).content


def resource_id(token: str, name: str, inputs: Mapping[str, Any]) -> str:
    """The id that Azure gives a resource; `name` stands in where the inputs leave the name to the provider."""
    type_ = _known(token)
    names, scope, group = [], f"/subscriptions/{SUBSCRIPTION}", ""
    for part in type_.path:
        if part.startswith("="):
            names.append(part[1:])
        elif part.startswith("scope:"):
            scope = str(inputs.get(part.removeprefix("scope:"), scope))
        elif part == "resourceGroupName" and type_.arm_type != RESOURCE_GROUP:
            group = f"/resourceGroups/{inputs.get(part)}"
        else:
            names.append(str(inputs.get(part) or name))
    if type_.arm_type == RESOURCE_GROUP:
        return f"{scope}/resourceGroups/{names[0]}"
    provider, *kinds = type_.arm_type.split("/")
    steps = "".join(f"/{kind}/{named}" for kind, named in zip(kinds, names, strict=True))
    return f"{scope}{group}/providers/{provider}{steps}"


def _known(token: str) -> ResourceType:
    type_ = resource_type(token)
    if type_ is None:
        raise LookupError(f"tables/ has no table of {token}")
    return type_
