"""What differs between a resource's old and new inputs, and what of it makes a new resource necessary."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from simulator.azure.arm.types import ResourceType

REPLACING: Mapping[str, frozenset[str]] = {
    "applicationinsights:Component": frozenset({"applicationType"}),
    "authorization:RoleAssignment": frozenset({"principalId"}),
    "sql:Database": frozenset({"createMode", "identity", "sampleName", "sourceDatabaseId", "restorePointInTime"}),
    "sql:Server": frozenset({"administratorLogin", "administrators"}),
    "storage:StorageAccount": frozenset({"isHnsEnabled"}),
}
"""Inputs besides the location and the parts of the id that pulumi-azure-native replaces a resource for.

`willReplaceOnChanges` in its schema, which is made of `x-ms-mutability` in Azure's specifications and of
https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/gen/replacement.go"""

UPDATES_LOCATION = frozenset(
    {
        "containerregistry:TaskRun",
        "keyvault:Vault",
        "machinelearningservices:Compute",
        "machinelearningservices:Workspace",
    }
)
"""Types for which azure-native sends a changed location as an update, which Azure refuses (same schema)."""


@dataclass(frozen=True)
class Difference:
    """One property that differs, by its path (`outputs[0].datasource.table`)."""

    path: str
    kind: Literal["ADD", "DELETE", "UPDATE"]
    replaces: bool

    @property
    def first(self) -> str:
        """The input that the property lies in."""
        return self.path.split(".")[0].split("[")[0]


def differences(type_: ResourceType, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """Every property that differs, by path. A value that is not known yet differs from every other."""
    token = type_.token.partition(":")[2]
    replacing = {*type_.path_inputs, *REPLACING.get(token, ())}
    if token not in UPDATES_LOCATION:
        replacing.add("location")
    found = []
    for name in sorted(old.keys() | new.keys()):
        if name.startswith("__") or (name == "location" and same_region(old.get(name), new.get(name))):
            continue
        found += [
            Difference(path, kind, name in replacing) for path, kind in _compare(name, old.get(name), new.get(name))
        ]
    return found


def _compare(path: str, old: Any, new: Any) -> Iterator[tuple[str, Literal["ADD", "DELETE", "UPDATE"]]]:
    if old is None and new is None:
        return
    if old is None:
        yield path, "ADD"
    elif new is None:
        yield path, "DELETE"
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys()):
            yield from _compare(_below(path, key), old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before, after = (values[index] if index < len(values) else None for values in (old, new))
            yield from _compare(f"{path}[{index}]", before, after)
    elif old is not new and (type(old), old) != (type(new), new):
        yield path, "UPDATE"


def _below(path: str, key: str) -> str:
    """The path of a key in an object, in Pulumi's notation."""
    return f'{path}["{key}"]' if set(key) & set('.[]"') else f"{path}.{key}"


def same_region(old: Any, new: Any) -> bool:
    """Azure takes `West Europe` and `westeurope` for one region, and so does the provider."""
    return old == new or (isinstance(old, str) and isinstance(new, str) and _region(old) == _region(new))


def _region(name: str) -> str:
    return name.replace(" ", "").lower()
