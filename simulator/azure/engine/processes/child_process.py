"""The child process that runs a tree's program under the engine: started, asked, read, ended."""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from simulator.azure.engine.steps import title

CHILD = Path(__file__).with_name("child.py")
MARK = "\x1e"


class ChildProcess:
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
