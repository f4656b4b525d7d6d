"""The process in which one tree's program runs under the Pulumi engine.

Started as `python -P child.py SETTINGS`, with the tree as PYTHONPATH; it imports nothing of ours itself. Requests are
lines of JSON on standard input; a line on standard output that begins with the mark is an answer, every other one is
the program's own. It ends, with all that it started, when standard input ends.
"""

import contextlib
import gc
import importlib
import importlib.machinery
import json
import os
import pkgutil
import queue
import runpy
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pulumi
from pulumi import automation
from pulumi.automation import events
from pulumi.automation._stack import StackInitMode
from pulumi.runtime import _callbacks, _grpc_settings

MARK = "\x1e"
PROGRAM = "infra"

CONNECTIONS_ARE_ITS_OWN = ("grpc.use_local_subchannel_pool", 1)
"""An operation's monitor may have the port of an earlier one's. gRPC would take the old connection, and that it is
dead, for the new one's: "Resource monitor has terminated"."""


def main() -> None:
    """Serve requests until standard input ends."""
    settings = json.loads(sys.argv[1])
    tree, packages = Path(settings["tree"]), frozenset(settings["packages"])
    sys.meta_path.insert(0, OwnPackages(tree, packages))
    if not settings["hooks"]:
        vars(pulumi).update(ResourceHook=HookWithoutWork, ErrorHook=ErrorHookWithoutWork)
    vars(pulumi.log).update(debug=_say_nothing)
    _grpc_settings._GRPC_CHANNEL_OPTIONS.append(CONNECTIONS_ARE_ITS_OWN)
    requests: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_read_requests, args=(requests,), daemon=True).start()
    _warm_up(tree)
    gc.disable()
    stack = None
    while True:
        _collect_garbage()
        request = requests.get()
        _forget(packages)
        record = Record()
        try:
            stack = stack or _stack(settings)
            record.run(stack, request["operation"], request["options"])
        except automation.CommandError as error:
            record.error = str(error)
        except Exception:
            record.error = traceback.format_exc()
        Path(request["answer"]).write_text(json.dumps(record.as_json(), default=str), encoding="utf-8")
        _say({"done": request["number"]})


