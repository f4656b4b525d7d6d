"""A stack's state and plan, asked of the Pulumi command line tool."""

import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stream_queries.errors import UserError

ROOT = Path(__file__).parents[2]
_CREATIONS = ("create", "create-replacement")


@dataclass(frozen=True)
class Stack:
    """The stack of this project that is called `name`, in whatever backend Pulumi is logged in to."""

    name: str

    def export(self) -> dict[str, Any]:
        """The state, with the secrets in it still encrypted."""
        return self._json("stack", "export")

    def planned(self) -> list[dict[str, Any]]:
        """What `pulumi up` would create, as the state would hold it, in the order in which the program declares it."""
        steps = self._json("preview", "--json").get("steps") or []
        return [step["newState"] for step in steps if step["op"] in _CREATIONS]

    def write(self, state: Mapping[str, Any]) -> None:
        """Replace the state; Pulumi refuses one that is not sound, and keeps the former one in its history."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "state.json")
            file.write_text(json.dumps(state), encoding="utf-8")
            self._run("stack", "import", "--file", str(file))

    def _json(self, *arguments: str) -> dict[str, Any]:
        printed = self._run(*arguments)
        try:
            return json.loads(printed)
        except ValueError:
            raise UserError(f"`pulumi {' '.join(arguments)}` has not answered as JSON: {printed[:100]!r}") from None

    def _run(self, *arguments: str) -> str:
        command = ["pulumi", *arguments, "--stack", self.name, "--non-interactive"]
        try:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise UserError("pulumi is not on the PATH: install it") from None
        if done.returncode:
            raise UserError(f"`{' '.join(command)}` failed: {_reason(done.stderr, done.stdout)}")
        return done.stdout


def _reason(errors: str, output: str) -> str:
    """What the tool says it failed for: on standard error, or among the diagnostics of its JSON."""
    try:
        told = [one["message"] for one in json.loads(output)["diagnostics"] if one["severity"] == "error"]
    except (ValueError, KeyError, TypeError):
        told = []
    lines = [line.strip() for text in (*told, errors) for line in text.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line), lines[0] if lines else "it gave no reason")
