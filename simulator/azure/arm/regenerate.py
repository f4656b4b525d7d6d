"""Make `tables/` from a folder of full ones: `python -m simulator.azure.arm.regenerate FULL_TABLES [-o FOLDER]`.

A full table holds, for one resource type, Azure's published type graph (Azure/bicep-types-az, where every type is a
numbered entry) and the inputs that pulumi-azure-native gives it. The trimmed table keeps what checking a request body
and making up an answer need, under names instead of numbers, so that an update shows as a readable difference.

What is cut: ids, types and API versions of resources; the inside of read-only properties, except the strings that a
program can read from them; enumerations of the SDK, which repeat Azure's. A construction not met so far raises
`ValueError` instead of being cut silently.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

TYPES = (
    "applicationinsights.Component",
    "applicationinsights.Workbook",
    "authorization.RoleAssignment",
    "consumption.Budget",
    "containerregistry.Registry",
    "containerregistry.TaskRun",
    "eventhub.ConsumerGroup",
    "eventhub.EventHub",
    "eventhub.Namespace",
    "eventhub.NamespaceNetworkRuleSet",
    "keyvault.Vault",
    "machinelearningservices.Compute",
    "machinelearningservices.Datastore",
    "machinelearningservices.Workspace",
    "managedidentity.UserAssignedIdentity",
    "monitor.ActionGroup",
    "monitor.ActivityLogAlert",
    "monitor.DiagnosticSetting",
    "monitor.MetricAlert",
    "monitor.ScheduledQueryRule",
    "operationalinsights.Workspace",
    "resources.ResourceGroup",
    "sql.BackupShortTermRetentionPolicy",
    "sql.Database",
    "sql.FirewallRule",
    "sql.Server",
    "sql.ServerBlobAuditingPolicy",
    "sql.ServerSecurityAlertPolicy",
    "sql.SqlVulnerabilityAssessmentsSetting",
    "sql.TransparentDataEncryption",
    "storage.BlobContainer",
    "storage.BlobServiceProperties",
    "storage.ManagementPolicy",
    "storage.StorageAccount",
    "streamanalytics.StreamingJob",
)
"""The resource types of the program under `infra/`, as module and class of pulumi-azure-native."""

REQUIRED, READ_ONLY, DEPLOY_TIME = 1, 2, 8  # flags of a property in Azure/bicep-types-az
LINE_LENGTH = 110
FOLDER = Path(__file__).parent / "tables"

Json = Any


def regenerate(full: Path, folder: Path, types: tuple[str, ...] = TYPES) -> None:
    """Write a trimmed table for each of `types`, and `index.json`, into `folder`; tables of other types are removed."""
    source = json.loads((full / "index.json").read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.json"):
        stale.unlink()
    for name in types:
        table = json.loads((full / f"{name}.json").read_text(encoding="utf-8"))
        _write(folder / f"{name}.json", trimmed(table))
    _write(
        folder / "index.json",
        {
            "bicep_types": source["bicepTypes"],
            "package": source["package"],
            "package_version": source["version"],
            "types": list(types),
        },
    )


def trimmed(table: Json) -> Json:
    """The trimmed form of one full table."""
    arm = _ArmTypes(table)
    sdk = table["sdk"]
    inputs = _sdk_properties(sdk["inputs"])
    return {
        "api_version": table["apiVersion"],
        "arm_type": table["armType"],
        "path": table["path"],
        "query": table["query"],
        "source": table["source"]["file"],
        "token": table["token"],
        "name": arm.resource_name(),
        "body": arm.body(),
        "objects": arm.objects(),
        "sdk_inputs": inputs,
        "sdk_objects": {_sdk_name(name): _sdk_properties(sdk["types"][name]) for name in _sdk_reachable(sdk)},
    }


class _ArmTypes:
    """The numbered type graph of one full table, written under names."""

    def __init__(self, table: Json) -> None:
        self._types, self._root = table["types"], str(table["body"])
        self._renames, self._unlisted = table["alias"], table["free"]
        self._writable = set(self._reachable(self._root))
        readable = [number for number in self._outputs(self._root) if number not in self._writable]
        self._names: dict[str, str] = {}
        for number in [*self._reachable(self._root), *readable]:
            if number not in self._names:
                name = self._types[number]["name"]
                same = sum(other.split("#")[0] == name for other in self._names.values())
                self._names[number] = f"{name}#{same + 1}" if same else name

    def body(self) -> str:
        return self._names[self._root]

    def resource_name(self) -> Json:
        """The type of the resource's own name, or None where Azure states none."""
        for name, property_ in _properties(self._types[self._root]).items():
            if name == "name" and property_["flags"] & DEPLOY_TIME:
                return self._type(_number(property_["type"]))
        return None

    def objects(self) -> Json:
        return {name: self._object(number) for number, name in self._names.items()}

    def _object(self, number: str) -> Json:
        node, writable = self._types[number], number in self._writable
        written: dict[str, Json] = {"properties": {}}
        for name, property_ in _properties(node).items():
            if property_["flags"] & DEPLOY_TIME or not (writable or property_["flags"] & READ_ONLY):
                continue
            trimmed_property = self._property(property_)
            if writable or trimmed_property["type"] != "any":
                written["properties"][name] = trimmed_property
        if node.get("additionalProperties"):
            written["additional"] = self._type(_number(node["additionalProperties"]))
        if node["$type"] == "DiscriminatedObjectType":
            written["discriminator"] = node["discriminator"]
            written["variants"] = {value: self._names[_number(one)] for value, one in node["elements"].items()}
        if renames := self._renames_of(node):
            written["renames"] = renames
        if node["name"] in self._unlisted:
            written["unlisted"] = self._unlisted[node["name"]]
        return written

    def _renames_of(self, node: Json) -> Json:
        """Where the SDK's name of a property is not Azure's: the SDK's → Azure's, of the properties this object has."""
        holders = [node, *(self._types[_number(one)] for one in (node.get("elements") or {}).values())]
        known = {name for holder in holders for name in _properties(holder)}
        return {ours: theirs for ours, theirs in self._renames.get(node["name"], {}).items() if theirs in known}

    def _property(self, property_: Json) -> Json:
        number = _number(property_["type"])
        if property_["flags"] & READ_ONLY:
            return {"read_only": True, "type": self._output(number)}
        required = {"required": True} if property_["flags"] & REQUIRED else {}
        return {"type": self._type(number)} | required

    def _type(self, number: str) -> Json:
        node = self._types[number]
        match node["$type"]:
            case "AnyType":
                return "any"
            case "BooleanType":
                return "boolean"
            case "StringType":
                return _limited("string", node, minLength="minimum", maxLength="maximum", pattern="pattern")
            case "IntegerType":
                return _limited("integer", node, minValue="minimum", maxValue="maximum")
            case "StringLiteralType":
                return {"values": [node["value"]]}
            case "UnionType":
                return self._union(node)
            case "ArrayType":
                item = {"items": self._type(_number(node["itemType"]))}
                return item | {
                    word: node[key] for key, word in (("minLength", "minimum"), ("maxLength", "maximum")) if key in node
                }
            case "ObjectType" | "DiscriminatedObjectType":
                return {"object": self._names[number]}
        raise ValueError(f"type {number} is a {node['$type']}, which is not known here")

    def _union(self, node: Json) -> Json:
        """A set of strings, closed or open: Azure's tables hold no other union for the types in use."""
        elements = [self._types[_number(element)] for element in node["elements"]]
        values = [element["value"] for element in elements if element["$type"] == "StringLiteralType"]
        others = [element for element in elements if element["$type"] != "StringLiteralType"]
        if not values or any(other != {"$type": "StringType"} for other in others):
            raise ValueError(f"a union of {[element['$type'] for element in elements]} is not known here")
        return {"values": values} | ({"open": True} if others else {})

    def _output(self, number: str) -> Json:
        """What a program can read from a read-only property: a string, an object with such strings, or no matter."""
        node = self._types[number]
        if number in self._names:
            return {"object": self._names[number]}
        return "string" if node["$type"] in ("StringType", "StringLiteralType", "UnionType") else "any"

    def _reachable(self, start: str) -> Iterator[str]:
        """Numbers of all objects that a request body can hold, in the order of reading."""
        seen, waiting = set(), [start]
        while waiting:
            number = waiting.pop(0)
            if number in seen:
                continue
            seen.add(number)
            node = self._types[number]
            if _is_object(node):
                yield number
            waiting += [
                _number(property_["type"])
                for property_ in _properties(node).values()
                if not property_["flags"] & (READ_ONLY | DEPLOY_TIME)
            ]
            waiting += [_number(node[key]) for key in ("additionalProperties", "itemType") if node.get(key)]
            if node["$type"] == "DiscriminatedObjectType":
                waiting += [_number(element) for element in node["elements"].values()]

    def _outputs(self, start: str) -> Iterator[str]:
        """Numbers of the objects below read-only properties that hold a readable string."""
        for holder in self._reachable(start):
            for property_ in _properties(self._types[holder]).values():
                number = _number(property_["type"])
                if property_["flags"] & READ_ONLY and self._readable(number, depth=3):
                    yield from self._readable_objects(number, depth=3)

    def _readable(self, number: str, depth: int) -> bool:
        node = self._types[number]
        return _is_object(node) and any(
            property_["flags"] & READ_ONLY
            and (
                self._types[_number(property_["type"])]["$type"] in ("StringType", "UnionType")
                or (depth > 0 and self._readable(_number(property_["type"]), depth - 1))
            )
            for property_ in _properties(node).values()
        )

    def _readable_objects(self, number: str, depth: int) -> Iterator[str]:
        yield number
        for property_ in _properties(self._types[number]).values():
            child = _number(property_["type"])
            if depth and property_["flags"] & READ_ONLY and self._readable(child, depth - 1):
                yield from self._readable_objects(child, depth - 1)


