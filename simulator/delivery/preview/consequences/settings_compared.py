"""Which settings differ between two trees' files of one stack."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from simulator.delivery.preview.values import one_line


@dataclass(frozen=True)
class ChangedSetting:
    """One setting, by its path in the file (`ingest.partitions`), with its old and new value, None for none.

    `undone` is the value that the first part of the path would have if this setting alone had stayed as it was.
    """

    path: str
    old: Any
    new: Any
    undone: Any

    @property
    def section(self) -> str:
        """The key of the stack's file."""
        return self.path.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.path}: {one_line(self.old)} → {one_line(self.new)}"


def stack_settings(tree: Path, stack: str) -> dict[str, Any]:
    """The settings in a tree's file of the stack, without the project's name; {} where there is no such file."""
    file = tree / f"Pulumi.{stack}.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else None
    written = (content or {}).get("config") or {}
    return {key.partition(":")[2] or key: value for key, value in written.items()}


def changed_settings(base: Path, head: Path, stack: str) -> list[ChangedSetting]:
    """Every setting that differs, in the order of the alphabet; sections are compared key by key."""
    old, new = stack_settings(base, stack), stack_settings(head, stack)
    return [change for key in sorted(old.keys() | new.keys()) for change in _changed(key, old.get(key), new.get(key))]


def _changed(section: str, old: Any, new: Any) -> Iterator[ChangedSetting]:
    if old == new:
        return
    if not all(isinstance(value, Mapping) or value is None for value in (old, new)):
        yield ChangedSetting(section, old, new, old)
        return
    before, after = dict(old or {}), dict(new or {})
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            rest = {name: value for name, value in after.items() if name != key}
            undone = rest | ({key: before[key]} if key in before else {})
            yield ChangedSetting(f"{section}.{key}", before.get(key), after.get(key), undone or None)
