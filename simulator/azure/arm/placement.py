"""Where in a request body an SDK input belongs.

The SDK lifts properties out of nested objects (usually `properties`) into the object around them. A nested object was
lifted from when the SDK's object has no property of the nested object's own name.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.azure.arm.types import ArmObject, ArmProperty, ResourceType, sdk_name

DEPTH = 4
"""How many objects deep a lifted property may lie."""


@dataclass(frozen=True)
class Place:
    """The names that lead from an object of the body to a property, and the property."""

    keys: tuple[str, ...]
    property: ArmProperty

    def put(self, value: Any, body: dict[str, Any]) -> None:
        """Set the property in `body`, making the objects on the way."""
        *containers, last = self.keys
        for container in containers:
            body = body.setdefault(container, {})
        body[last] = value


def find_place(
    type_: ResourceType,
    thing: ArmObject,
    name: str,
    known: Container[str],
    value: Mapping[str, Any],
    depth: int = DEPTH,
) -> Place | None:
    """Where the input `name` of the SDK's object `value` belongs in `thing`; `known` are that object's possible inputs.

    A property that can be written is preferred to a read-only one of the same name, and the object's own to a nested
    one. None means that the body has no place for the input.
    """
    own = None
    properties = type_.properties(thing, discriminated(thing, value))
    for key, property_ in properties.items():
        if name in (key, sdk_name(key)) or key == thing.renames.get(name):
            if not property_.read_only:
                return Place((key,), property_)
            own = own or Place((key,), property_)
    nested = _find_nested(type_, properties, name, known, value, depth) if depth else None
    return own if nested is None or (own is not None and nested.property.read_only) else nested


def discriminated(thing: ArmObject, value: Mapping[str, Any]) -> object:
    """The value that decides which variant of `thing` the SDK's object is, or None."""
    if thing.discriminator is None:
        return None
    return value.get(sdk_name(thing.discriminator), value.get(thing.discriminator))


def name_in_sdk(thing: ArmObject, key: str) -> str:
    """What the SDK calls Azure's property `key` of `thing`."""
    return {theirs: ours for ours, theirs in thing.renames.items()}.get(key, sdk_name(key))


def _find_nested(
    type_: ResourceType,
    properties: Mapping[str, ArmProperty],
    name: str,
    known: Container[str],
    value: Mapping[str, Any],
    depth: int,
) -> Place | None:
    best = None
    for key, property_ in properties.items():
        inner = type_.as_object(property_.type)
        if inner is None or property_.read_only or sdk_name(key) in known:
            continue
        if inner.additional is not None and not inner.properties:  # a map: its keys are the user's
            continue
        place = find_place(type_, inner, name, known, value, depth - 1)
        if place is None or (best is not None and key != "properties"):
            continue
        if best is None or best.property.read_only or not place.property.read_only:
            best = Place((key, *place.keys), place.property)
    return best
