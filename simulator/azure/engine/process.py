"""The parent's side of the child process that runs a tree's program under the engine."""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from simulator.azure.engine.cli import find_cli
from simulator.azure.engine.failures import failure_text
from simulator.azure.engine.steps import EngineError, Message, Operation, Result, read_step, title
from simulator.azure.engine.workspace import StackWorkspace

CHILD = Path(__file__).with_name("child.py")
MARK = "\x1e"
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
        self._child: _Child | None = None

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

    def _started(self) -> "_Child":
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
            self._child = _Child(settings, self._child_environment(), self._on_line, self._on_step)
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

    def __init__(self, child: "_Child", operation: Operation, options: Mapping[str, Any]) -> None:
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


class _Child:
    """The process, with a thread that reads what it writes."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        environment: Mapping[str, str],
        on_line: Callable[[str], None] | None,
        on_step: Callable[[str, str, str], None] | None,
    ) -> None:
        self._on_line, self._on_step = on_line, on_step
        self._answers: queue.Queue[int | None] = queue.Queue()
        self._number, self._has_ended = 0, False
        self.printed: list[str] = []
        self._folder = tempfile.TemporaryDirectory(prefix="engine-")
        self._process = subprocess.Popen(
            [sys.executable, "-P", CHILD, json.dumps(settings)],
            cwd=settings["work"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # a group of its own, to be ended together with the tool that it runs
        )
        self._reader = threading.Thread(target=self._read_lines)
        self._reader.start()

    @property
    def lives(self) -> bool:
        """Whether it can be asked for more."""
        return not self._has_ended and self._process.poll() is None

    def ask(self, operation: str, options: Mapping[str, Any]) -> None:
        """Ask for an operation; the answer is to be taken before the next one."""
        self._number += 1
        self.printed = []
        request = {"number": self._number, "operation": operation, "options": dict(options), "answer": self._path()}
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):  # a child that is gone is told of by the answer
                self._process.stdin.write(json.dumps(request) + "\n")
                self._process.stdin.flush()

    def answer(self, timeout: float) -> dict[str, Any]:
        """What the child wrote down of the operation; where it came to no end, the reason is its error."""
        nothing = {"steps": [], "diagnostics": [], "outputs": {}}
        try:
            number = self._answers.get(timeout=timeout)
        except queue.Empty:
            self.kill()
            return {**nothing, "error": f"it took more than {timeout:g} s"}
        if number is None:
            self._answers.put(None)
            return {**nothing, "error": "\n".join(["the process that ran it has ended:", *self.printed[-20:]])}
        return json.loads(Path(self._path()).read_text(encoding="utf-8"))

    def kill(self) -> None:
        """End the process, its group and the reading thread; that thread itself only does the first."""
        self._has_ended = True
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if threading.current_thread() is self._reader:
            return
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        self._folder.cleanup()

    def _path(self) -> str:
        return str(Path(self._folder.name, f"answer-{self._number}.json"))

    def _read_lines(self) -> None:
        for line in self._process.stdout or ():
            text = line.rstrip("\n")
            if text.startswith(MARK):
                self._take(json.loads(text.removeprefix(MARK)))
            elif text:
                self.printed.append(text)
                if self._on_line:
                    self._on_line(text)
        self._has_ended = True
        self._answers.put(None)

    def _take(self, answer: Mapping[str, Any]) -> None:
        if "done" in answer:
            self._answers.put(answer["done"])
        elif self._on_step:
            operation, status, urn = answer["step"]
            self._on_step(operation, status, title(urn))


def _packages(tree: Path) -> set[str]:
    """The names of the packages that lie in a tree."""
    return {path.parent.name for path in tree.glob("*/__init__.py")}
