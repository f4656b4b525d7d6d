"""Whether a single value is what a type asks for."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from simulator.azure.arm.types import Anything, Integer, Items, MapOf, Number, Object, OneOf, Text, Truth, Type

IN_WORDS: Mapping[type, str] = {
    Anything: "any value",
    Integer: "an integer",
    Items: "an array",
    MapOf: "an object",
    Number: "a number",
    Object: "an object",
    OneOf: "a string",
    Text: "a string",
    Truth: "a boolean",
}
LONGEST_VALUE = 60


def has_form(value: Any, type_: Type) -> bool:
    """Whether `value` has the form of `type_`, limits and what lies inside left aside."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match type_:
        case Anything():
            return True
        case Integer():
            return is_number and value == int(value)
        case Number():
            return is_number
        case Truth():
            return isinstance(value, bool)
        case Items():
            return isinstance(value, list)
        case Object() | MapOf():
            return isinstance(value, dict)
        case Text() | OneOf():
            return isinstance(value, str)


def scalar_faults(value: Any, type_: Type | None, *, fraction: bool = False) -> Iterator[tuple[str, str]]:
    """The kinds of fault of `value` and what they are.

    `fraction`: the SDK takes any number here; Azure's tables call that an integer too.
    """
    if type_ is None or isinstance(type_, Anything):
        return
    if not has_form(value, Number() if fraction and isinstance(type_, Integer) else type_):
        yield "wrong-type", f"{in_words(type_)} is needed, got {described(value)}"
        return
    match type_:
        case OneOf() if value not in type_.values:
            alike = [allowed for allowed in type_.values if allowed.lower() == value.lower()]
            hint = f" (only the case differs from {alike[0]!r})" if alike else ""
            yield "bad-enum", f"{value!r} is not one of {list(type_.values)}{hint}"
        case Integer():
            yield from _beyond_limits(value, str(value), type_, ("below", "above"))
        case Text():
            yield from _beyond_limits(len(value), repr(value), type_, ("shorter than", "longer than"))
            if type_.pattern and not re.search(type_.pattern, value):
                yield "pattern", f"{value!r} does not match {type_.pattern}"


def _beyond_limits(
    size: float, shown: str, limits: Integer | Text, words: tuple[str, str]
) -> Iterator[tuple[str, str]]:
    if limits.minimum is not None and size < limits.minimum:
        yield "range", f"{shown} is {words[0]} {limits.minimum}"
    if limits.maximum is not None and size > limits.maximum:
        yield "range", f"{shown} is {words[1]} {limits.maximum}"


def in_words(type_: Type) -> str:
    """What a type asks for, for a message."""
    return IN_WORDS[type(type_)]


def described(value: Any) -> str:
    """A value for a message: its type and its text, cut where it is long."""
    text = json.dumps(value, default=repr)
    return f"{type(value).__name__} {text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + '...'}"