def _number(reference: Mapping[str, str]) -> str:
    return reference["$ref"].removeprefix("#/")


def _is_object(node: Json) -> bool:
    return node["$type"] in ("ObjectType", "DiscriminatedObjectType")


def _properties(node: Json) -> Json:
    return node.get("properties") or node.get("baseProperties") or {}


def _limited(word: str, node: Json, **limits: str) -> Json:
    """`word` alone, or with those of `limits` that the node states."""
    stated = {ours: node[theirs] for theirs, ours in limits.items() if node.get(theirs) is not None}
    return {word: stated} if stated else word


def _sdk_properties(properties: Json) -> Json:
    return {
        name: {"type": _sdk_type(property_["t"])}
        | ({"required": True} if property_["req"] else {})
        | ({"constant": property_["const"]} if "const" in property_ else {})
        for name, property_ in properties.items()
    }


SDK_WORDS = {"any": "any", "bool": "boolean", "enum": "string", "float": "number", "int": "integer", "str": "string"}


def _sdk_type(node: Json) -> Json:
    match node["k"]:
        case kind if kind in SDK_WORDS:
            return SDK_WORDS[kind]
        case "array":
            return {"items": _sdk_type(node["item"])}
        case "map":
            return {"map": _sdk_type(node["item"])}
        case "ref":
            return {"objects": [_sdk_name(node["ref"])]}
        case "union":
            members = [_sdk_type(member) for member in node["of"]]
            if all(member == "string" for member in members):
                return "string"
            if all("objects" in member for member in members):
                return {"objects": [name for member in members for name in member["objects"]]}
    raise ValueError(f"{node} of the SDK is not known here")


