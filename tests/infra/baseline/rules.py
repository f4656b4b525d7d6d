"""What a rule of the security baseline is, and the words to write one in."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.azure.arm.values import UNKNOWN
from tests.support.recording import Recording
from tests.support.recording_monitor import Recorded

MISSING = object()

Check = Callable[[Recording], Iterable[tuple[str, str]]]
"""What breaks a rule in a recording: which resource, and what about it."""


@dataclass(frozen=True)
class Rule:
    """One demand of the baseline; `tokens` are the types it is about, without which it has nothing to say."""

    id: str
    sentence: str
    tokens: tuple[str, ...]
    check: Check

    def failures(self, recording: Recording) -> list[str]:
        """One line for each resource that breaks the rule."""
        return [f"{self.id} {self.sentence}: {resource}: {fault}" for resource, fault in self.check(recording)]


@dataclass(frozen=True)
class Expectation:
    """What a property must be. A value that is unknown before the deployment is let pass."""

    words: str
    holds: Callable[[Any], bool]

    def met(self, value: Any) -> bool:
        return value is UNKNOWN or self.holds(value)


def equal(wanted: Any) -> Expectation:
    return Expectation(f"must be {wanted!r}", lambda value: value == wanted)


def one_of(*wanted: Any) -> Expectation:
    return Expectation(f"must be one of {list(wanted)}", lambda value: value in wanted)


def containing(wanted: str) -> Expectation:
    return Expectation(f"must contain {wanted!r}", lambda value: isinstance(value, str) and wanted in value)


def at_least(wanted: int) -> Expectation:
    return Expectation(f"must be {wanted} or more", lambda value: isinstance(value, int | float) and value >= wanted)


def left_at(default: Any) -> Expectation:
    return Expectation(f"must be {default!r}, or not given", lambda value: value is MISSING or value == default)


GIVEN = Expectation("must be given", lambda value: value is not MISSING and value is not None)
NOT_GIVEN = Expectation("must not be given", lambda value: value is MISSING or value is None)


def property_rule(id_: str, sentence: str, token: str, path: str, expectation: Expectation) -> Rule:
    """The rule that every resource of a type has a property, by its path in the request body, as expected."""

    def check(recording: Recording) -> Iterator[tuple[str, str]]:
        for resource in recording.of_type(token):
            value = value_at(resource.body, path)
            if not expectation.met(value):
                yield (
                    named(resource),
                    f"{path} is {'not given' if value is MISSING else repr(value)}, {expectation.words}",
                )

    return Rule(id_, sentence, (token,), check)


def value_at(body: Any, path: str) -> Any:
    """The value at a dotted path in a request body, or `MISSING`."""
    for key in path.split("."):
        if not isinstance(body, Mapping) or key not in body:
            return MISSING
        body = body[key]
    return body


def walk(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value inside `value`, with its path."""
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*path, str(key)), inner
        yield from walk(inner, (*path, str(key)))


def named(resource: Recorded) -> str:
    """A resource for a message: type and name."""
    return f"{resource.type.removeprefix('azure-native:')} {resource.name!r}"
