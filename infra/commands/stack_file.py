"""`Pulumi.<stack>.yaml` as a person's file: read as the program reads it, written without losing a comment."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from infra.settings import Settings
from stream_queries.errors import UserError
from stream_queries.files import replace_file

PROJECT_FILE = "Pulumi.yaml"


@dataclass
class StackFile:
    """The file of one stack, which need not exist yet."""

    path: Path
    project: str
    content: Any
    project_config: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, stack: str) -> "StackFile":
        """The stack's file in the project's folder; UserError if a file is ill-formed or there is no project."""
        require_project(folder)
        path = folder / f"Pulumi.{stack}.yaml"
        content = _load(path) if path.is_file() else {}
        described = _load(folder / PROJECT_FILE)
        if not isinstance(described.get("name"), str):
            raise UserError(f"{PROJECT_FILE}: name is missing: give the project's")
        return cls(path, described["name"], content, described.get("config") or {})

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def config(self) -> Any:
        """All that is configured, with its prefixes; may be changed."""
        if not self.content.get("config"):
            self.content["config"] = {}
        return self.content["config"]

    @property
    def values(self) -> dict[str, Any]:
        """The project's settings as plain values, without their prefix."""
        plain = YAML(typ="safe", pure=True).load(self.text()) or {}
        prefix = f"{self.project}:"
        given: Mapping[str, Any] = plain.get("config") or {}
        return {key.removeprefix(prefix): value for key, value in given.items() if key.startswith(prefix)}

    def problems(self) -> list[str]:
        """What the program would refuse in it."""
        return Settings.read(self.values)[1]

    def get(self, *keys: str) -> Any:
        """The value at a path of the project's settings; None where there is none."""
        value: Any = self.values
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def set(self, value: Any, key: str, *below: str) -> None:
        """Write a value at a path, whose mappings are made where they are missing."""
        first, *rest = (f"{self.project}:{key}", *below)
        place = self.config
        for name in (first, *rest)[:-1]:
            if not isinstance(place.get(name), dict):
                place[name] = {}
            place = place[name]
        place[(first, *rest)[-1]] = value

    def add(self, item: Any, key: str, *below: str) -> None:
        """Append to the list at a path; what is in it stays as it is written."""
        place: Any = self.config.get(f"{self.project}:{key}")
        for name in below:
            place = place.get(name) if isinstance(place, dict) else None
        if isinstance(place, list) and place:
            place.append(item)
        else:
            self.set([item], key, *below)

    def text(self) -> str:
        """The whole file."""
        written = io.StringIO()
        _yaml().dump(self.content, written)
        return written.getvalue()

    def write(self) -> None:
        """Keep it; a half-written file is never seen."""
        replace_file(self.path, self.text())


def require_project(folder: Path) -> None:
    """UserError if the folder is no project of Pulumi's."""
    if not (folder / PROJECT_FILE).is_file():
        raise UserError(f"{folder} has no {PROJECT_FILE}: go to the project's folder first")


def shown(keys: Sequence[str]) -> str:
    """A path of settings as people write it."""
    return ".".join(keys)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _load(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        YAML(typ="safe", pure=True).load(text)  # some values are no plain ones, which only this finds
        content = _yaml().load(text)
    except (YAMLError, ValueError) as error:  # ValueError: no UTF-8, or a day that is not in the calendar
        raise UserError(f"{path.name} is no YAML: {_in_one_line(error)}") from error
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise UserError(f"{path.name} must be a mapping of keys to values")
    config = {} if content.get("config") is None else content["config"]
    if not isinstance(config, dict) or not all(isinstance(key, str) for key in config):
        raise UserError(f"{path.name}: config must be a mapping of names to values")
    return content


def _in_one_line(error: Exception) -> str:
    if isinstance(error, MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())
