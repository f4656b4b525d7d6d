"""A deployed stack of this project that tests may change, break and destroy: it is set back to what it was."""

import json
import os
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from simulator.azure.engine import Engine, Result, find_cli
from simulator.azure.provider import Faults, serve
from simulator.azure.subscription import StoredResource, Subscription
from tests.support.azure.engine_stack import copy_tree, require_cli


@dataclass
class Deployment:
    """One stack of a copy of this project, without hooks, in a simulated subscription of its own."""

    engine: Engine
    subscription: Subscription
    faults: Faults
    provider_port: int
    _kept: tuple[str, str] = field(default=("", ""), init=False)

    @property
    def tree(self) -> Path:
        """The copy of this project."""
        return self.engine.tree

    def keep(self) -> None:
        """Let what is deployed now be what `reset` goes back to."""
        self._kept = (self.engine.export_stack(), self.subscription.snapshot())

    def reset(self) -> None:
        """Set the subscription and the stack's state back, and forget all faults."""
        state, resources = self._kept
        self.engine.import_stack(state)
        self.subscription.restore(resources)
        self.faults.clear()
        self.faults.struck.clear()

    def settings(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Values for `Engine.up` and others: the stack's own, changed by dotted path (`stream.streamingUnits`)."""
        file = self.tree / f"Pulumi.{self.engine.workspace.stack}.yaml"
        written = yaml.safe_load(file.read_text(encoding="utf-8"))["config"]
        values = {key.partition(":")[2]: value for key, value in written.items()}
        for path, value in changes.items():
            first, *rest = path.split(".")
            values[first] = _with(values.get(first), rest, value)
        return {first: values[first] for first in {path.partition(".")[0] for path in changes}}

    def pulumi(self, *arguments: str) -> str:
        """Run Pulumi's command line tool on the stack, as a person would; returns what it printed."""
        workspace = self.engine.workspace
        provider = {"PULUMI_DEBUG_PROVIDERS": f"azure-native:{self.provider_port}"}
        run = subprocess.run(
            [find_cli(), *arguments, "--stack", workspace.stack, "--non-interactive"],
            cwd=workspace.work,
            env={**os.environ, **workspace.environment(), **provider},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout
        return run.stdout

    def resource(self, logical_name: str, token: str = "") -> StoredResource:
        """What exists of the only resource with this name in the program, and of this type where one is given."""
        found = [one for one in self.state() if one["urn"].endswith(f"{token}::{logical_name}") and one.get("id")]
        (one,) = found
        existing = self.subscription.get(one["id"])
        assert existing is not None, f"{logical_name} is in the state and does not exist"
        return existing

    def state(self) -> list[dict[str, Any]]:
        """All resources in the stack's state."""
        return self._deployment().get("resources", [])

    def pending(self) -> list[dict[str, Any]]:
        """Operations that were begun and of whose end the stack's state knows nothing."""
        return self._deployment().get("pending_operations") or []

    def _deployment(self) -> dict[str, Any]:
        return json.loads(self.engine.export_stack())["checkpoint"]["latest"] or {}


@contextmanager
def deployment(folder: Path, stack: str = "dev", *, faults: Faults | None = None) -> Generator[Deployment]:
    """A stack to deploy, in an empty subscription."""
    require_cli()
    tree, subscription, faults = copy_tree(folder / "tree"), Subscription(), faults or Faults()
    with (
        serve(subscription, faults) as port,
        Engine(tree, folder / "stack", port, stack=stack, hooks=False) as engine,
    ):
        yield Deployment(engine, subscription, faults, port)


def operations(result: Result) -> list[str]:
    """What an operation did, one line per resource that did not stay as it was, in the alphabet's order.

    `replace (old first) eventhub:EventHub scoring-readings: partitionCount!`: the properties that differ follow the
    colon; those that make the replacement necessary have an exclamation mark.
    """
    order = [(step.operation, step.urn) for step in result.steps]
    lines = []
    for step in result.steps:
        if step.title not in result.changes or step.operation not in (result.changes[step.title],):
            continue
        how = step.operation
        if how == "replace":
            first, other = order.index(("delete-replaced", step.urn)), order.index(("create-replacement", step.urn))
            how += " (old first)" if first < other else " (new first)"
        paths = sorted(f"{one.path}!" if one.replaces else one.path for one in step.changes)
        lines.append(f"{how} {step.title}" + (f": {', '.join(paths)}" if paths else ""))
    return sorted(lines)


def _with(values: Any, path: list[str], value: Any) -> Any:
    """`values` with the one at `path` replaced."""
    if not path:
        return value
    inside = dict(values or {})
    inside[path[0]] = _with(inside.get(path[0]), path[1:], value)
    return inside