def _sdk_name(reference: str) -> str:
    """`streamanalytics:InputArgs` without the module, which the whole table shares."""
    return reference.split(":")[-1]


def _sdk_reachable(sdk: Json) -> list[str]:
    """The SDK's object types that the inputs lead to."""
    seen: list[str] = []
    waiting = list(_references(sdk["inputs"]))
    while waiting:
        name = waiting.pop(0)
        if name not in seen:
            seen.append(name)
            waiting += _references(sdk["types"][name])
    return seen


def _references(node: Json) -> Iterator[str]:
    if isinstance(node, dict):
        if node.get("k") == "ref":
            yield node["ref"]
        for child in node.values():
            yield from _references(child)
    elif isinstance(node, list):
        for child in node:
            yield from _references(child)


def _write(path: Path, value: Json) -> None:
    path.write_text(_rendered(value) + "\n", encoding="utf-8")


def _rendered(value: Json, indent: str = "") -> str:
    """JSON with sorted keys in which whatever fits a line stands on one."""
    line = json.dumps(value, sort_keys=True, ensure_ascii=False)
    if len(indent) + len(line) <= LINE_LENGTH or not isinstance(value, dict | list) or not value:
        return line
    deeper = indent + " "
    if isinstance(value, list):
        parts, opening, closing = [_rendered(item, deeper) for item in value], "[", "]"
    else:
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {_rendered(value[key], deeper)}" for key in sorted(value)]
        opening, closing = "{", "}"
    return opening + ",".join(f"\n{deeper}{part}" for part in parts) + f"\n{indent}{closing}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the trimmed type tables from a folder of full ones.")
    parser.add_argument("full", type=Path, help="folder of full tables, with index.json")
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help="default: tables/ here")
    options = parser.parse_args()
    regenerate(options.full, options.output)


if __name__ == "__main__":
    main()
