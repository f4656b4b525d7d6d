"""What Azure and the SDK know of each resource type: the tables of `tables/` as typed values."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from simulator.azure.arm.values import UNKNOWN

FOLDER = Path(__file__).parent / "tables"
BY_HAND = FOLDER / "by_hand"
PACKAGE = "azure-native"


@dataclass(frozen=True)
class Anything:
    """A value of any form."""


@dataclass(frozen=True)
class Truth:
    """True or false."""


@dataclass(frozen=True)
class Number:
    """A number; only the SDK knows fractions, Azure's tables call every number an integer."""


@dataclass(frozen=True)
class Integer:
    """A whole number within limits, both included."""

    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True)
class Text:
    """A string; the limits are of its length."""

    minimum: int | None = None
    maximum: int | None = None
    pattern: str | None = None


@dataclass(frozen=True)
class OneOf:
    """A string out of a set. Where Azure marks the set as open it may grow; the checks hold to today's values."""

    values: tuple[str, ...]
    open: bool


@dataclass(frozen=True)
class Items:
    """A list; the limits are of its length."""

    item: "Type"
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True)
class MapOf:
    """The SDK's mapping from any key to values of one type."""

    value: "Type"


@dataclass(frozen=True)
class Object:
    """An object, by the name it has in its table; the SDK may leave a choice."""

    names: tuple[str, ...]


Type = Anything | Truth | Number | Integer | Text | OneOf | Items | MapOf | Object


@dataclass(frozen=True)
class ArmProperty:
    """A property in the body of a request or an answer."""

    type: Type
    required: bool = False
    read_only: bool = False


@dataclass(frozen=True)
class ArmObject:
    """An object of Azure's tables. With a discriminator, that property's value chooses a variant with more properties.

    `renames` maps the SDK's names to Azure's where no rule yields them; `unlisted` names what the provider sends though
    Azure's tables do not list it.
    """

    name: str
    properties: Mapping[str, ArmProperty]
    additional: Type | None
    discriminator: str | None
    variants: Mapping[str, str]
    renames: Mapping[str, str]
    unlisted: frozenset[str]


@dataclass(frozen=True)
class SdkProperty:
    """An input as pulumi-azure-native knows it; `constant` tells apart the objects an input may choose from."""

    type: Type
    required: bool = False
    constant: str | None = None


SdkObject = Mapping[str, SdkProperty]


@dataclass(frozen=True)
class ResourceType:
    """A resource type as Azure and the SDK see it.

    `path` says what the resource's id is made of, in order: inputs by name, `=word` for a fixed word, `scope:input`
    for the id of what the resource belongs to. `query` names inputs that are sent beside the body.
    """

    token: str
    arm_type: str
    api_version: str
    path: tuple[str, ...]
    query: tuple[str, ...]
    name: Type | None
    body: str
    objects: Mapping[str, ArmObject]
    sdk_inputs: SdkObject
    sdk_objects: Mapping[str, SdkObject]

    @property
    def path_inputs(self) -> tuple[str, ...]:
        """Inputs that are part of the id."""
        return tuple(part.removeprefix("scope:") for part in self.path if not part.startswith("="))

    def properties(self, thing: ArmObject, variant: object) -> dict[str, ArmProperty]:
        """What `thing` may hold, given its discriminator's value.

        Without a value it may hold what any variant may; of properties with one name the first variant's counts, so
        where a discriminator is missing or unknown, findings about its object can mislead.
        """
        properties = dict(thing.properties)
        if isinstance(variant, str) and variant in thing.variants:
            properties |= self.objects[thing.variants[variant]].properties
        elif variant is None or variant is UNKNOWN:
            for name in thing.variants.values():
                for key, property_ in self.objects[name].properties.items():
                    properties.setdefault(key, ArmProperty(property_.type, read_only=property_.read_only))
        return properties

    def as_object(self, type_: Type | None) -> ArmObject | None:
        """The object that a type of Azure's tables names, or None for every other type."""
        return self.objects[type_.names[0]] if isinstance(type_, Object) else None


LATER_VALUES: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "azure-native:streamanalytics:StreamingJob": (("Sku", "name", "StandardV2"),),
}
"""Values of open sets that Azure takes and its table of this API version lacks: object, property, value.

https://github.com/Azure/azure-quickstart-templates/tree/master/quickstarts/microsoft.streamanalytics/streamanalytics-create
and, with API version 2020-03-01, azurerm_stream_analytics_job (`sku_name`)"""


@cache
def resource_type(token: str) -> ResourceType | None:
    """The type that the SDK calls `token` (`azure-native:storage:StorageAccount`), or None where no table is kept."""
    package, _, name = token.partition(":")
    file = f"{name.replace(':', '.')}.json"
    path = next((folder / file for folder in (FOLDER, BY_HAND) if (folder / file).is_file()), None)
    if package != PACKAGE or path is None:
        return None
    table = json.loads(path.read_text(encoding="utf-8"))
    for thing, property_, value in LATER_VALUES.get(token, ()):
        table["objects"][thing]["properties"][property_]["type"]["values"].append(value)
    return ResourceType(
        token=table["token"],
        arm_type=table["arm_type"],
        api_version=table["api_version"],
        path=tuple(table["path"]),
        query=tuple(table["query"]),
        name=None if table["name"] is None else _type(table["name"]),
        body=table["body"],
        objects={name: _arm_object(name, written) for name, written in table["objects"].items()},
        sdk_inputs=_sdk_object(table["sdk_inputs"]),
        sdk_objects={name: _sdk_object(written) for name, written in table["sdk_objects"].items()},
    )


def sdk_name(name: str) -> str:
    """The SDK's name of Azure's property `name`: `odata.type` → `odataType`, `Application_Type` → `applicationType`."""
    words = [word for word in re.split(r"[^0-9A-Za-z]+", name) if word]
    if not words:
        return name
    first, *others = words
    return first[0].lower() + first[1:] + "".join(word[0].upper() + word[1:] for word in others)


def _arm_object(name: str, written: Mapping[str, Any]) -> ArmObject:
    return ArmObject(
        name=name.split("#")[0],
        properties={
            key: ArmProperty(_type(one["type"]), one.get("required", False), one.get("read_only", False))
            for key, one in written["properties"].items()
        },
        additional=_type(written["additional"]) if "additional" in written else None,
        discriminator=written.get("discriminator"),
        variants=written.get("variants", {}),
        renames=written.get("renames", {}),
        unlisted=frozenset(written.get("unlisted", ())),
    )


def _sdk_object(written: Mapping[str, Any]) -> SdkObject:
    return {
        key: SdkProperty(_type(one["type"]), one.get("required", False), one.get("constant"))
        for key, one in written.items()
    }


WORDS: Mapping[str, Type] = {
    "any": Anything(),
    "boolean": Truth(),
    "number": Number(),
    "integer": Integer(),
    "string": Text(),
}


def _type(written: Any) -> Type:
    """A type as the tables write it: a word, or an object whose key says which type it is."""
    if isinstance(written, str):
        return WORDS[written]
    match written:
        case {"integer": limits}:
            return Integer(**limits)
        case {"string": limits}:
            return Text(**limits)
        case {"values": values}:
            return OneOf(tuple(values), written.get("open", False))
        case {"items": item, **limits}:
            return Items(_type(item), **limits)
        case {"map": value}:
            return MapOf(_type(value))
        case {"object": name}:
            return Object((name,))
        case {"objects": names}:
            return Object(tuple(names))
    raise ValueError(f"{written!r} is no type of these tables")
