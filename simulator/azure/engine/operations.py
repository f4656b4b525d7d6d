"""Operations of one tree's stack, asked for here and done in a child process."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from simulator.azure.engine.cli import find_cli
from simulator.azure.engine.failures import failure_text
from simulator.azure.engine.processes.child_process import ChildProcess
from simulator.azure.engine.steps import EngineError, Message, Operation, Result, read_step, title
from simulator.azure.engine.workspace import StackWorkspace

SECONDS_PER_OPERATION = 900.0

_NOT_PASSED_ON = ("PULUMI_", "PYTHON", "ARM_", "AZURE_", "COVERAGE_")
"""Beginnings of variables that a child must not see: credentials, and what would make it another program."""


class Engine:
    """Runs operations of one tree's stack in a child process that lives until the context ends.

    `folder` keeps the stack's state, so engines of several trees that share it deploy one after the other to the same
    stack. `provider_port` is that of the simulated subscription. Without `hooks`, resource hooks do nothing. What the
    tree holds is read anew by each operation.
    """

    def __init__(
        self,
        tree: Path,
        folder: Path,
        provider_port: int,
        *,
        stack: str = "dev",
        settings: Mapping[str, Any] | None = None,
        hooks: bool = True,
        environment: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
        on_step: Callable[[str, str, str], None] | None = None,
    ) -> None:
        """`settings` replace values of the stack's file; `environment` is added to the child's.

        `on_line` gets each line that the program prints; `on_step` operation, status and title of each finished step.
        Both are called from another thread.
        """
        self.tree = tree.resolve()
        self.workspace = StackWorkspace(folder.resolve(), stack)
        self.settings = dict(settings or {})
        self._port, self._hooks, self._environment = provider_port, hooks, dict(environment or {})
        self._on_line, self._on_step = on_line, on_step
        self._child: ChildProcess | None = None

    def up(self, *, settings: Mapping[str, Any] | None = None, **options: Any) -> Result:
        """Deploy; `options` are those of the Automation API's method of this name, here and below."""
        return self.begin("up", settings=settings, **options).result()

    def preview(self, *, settings: Mapping[str, Any] | None = None, **options: Any) -> Result:
        """Say what `up` would do."""
        return self.begin("preview", settings=settings, **options).result()

    def refresh(self, *, settings: Mapping[str, Any] | None = None, **options: Any) -> Result:
        """Bring the state up to date with the subscription."""
        return self.begin("refresh", settings=settings, **options).result()

    def destroy(self, *, settings: Mapping[str, Any] | None = None, **options: Any) -> Result:
        """Delete everything; the program is not run."""
        return self.begin("destroy", settings=settings, **options).result()

    def begin(self, operation: Operation, *, settings: Mapping[str, Any] | None = None, **options: Any) -> "Running":
        """Begin an operation, to wait for it later or to kill it. `settings` replace values for this operation only."""
        self.workspace.write(self.tree, {**self.settings, **(settings or {})})
        return Running(self._started(), operation, options)

    def start(self) -> None:
        """Start the child process now, so that it is ready when the first operation is asked for."""
        self._started()

    def export_stack(self) -> str:
        """The stack's state as text."""
        return self.workspace.export_stack()

    def import_stack(self, state: str) -> None:
        """Put back a state that `export_stack` gave."""
        self.workspace.import_stack(state)

    def unlock(self) -> None:
        """Take away the lock that a killed operation has left, as an operator would with `pulumi cancel`."""
        self.workspace.unlock()

    def kill(self) -> None:
        """Kill the process that runs the operation, and the tool, as a power cut would; a callback may do it too."""
        if self._child is not None:
            self._child.kill()

    def close(self) -> None:
        """End the child process and whatever it still runs."""
        if self._child is not None:
            self._child.kill()
        self._child = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _started(self) -> ChildProcess:
        if self._child is not None and not self._child.lives:
            self.close()
        if self._child is None:
            settings = {
                "tree": str(self.tree),
                "packages": sorted(_packages(self.tree) | _packages(Path(__file__).parents[3])),
                "stack": self.workspace.stack,
                "work": str(self.workspace.work),
                "hooks": self._hooks,
            }
            self.workspace.work.mkdir(parents=True, exist_ok=True)
            self._child = ChildProcess(settings, self._child_environment(), self._on_line, self._on_step)
        return self._child

    def _child_environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
        loopback = "127.0.0.1,localhost"
        return {
            **kept,
            **self.workspace.environment(),
            "PATH": f"{find_cli().parent}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_DEBUG_PROVIDERS": f"azure-native:{self._port}",
            "PYTHONPATH": str(self.tree),
            "PYTHONUNBUFFERED": "1",
            "NO_PROXY": loopback,
            "no_proxy": loopback,
            **self._environment,
        }


class Running:
    """An operation under way."""

    def __init__(self, child: ChildProcess, operation: Operation, options: Mapping[str, Any]) -> None:
        self.operation: Operation = operation
        self._child, self._began = child, time.monotonic()
        self._result: Result | EngineError | None = None
        child.ask(operation, options)

    def result(self, timeout: float = SECONDS_PER_OPERATION) -> Result:
        """Wait for the end; `EngineError` if it failed, was killed or took longer than `timeout` seconds."""
        if self._result is None:
            self._result = self._read(timeout)
        if isinstance(self._result, EngineError):
            raise self._result
        return self._result

    def kill(self) -> None:
        """Kill it, as `Engine.kill` does."""
        self._child.kill()

    def _read(self, timeout: float) -> Result | EngineError:
        answer = self._child.answer(timeout)
        messages = tuple(Message(one["severity"], title(one["urn"]), one["text"]) for one in answer["diagnostics"])
        result = Result(
            operation=self.operation,
            steps=tuple(read_step(raw) for raw in answer["steps"]),
            outputs=answer["outputs"],
            messages=messages,
            printed=tuple(self._child.printed),
            seconds=time.monotonic() - self._began,
        )
        if answer["error"] is None:
            return result
        return EngineError(failure_text(self.operation, messages, answer["error"]), result)


def _packages(tree: Path) -> set[str]:
    """The names of the packages that lie in a tree."""
    return {path.parent.name for path in tree.glob("*/__init__.py")}