class OwnPackages:
    """Finds the project's packages in the tree and nowhere else, whatever else is installed."""

    def __init__(self, tree: Path, packages: frozenset[str]) -> None:
        self._tree, self._packages = tree, packages

    def find_spec(
        self, name: str, path: object = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The place of a package of the project; the other finders are asked for the rest."""
        if path is not None or name not in self._packages:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, [str(self._tree)], target)
        if spec is None:
            raise ModuleNotFoundError(f"{self._tree} has no package {name!r}", name=name)
        return spec


class HookWithoutWork(pulumi.ResourceHook):
    """Is bound like the hook that it stands in for, and does nothing, unless it checks what is only previewed."""

    def __init__(self, name: str, func: Callable[..., Any], opts: pulumi.ResourceHookOptions | None = None) -> None:
        checks = opts is not None and opts.on_dry_run and pulumi.runtime.is_dry_run()
        super().__init__(name, func if checks else lambda _: None, opts)


class ErrorHookWithoutWork(pulumi.ErrorHook):
    """The same for hooks on failures: nothing is tried again."""

    def __init__(self, name: str, func: Callable[..., object]) -> None:
        del func
        super().__init__(name, lambda _: False)


class Record:
    """What the engine reported of one operation."""

    def __init__(self) -> None:
        self.steps: dict[tuple[str, str], dict[str, Any]] = {}
        self.diagnostics: list[dict[str, Any]] = []
        self.outputs: dict[str, Any] = {}
        self.error: str | None = None

    def run(self, stack: automation.Stack, operation: str, options: dict[str, Any]) -> None:
        """Run the operation; `automation.CommandError` if the engine gave up."""
        # A failed `up` with hooks leaves a callback server behind that belongs to an event loop that is no more.
        _callbacks._CallbackServicer._servicers.clear()
        getattr(stack, operation)(on_event=self.note, **options)

    def note(self, event: events.EngineEvent) -> None:
        """Keep what is asked for later; called from threads of the Automation API, one event at a time."""
        if event.resource_pre_event:
            self._step(event.resource_pre_event.metadata, "begun")
        elif event.res_outputs_event:
            self._step(event.res_outputs_event.metadata, "done")
        elif event.res_op_failed_event:
            self._step(event.res_op_failed_event.metadata, "failed")
        elif event.diagnostic_event and event.diagnostic_event.severity != "debug":
            one = event.diagnostic_event
            text = f"{one.prefix or ''}{one.message}"
            self.diagnostics.append({"severity": one.severity, "urn": one.urn or "", "text": text})

    def _step(self, metadata: events.StepEventMetadata, status: str) -> None:
        operation, key = _plain(metadata.op), (_plain(metadata.op), metadata.urn)
        if status != "begun" and key not in self.steps:  # a refresh says only at the end what it found
            self.steps.pop(("refresh", metadata.urn), None)
        detailed = {
            path: {"kind": _plain(one.diff_kind), "inputs": one.input_diff}
            for path, one in (metadata.detailed_diff or {}).items()
        }
        self.steps[key] = {
            "operation": operation,
            "status": status,
            "urn": metadata.urn,
            "type": metadata.type,
            "replace_keys": list(metadata.keys or []),
            "detailed": detailed,
            "old": _state(metadata.old),
            "new": _state(metadata.new),
        }
        if status != "begun" and operation != "same":
            _say({"step": [operation, status, metadata.urn[-300:]]})
        if status == "done" and metadata.type == "pulumi:pulumi:Stack" and metadata.new:
            self.outputs = dict(metadata.new.outputs or {})

    def as_json(self) -> dict[str, Any]:
        """All of it, as plain data."""
        return {
            "steps": list(self.steps.values()),
            "diagnostics": self.diagnostics,
            "outputs": self.outputs,
            "error": self.error,
        }


def _state(state: events.StepEventStateMetadata | None) -> dict[str, Any] | None:
    if state is None:
        return None
    return {
        "custom": bool(state.custom),
        "id": state.id,
        "inputs": state.inputs or {},
        "outputs": state.outputs or {},
        "protect": bool(state.protect),
    }


def _plain(value: Any) -> str:
    return str(getattr(value, "value", value))


class StackWithoutHistory(automation.Stack):
    """Leaves out three runs of the tool after each operation, whose answers nobody here asks for."""

    def outputs(self) -> automation.OutputMap:
        return {}

    def info(self, show_secrets: bool = True) -> automation.UpdateSummary | None:
        del show_secrets
        return automation.UpdateSummary("update", datetime.now(UTC), "", {}, {}, "succeeded")


def _stack(settings: dict[str, Any]) -> automation.Stack:
    """The stack in the folder of `settings`; its project file is there when the first request comes."""
    workspace = automation.LocalWorkspace(work_dir=settings["work"], program=_program)
    return StackWithoutHistory(settings["stack"], workspace, StackInitMode.CREATE_OR_SELECT)


def _program() -> None:
    """The tree's program; what it raises becomes one line that names the place."""
    try:
        runpy.run_module(PROGRAM, run_name="__main__")
    except pulumi.RunError:
        raise
    except Exception as error:
        raise pulumi.RunError(_one_line(error)) from error


def _one_line(error: Exception) -> str:
    """The error and the last line of the program that led to it."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return text
    tree = os.environ["PYTHONPATH"]
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(tree + os.sep)]
    return f"{own[-1].filename.removeprefix(tree + os.sep)}, line {own[-1].lineno}: {text}" if own else text


def _warm_up(tree: Path) -> None:
    """Import what the program's modules import, while nothing is asked for yet; what is wrong shows when it is run."""
    for module in pkgutil.walk_packages([str(tree / PROGRAM)], f"{PROGRAM}."):
        if not module.name.endswith("__main__"):
            with contextlib.suppress(Exception):
                importlib.import_module(module.name)


def _forget(packages: frozenset[str]) -> None:
    """Have the tree's modules imported anew: they may have been changed."""
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        del sys.modules[name]
    importlib.invalidate_caches()


def _say_nothing(*_: Any, **__: Any) -> None:
    """In place of `pulumi.log.debug`: it is a call to the engine for each property of each resource, unread here."""


def _collect_garbage() -> None:
    """Between operations only, and never again among what is there now: Python looking through all of the SDK's objects
    over and over took half of an operation's time."""
    gc.collect()
    gc.freeze()


def _read_requests(requests: queue.Queue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        requests.put(json.loads(line))
    os.killpg(0, signal.SIGKILL)  # the process group is this child's own, with the CLI that it runs


def _say(answer: dict[str, Any]) -> None:
    """Write a line for the parent, in one piece: it is shorter than what a pipe takes at once."""
    sys.stdout.flush()
    os.write(1, f"\n{MARK}{json.dumps(answer)}\n".encode())


if __name__ == "__main__":
    main()
