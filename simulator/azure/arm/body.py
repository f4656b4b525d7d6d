"""The request body that the provider makes of a resource's inputs, and what Azure would find wrong with it.

pulumi-azure-native lifts what Azure holds under `properties` to the top, renames some properties and takes lists of
strings where Azure takes maps. Going back, it leaves out, without a word, every key it does not know. So a typing
error in a resource is an absence in Azure: here it is a finding.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from simulator.azure.arm.placement import discriminated, find_place, name_in_sdk
from simulator.azure.arm.scalars import described, has_form, in_words, scalar_faults
from simulator.azure.arm.types import (
    Anything,
    ArmObject,
    Items,
    MapOf,
    Number,
    Object,
    OneOf,
    ResourceType,
    SdkObject,
    SdkProperty,
    Type,
    sdk_name,
)
from simulator.azure.arm.values import UNKNOWN


@dataclass(frozen=True)
class Finding:
    """One thing wrong with a resource: the kind of fault, where (in the SDK's names), and what it is."""

    kind: str
    path: str
    message: str


class Body:
    """The body that the inputs of a resource make, and all findings on the way.

    `inputs` are in the SDK's camel case, plain Python values (see `arm.values.plain`).
    """

    def __init__(self, type_: ResourceType, inputs: Mapping[str, Any]) -> None:
        self._type = type_
        self._findings: dict[tuple[str, str], Finding] = {}
        inputs = {name: value for name, value in inputs.items() if not name.startswith("__")}
        self._check_id(inputs)
        self.content = self._object(inputs, type_.sdk_inputs, type_.objects[type_.body], "", is_resource=True)

    @property
    def findings(self) -> list[Finding]:
        """What is wrong, each kind once per path."""
        return list(self._findings.values())

    def _report(self, kind: str, path: str, message: str) -> None:
        path = path.removeprefix(".")
        self._findings.setdefault((kind, path), Finding(kind, path, message))

    def _check_id(self, inputs: Mapping[str, Any]) -> None:
        """Check what the resource's id is made of, and what is sent beside the body."""
        for part in self._type.path:
            name = part.removeprefix("scope:")
            value = inputs.get(name)
            if part.startswith("=") or value is UNKNOWN:
                continue
            if value is None:
                if self._type.sdk_inputs[name].required:
                    self._report("missing-required", name, "is required (part of the resource's id)")
            elif not isinstance(value, str):
                self._report("wrong-type", name, f"a string is needed, got {described(value)}")
            elif not value:
                self._report("pattern", name, "is empty")
            elif part.startswith("scope:") and not value.startswith("/"):
                self._report("pattern", name, f"{value!r} is not the id of a resource")
        for name in self._type.query:
            self._value(inputs.get(name), self._type.sdk_inputs[name].type, None, name)
        last, allowed = self._type.path[-1], self._type.name
        if isinstance(inputs.get(last), str) and not (isinstance(allowed, OneOf) and allowed.open):
            self._check_scalar(inputs[last], allowed, last)

    def _value(self, value: Any, sdk: Type, arm: Type | None, path: str) -> Any:
        """Azure's form of an input. `arm` is None where Azure's tables leave the form free."""
        if value is UNKNOWN or value is None:
            return value
        if not has_form(value, sdk):
            self._report("wrong-type", path, f"{in_words(sdk)} is needed, got {described(value)}")
            return value
        if isinstance(value, list):
            return self._list(value, sdk, arm, path)
        if isinstance(value, Mapping):
            return self._mapping(value, sdk, arm, path)
        self._check_scalar(value, arm, path, fraction=isinstance(sdk, Number))
        return value

    def _check_scalar(self, value: Any, arm: Type | None, path: str, *, fraction: bool = False) -> None:
        for kind, message in scalar_faults(value, arm, fraction=fraction):
            self._report(kind, path, message)

    def _list(self, value: list[Any], sdk: Type, arm: Type | None, path: str) -> Any:
        if isinstance(arm, Object) and all(isinstance(item, str) or item is UNKNOWN for item in value):
            return {str(item): {} for item in value}  # a set of strings, such as user-assigned identities
        item_type = None
        if isinstance(arm, Items):
            item_type = arm.item
            if arm.minimum is not None and len(value) < arm.minimum:
                self._report("range", path, f"at least {arm.minimum} items are needed, got {len(value)}")
            if arm.maximum is not None and len(value) > arm.maximum:
                self._report("range", path, f"at most {arm.maximum} items are allowed, got {len(value)}")
        elif arm is not None and not isinstance(arm, Anything):
            self._report("wrong-type", path, f"{in_words(arm)} is needed, got an array")
        item_sdk = sdk.item if isinstance(sdk, Items) else Anything()
        return [self._value(item, item_sdk, item_type, f"{path}[{index}]") for index, item in enumerate(value)]

    def _mapping(self, value: Mapping[str, Any], sdk: Type, arm: Type | None, path: str) -> Any:
        if not isinstance(arm, Object | Anything | None):
            self._report("wrong-type", path, f"{in_words(arm)} is needed, got an object")
            return value
        thing = self._type.as_object(arm)
        if isinstance(sdk, Object):
            candidates = [self._type.sdk_objects[name] for name in sdk.names]
            return self._object(value, max(candidates, key=lambda known: _likeness(value, known)), thing, path)
        if isinstance(sdk, MapOf):
            inner = thing.additional if thing is not None else None
            return {key: self._value(item, sdk.value, inner, f"{path}[{key!r}]") for key, item in value.items()}
        return value

    def _object(
        self,
        value: Mapping[str, Any],
        known: SdkObject,
        thing: ArmObject | None,
        path: str,
        *,
        is_resource: bool = False,
    ) -> dict[str, Any]:
        """Azure's form of an object that the SDK knows as `known`; `thing` is None where Azure leaves the form free."""
        apart = (*self._type.path_inputs, *self._type.query) if is_resource else ()
        value = {name: item for name, item in value.items() if name not in apart}
        if thing is not None and thing.discriminator is not None:
            self._check_variant(discriminated(thing, value), thing, f"{path}.{sdk_name(thing.discriminator)}")
        body: dict[str, Any] = {}
        for name, item in value.items():
            here = f"{path}.{name}"
            if name not in known:
                self._report("unknown-property", here, f"is dropped silently by the provider{_hint(name, known)}")
                continue
            self._check_constant(item, known[name].constant, here)
            if thing is not None:
                self._place(name, value, known, thing, body, here)
            elif item is not None:
                body[name] = self._value(item, known[name].type, None, here)
        for name, property_ in known.items():
            if property_.required and name not in apart and value.get(name) is None:
                self._report("missing-required", f"{path}.{name}", "is required")
        if thing is not None:
            self._check_required(body, value, thing, known, path, is_resource=is_resource)
        return body

    def _place(
        self,
        name: str,
        value: Mapping[str, Any],
        known: Mapping[str, SdkProperty],
        thing: ArmObject,
        body: dict[str, Any],
        path: str,
    ) -> None:
        """Set the input `name` of `value` where it belongs in `body`."""
        item, place = value[name], find_place(self._type, thing, name, known, value)
        if place is None:
            if name not in thing.unlisted:
                where = f"{thing.name}@{self._type.api_version}"
                self._report("unknown-property", path, f"does not exist in {where}")
        elif item is not None and place.property.read_only:
            self._report("read-only", path, "is for Azure to set")
        elif item is not None:
            place.put(self._value(item, known[name].type, place.property.type, path), body)

    def _check_variant(self, variant: object, thing: ArmObject, path: str) -> None:
        if variant is None:
            self._report("missing-required", path, f"decides what this object is: one of {sorted(thing.variants)}")
        elif variant is not UNKNOWN and not (isinstance(variant, str) and variant in thing.variants):
            self._report("bad-enum", path, f"{variant!r} is not one of {sorted(thing.variants)}")

    def _check_constant(self, item: Any, constant: str | None, path: str) -> None:
        if constant is not None and item is not UNKNOWN and item != constant:
            self._report("bad-enum", path, f"{item!r}: the type this object is most like needs {constant!r}")

    def _check_required(
        self,
        body: Mapping[str, Any],
        value: Mapping[str, Any],
        thing: ArmObject,
        known: Mapping[str, SdkProperty],
        path: str,
        *,
        is_resource: bool = False,
        containers: tuple[str, ...] = (),
    ) -> None:
        """Report what Azure requires in `thing`, and in the objects that were lifted out of it, and `body` lacks."""
        for key, property_ in self._type.properties(thing, discriminated(thing, value)).items():
            ours, inner = name_in_sdk(thing, key), self._type.as_object(property_.type)
            lifted = inner is not None and ours not in known
            if property_.read_only or (key not in body and (not property_.required or key == thing.discriminator)):
                continue
            if is_resource and key == "location":
                continue  # the provider takes the resource group's
            if inner is not None and lifted:
                content = body.get(key, {})
                if isinstance(content, Mapping):
                    self._check_required(content, value, inner, known, path, containers=(*containers, key))
            elif key not in body and ours not in self._type.path_inputs:
                self._report("missing-required", f"{path}.{ours}", f"is required ({'.'.join((*containers, key))})")


def _likeness(value: Mapping[str, Any], known: SdkObject) -> int:
    """How much like a type of the SDK an object is: its constant decides, else the number of properties it knows."""
    score = sum(name in known for name in value)
    for name, property_ in known.items():
        if property_.constant is not None and name in value:
            score += 100 if value[name] == property_.constant else -100
    return score


def _hint(name: str, known: Iterable[str]) -> str:
    alike = get_close_matches(name, list(known), n=1, cutoff=0.75)
    return f" (did you mean {alike[0]!r}?)" if alike else ""
