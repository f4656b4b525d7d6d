"""Run the Pulumi program without Azure and without an engine, and keep what it asked the engine for.

The program runs as it would under `pulumi up`: as module `infra`, with the configuration of a real stack file on top of
the defaults of `Pulumi.yaml`. Each run has an event loop, a Pulumi runtime and modules of its own, so runs in one
process do not see each other. Not here: the engine's check of values against the schema in `Pulumi.yaml`.
"""

import asyncio
import contextvars
import copy
import importlib
import json
import logging
import runpy
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pulumi
import yaml
from pulumi.runtime import config as pulumi_config
from pulumi.runtime import mocks, settings
from pulumi.runtime.stack import run_in_stack

from simulator.azure import arm
from tests.support.recording_monitor import Invoke, Recorded, RecordingMonitor

REPOSITORY = Path(__file__).parents[2]
PROGRAM = "infra"


@dataclass(frozen=True)
class Recording:
    """What a run of the program declared.

    `error` is the text of the `pulumi.RunError` that ended the run, if one did; what was declared before it is kept.
    `hooks` are the registered resource hooks by name; `messages` is what the program logged above debug.
    """

    stack: str
    resources: tuple[Recorded, ...]
    exports: Mapping[str, Any] = field(default_factory=dict)
    invokes: tuple[Invoke, ...] = ()
    hooks: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    error: str | None = None

    def of_type(self, *tokens: str) -> list[Recorded]:
        """The resources of these types; `storage:StorageAccount` is short for `azure-native:storage:StorageAccount`."""
        wanted = {token if token.count(":") > 1 else f"{arm.PACKAGE}:{token}" for token in tokens}
        return [resource for resource in self.resources if resource.type in wanted]

    def one(self, token: str, name: str | None = None) -> Recorded:
        """The only resource of this type, or of this type and name."""
        found = [resource for resource in self.of_type(token) if name in (None, resource.name)]
        if len(found) != 1:
            declared = ", ".join(resource.name for resource in self.of_type(token)) or "none"
            raise LookupError(f"{len(found)} resources are {token} {name or ''}; declared: {declared}")
        return found[0]

    def by_urn(self, urn: str) -> Recorded:
        """The resource that an option such as `deleted_with` names."""
        return next(resource for resource in self.resources if resource.urn == urn)

    def by_id(self, resource_id: object) -> Recorded | None:
        """The declared resource with this id, whatever the case of its letters; None for every other value."""
        wanted = str(resource_id).lower()
        return next((resource for resource in self.resources if resource.id and resource.id.lower() == wanted), None)

    def children(self, parent: Recorded) -> list[Recorded]:
        """The resources whose `parent` option names `parent`."""
        return [resource for resource in self.resources if resource.parent == parent.urn]

    def azure(self) -> list[Recorded]:
        """All resources of Azure."""
        return [resource for resource in self.resources if resource.is_azure]

    def problems(self) -> list[arm.Problem]:
        """What Azure's published types say against any of the resources."""
        return [problem for resource in self.resources for problem in resource.problems()]


def record(
    stack: str,
    overrides: Mapping[str, Any] | None = None,
    *,
    preview: bool = False,
    folder: Path = REPOSITORY,
    program: str = PROGRAM,
) -> Recording:
    """Run the program with `Pulumi.<stack>.yaml` of `folder`, some values replaced, and record it.

    `overrides` are keys of the stack file (the project's name may be left out) and values as one would write them
    there; None removes a key. In a `preview`, ids and what only Azure knows are unknown, as in `pulumi preview`.
    Errors other than `pulumi.RunError` are raised as they are.
    """
    project = _read_yaml(folder / "Pulumi.yaml")["name"]
    monitor, hooks, messages = RecordingMonitor(preview=preview), _Hooks(), _Messages()
    values = stack_values(folder, stack, overrides or {})

    async def run() -> str | None:
        settings.configure(
            settings.Settings(
                project=project,
                stack=stack,
                monitor=monitor,
                engine=mocks.MockEngine(messages.logger()),
                dry_run=preview,
                organization="organization",
                root_directory=str(folder),
            )
        )
        settings.SETTINGS.callbacks = hooks
        pulumi_config.set_all_config(values, [])
        try:
            await run_in_stack(lambda: _run_to_the_end(program))
        except pulumi.RunError as error:
            return str(error)
        return None

    with _fresh_modules(program, folder), asyncio.Runner() as runner:
        error = runner.run(run(), context=contextvars.Context())
    return Recording(
        stack=stack,
        resources=tuple(sorted(monitor.recorded, key=lambda resource: resource.urn)),
        exports=monitor.exports,
        invokes=tuple(monitor.invokes),
        hooks=hooks.callbacks,
        messages=tuple(messages.texts),
        error=error,
    )


@cache
def recorded(stack: str) -> Recording:
    """The program of this repository, recorded once; nobody changes it."""
    return record(stack)


def stack_values(folder: Path, stack: str, overrides: Mapping[str, Any]) -> dict[str, str]:
    """The configuration as the engine hands it to a program: full keys, values as text, defaults filled in."""
    project, written = _read_yaml(folder / "Pulumi.yaml"), _read_yaml(folder / f"Pulumi.{stack}.yaml")
    schema = project.get("config") or {}
    defaults = {key: one["default"] for key, one in schema.items() if isinstance(one, dict) and "default" in one}
    values: dict[str, Any] = {}
    for layer in (defaults, written.get("config") or {}, overrides):
        values |= {key if ":" in key else f"{project['name']}:{key}": value for key, value in layer.items()}
    return {
        key: value if isinstance(value, str) else json.dumps(value, default=str)
        for key, value in values.items()
        if value is not None
    }


class _Hooks:
    """Takes the place of the server that an engine calls hooks through: keeps them, and never calls them itself."""

    def __init__(self) -> None:
        self.callbacks: dict[str, Callable[..., Any]] = {}

    def register_resource_hook(self, hook: pulumi.ResourceHook) -> None:
        self.callbacks[hook.name] = hook.callback

    def register_error_hook(self, hook: pulumi.ErrorHook) -> None:
        self.callbacks[hook.name] = hook.callback


class _Messages(logging.Handler):
    """Keeps what the program says to the engine's log, debugging aside."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    def logger(self) -> logging.Logger:
        """A logger of this run only."""
        logger = logging.Logger("program")
        logger.addHandler(self)
        return logger


async def _run_to_the_end(program: str) -> None:
    """Run the program and wait for its outputs, for all at once: Pulumi waits for each, with half the time spent so."""
    runpy.run_module(program, run_name="__main__")
    while waiting := [task for task in settings.SETTINGS.outputs if not task.done()]:
        await asyncio.wait(waiting)


@contextmanager
def _fresh_modules(program: str, folder: Path) -> Generator[None]:
    """Have the program's modules imported anew from `folder`, and afterwards the modules that were there before."""

    def take_out() -> dict[str, ModuleType]:
        names = [name for name in sys.modules if name.partition(".")[0] == program]
        return {name: sys.modules.pop(name) for name in names}

    before, path = take_out(), list(sys.path)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        take_out()
        sys.modules.update(before)


def _read_yaml(path: Path) -> dict[str, Any]:
    return copy.deepcopy(_parsed(path.read_text(encoding="utf-8"))) or {}


@cache
def _parsed(text: str) -> dict[str, Any]:
    return yaml.safe_load(text)
