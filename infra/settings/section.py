"""One section of a stack's settings, read value by value; all that is wrong is collected before anything is done."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar

Value = TypeVar("Value")

_DAY = re.compile(r"(\d{4}-\d\d-\d\d) 00:00:00 \+0000 UTC")


@dataclass
class Section:
    """A mapping of settings and where it stands (`ingest`, or `database.adminGroup`).

    Each reading method returns the value, or the default when there is none or when it is wrong; `problems` then names
    the key, the value and what is allowed. Sections inside this one share the list.
    """

    path: str
    values: Mapping[str, Any]
    problems: list[str]
    known: set[str] = field(default_factory=set)

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        return self._checked(
            key, default, f"a whole number from {low} to {high}", lambda it: type(it) is int and low <= it <= high
        )

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        return self._checked(
            key,
            default,
            f"a number from {low:g} to {high:g}",
            lambda it: type(it) in (int, float) and low <= it <= high,
        )

    def boolean(self, key: str, *, default: bool) -> bool:
        """True or false."""
        return self._checked(key, default, "true or false", lambda it: isinstance(it, bool))

    def choice(self, key: str, default: Value, among: Sequence[Value]) -> Value:
        """One of some values."""
        listed = ", ".join(str(value) for value in among)
        return self._checked(key, default, f"one of {listed}", lambda it: not isinstance(it, bool) and it in among)

    def text(self, key: str, default: str, pattern: str, allowed: str) -> str:
        """A text that matches the whole of `pattern`; `allowed` says so in words."""
        return self._checked(key, default, allowed, lambda it: isinstance(it, str) and bool(re.fullmatch(pattern, it)))

    def required(self, key: str, pattern: str, allowed: str) -> str:
        """A text like `text` that has no default."""
        if self.values.get(key) is None:
            self.known.add(key)
            self.problems.append(f"{self.at(key)} is missing: give {allowed}")
            return ""
        return self.text(key, "", pattern, allowed)

    def texts(self, key: str, check: Callable[[str], bool], allowed: str) -> tuple[str, ...]:
        """A list of texts, empty if there is none; each wrong one is a problem of its own."""
        found = []
        for place, value in self._list(key):
            if isinstance(value, str) and check(value):
                found.append(value)
            else:
                self.problems.append(f"{place} is {value!r}: give {allowed}")
        return tuple(found)

    def section(self, key: str) -> "Section":
        """A section inside this one, empty if there is none."""
        self.known.add(key)
        return self._inside(self.at(key), self.values.get(key))

    def sections(self, key: str) -> "list[Section]":
        """A list of sections, empty if there is none."""
        return [self._inside(place, value) for place, value in self._list(key)]

    def refuse(self, key: str, value: object, allowed: str) -> None:
        """Note that a value, given or the default, does not fit the others."""
        self.problems.append(f"{self.at(key)} is {value!r}: give {allowed}")

    def finish(self) -> None:
        """Note every key that nobody read: a misspelled setting would otherwise have no effect, and no message."""
        for key in sorted(set(self.values) - self.known, key=str):
            self.problems.append(f"{self.at(key)} is no setting: known here are {', '.join(sorted(self.known))}")

    def at(self, key: str) -> str:
        """Where a key stands."""
        return f"{self.path}.{key}" if self.path else key

    def _checked(self, key: str, default: Value, allowed: str, check: Callable[[Any], bool]) -> Value:
        self.known.add(key)
        value = _as_written(self.values.get(key))
        if value is None:
            return default
        if check(value):
            return value
        self.problems.append(f"{self.at(key)} is {value!r}: give {allowed}")
        return default

    def _list(self, key: str) -> Iterator[tuple[str, Any]]:
        self.known.add(key)
        values = self.values.get(key) or []
        if not isinstance(values, list):
            self.problems.append(f"{self.at(key)} is {values!r}: give a list")
            return
        for index, value in enumerate(values):
            yield f"{self.at(key)}[{index}]", _as_written(value)

    def _inside(self, path: str, value: Any) -> "Section":
        if value is not None and not isinstance(value, Mapping):
            self.problems.append(f"{path} is {value!r}: give a mapping of settings")
            value = None
        return Section(path, value or {}, self.problems)


def _as_written(value: Any) -> Any:
    """A day without quotes as the text that was written: YAML reads a date, which Pulumi hands on as a time."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    day = _DAY.fullmatch(value) if isinstance(value, str) else None
    return day[1] if day else value
