"""The files of one simulated stack: its project and settings, and the backend that keeps its state."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stream_queries.errors import UserError

_INSTEAD_OF_SECRETS = "simulated"


@dataclass(frozen=True)
class StackWorkspace:
    """A folder that stands in for an operator's machine and the place where stacks are kept.

    Several trees may use one folder, one after the other: that is how a change of the program is tried.
    """

    folder: Path
    stack: str

    @property
    def work(self) -> Path:
        """Where the engine is run: holds `Pulumi.yaml` and the stack's file."""
        return self.folder / "work"

    @property
    def backend(self) -> Path:
        """Where the stack's state is kept."""
        return self.folder / "backend"

    @property
    def home(self) -> Path:
        """What the command line tool keeps between its runs."""
        return self.folder / "home"

    def environment(self) -> dict[str, str]:
        """What tells the command line tool to use this folder, and nothing off this machine."""
        return {
            "PULUMI_BACKEND_URL": f"file://{self.backend.resolve()}",
            "PULUMI_CONFIG_PASSPHRASE": "simulated",
            "PULUMI_HOME": str(self.home.resolve()),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # Else the engine looks for the plugin of azure-native on the network, although it is attached.
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def write(self, tree: Path, overrides: Mapping[str, Any]) -> None:
        """Copy the tree's project and settings, some values replaced.

        `overrides` are keys of the stack's file (the project's name may be left out) with values as one would write
        them there; None removes a key. Secrets become a plain word: there is no key for them.
        """
        for folder in (self.work, self.backend):
            folder.mkdir(parents=True, exist_ok=True)
        self._keep_no_logs()
        project = _read(tree / "Pulumi.yaml")
        name = str(project.get("name", ""))
        project.pop("main", None)
        project["runtime"] = "python"
        _write(self.work / "Pulumi.yaml", project)
        settings = dict(_read(tree / f"Pulumi.{self.stack}.yaml").get("config") or {})
        settings |= {key if ":" in key else f"{name}:{key}": value for key, value in overrides.items()}
        path = self.work / f"Pulumi.{self.stack}.yaml"
        salt = _read(path).get("encryptionsalt") if path.is_file() else None
        config = {key: _without_secrets(value) for key, value in settings.items() if value is not None}
        _write(path, {"config": config} | ({"encryptionsalt": salt} if salt else {}))

    def export_stack(self) -> str:
        """The stack's state; "" before the first operation. A copy of the backend's file takes no run of the tool."""
        path = self._state()
        return path.read_text(encoding="utf-8") if path else ""

    def import_stack(self, state: str) -> None:
        """Put the state back that `export_stack` gave, and whatever a killed operation has left locked."""
        self.unlock()
        if (path := self._state()) is None:
            raise LookupError(f"{self.backend} holds no stack {self.stack} yet: run an operation first")
        json.loads(state)
        path.write_text(state, encoding="utf-8")

    def unlock(self) -> None:
        """Remove the lock that a killed operation has left, as `pulumi cancel` does.

        A state file that the tool was killed in writing is cut off: the backup beside it takes its place.
        """
        for lock in self.backend.glob(".pulumi/locks/**/*.json"):
            lock.unlink()
        if (path := self._state()) and not _is_json(path):
            backup = path.with_name(f"{path.name}.bak")
            if backup.is_file():
                shutil.copyfile(backup, path)

    def _keep_no_logs(self) -> None:
        """Let the tool write no log of every value that it handles, compressed and encrypted: a fifth of its time.

        There is no switch; it goes on without where the folder cannot be made.
        """
        self.home.mkdir(exist_ok=True)
        (self.home / "logs").touch()

    def _state(self) -> Path | None:
        return next(self.backend.glob(f".pulumi/stacks/*/{self.stack}.json"), None)


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return (
            _INSTEAD_OF_SECRETS
            if set(value) == {"secure"}
            else {key: _without_secrets(one) for key, one in value.items()}
        )
    return [_without_secrets(one) for one in value] if isinstance(value, list) else value


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError as error:
        raise UserError(f"{path.parent} has no {path.name}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no YAML: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} must be a mapping of keys to values")
    return content


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True), encoding="utf-8")
