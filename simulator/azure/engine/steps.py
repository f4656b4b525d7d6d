"""What the engine did or would do: steps, the properties that change in each, and the result of an operation."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Operation = Literal["up", "preview", "refresh", "destroy"]

_ENGINES_OWN = ("pulumi:pulumi:", "pulumi:providers:")
_PARTS_OF_REPLACING = ("create-replacement", "delete-replaced", "discard-replaced")
_PATH = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')


@dataclass(frozen=True)
class Change:
    """One property of one resource; `old` and `new` are None where there is none. Paths are the SDK's names."""

    path: str
    old: Any
    new: Any
    replaces: bool = False


@dataclass(frozen=True)
class Step:
    """One resource and what happens to it.

    `operation` is the engine's: `same`, `create`, `update`, `delete`, `replace` and its parts, `refresh`, `read` …
    `status` is `done` (in a preview: planned), `failed`, or `begun` where the operation ended in between. Components
    are not `custom`: they exist only in the program.
    """

    operation: str
    urn: str
    type: str
    status: str
    changes: tuple[Change, ...] = ()
    replace_keys: tuple[str, ...] = ()
    custom: bool = True
    old_id: str = ""
    new_id: str = ""
    protect: bool = False
    old_inputs: Mapping[str, Any] = field(default_factory=dict)
    new_inputs: Mapping[str, Any] = field(default_factory=dict)
    old_outputs: Mapping[str, Any] = field(default_factory=dict)
    new_outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name in the program."""
        return self.urn.rpartition("::")[2]

    @property
    def title(self) -> str:
        """Type and name, for instance `storage:StorageAccount scoringdata`."""
        return title(self.urn)


@dataclass(frozen=True)
class Message:
    """What the engine or the program said: `severity` is `info`, `info#err`, `warning` or `error`."""

    severity: str
    resource: str
    text: str

    def __str__(self) -> str:
        return f"{self.resource}: {self.text}" if self.resource else self.text


@dataclass(frozen=True)
class Result:
    """An operation that came to its end; `printed` are the lines that the program and its hooks wrote."""

    operation: Operation
    steps: tuple[Step, ...]
    outputs: Mapping[str, Any]
    messages: tuple[Message, ...]
    printed: tuple[str, ...]
    seconds: float

    @property
    def changes(self) -> dict[str, str]:
        """Title and operation of every resource that does not stay as it is; `replace` stands for its parts too."""
        return {
            step.title: step.operation
            for step in self.steps
            if step.operation not in ("same", *_PARTS_OF_REPLACING) and not step.type.startswith(_ENGINES_OWN)
        }

    def step(self, title_or_name: str) -> Step:
        """The only step of this resource, or of those that replace it the one called `replace`."""
        wanted = [step for step in self.steps if title_or_name in (step.title, step.name)]
        found = [step for step in wanted if step.operation not in _PARTS_OF_REPLACING] or wanted
        if len(found) != 1:
            raise LookupError(f"{len(found)} steps are {title_or_name}: {sorted(step.title for step in self.steps)}")
        return found[0]


class EngineError(Exception):
    """An operation that failed: the engine's reasons, a line for each; `result` is how far it got."""

    def __init__(self, text: str, result: Result) -> None:
        super().__init__(text)
        self.result = result


def title(urn: str) -> str:
    """Type and name of a resource as one would say them: no package, no parents."""
    *_, kinds, name = urn.split("::") if urn.count("::") >= 3 else ("", urn)
    return f"{kinds.rpartition('$')[2].removeprefix('azure-native:')} {name}".strip()


def read_step(raw: Mapping[str, Any]) -> Step:
    """A step from what the child process wrote down."""
    old, new = raw["old"] or {}, raw["new"] or {}
    states = [state.get(part) or {} for state in (old, new) for part in ("inputs", "outputs")]
    old_inputs, old_outputs, new_inputs, new_outputs = states
    if raw["detailed"]:
        refreshed = raw["operation"] == "refresh" or new_inputs == old_inputs
        changes = [
            Change(
                path,
                value_at(old_inputs if one["inputs"] else old_outputs, path),
                value_at(new_outputs if refreshed and not one["inputs"] else new_inputs, path),
                one["kind"].endswith("replace"),
            )
            for path, one in raw["detailed"].items()
        ]
    elif old and new:
        changes = [
            Change(path, before, after, path.partition(".")[0] in raw["replace_keys"])
            for path, before, after in differences(old_inputs, new_inputs)
        ]
    else:
        changes = []
    return Step(
        operation=raw["operation"],
        urn=raw["urn"],
        type=raw["type"],
        status=raw["status"],
        changes=tuple(changes),
        replace_keys=tuple(raw["replace_keys"]),
        custom=bool(old.get("custom") or new.get("custom")),
        old_id=old.get("id") or "",
        new_id=new.get("id") or "",
        protect=bool(old.get("protect") or new.get("protect")),
        old_inputs=old_inputs,
        new_inputs=new_inputs,
        old_outputs=old_outputs,
        new_outputs=new_outputs,
    )


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Path, old and new value of every leaf that differs; lists of different lengths differ at their ends."""
    old, new = (_empty_like(other) if one is None and other else one for one, other in ((old, new), (new, old)))
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys()):
            yield from differences(old.get(key), new.get(key), _below(path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before, after = (values[index] if index < len(values) else None for values in (old, new))
            yield from differences(before, after, f"{path}[{index}]")
    elif old != new:
        yield path, old, new


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path and value of every leaf."""
    for at, _, leaf in differences(_empty_like(value), value, path):
        yield at, leaf


def _empty_like(value: Any) -> Any:
    return {} if isinstance(value, Mapping) else [] if isinstance(value, list) else None


def _below(path: str, key: str) -> str:
    if not re.fullmatch(r"[\w$-]+", key):
        return f'{path}["{key}"]'
    return f"{path}.{key}" if path else key


def value_at(value: Any, path: str) -> Any:
    """The value at a property path of the engine (`inputs[0].properties["a.b"]`); None where there is none."""
    for quoted, index, name in _PATH.findall(path):
        if isinstance(value, Mapping):
            value = value.get(quoted or name or index)
        elif isinstance(value, Sequence) and not isinstance(value, str) and index and int(index) < len(value):
            value = value[int(index)]
        else:
            return None
    return value
