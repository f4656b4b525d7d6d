"""The stages of a local run as processes of their own, started with the commands that a person would type."""

import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from simulator.local_run.folder import RunFolder
from stream_queries.errors import UserError

_SECONDS_TO_END = 30


class StageError(Exception):
    """A stage did not end well; its own message, if it had one, is on standard error already."""

    def __init__(self, stage: str, exit_code: int) -> None:
        ended = f"signal {signal.Signals(-exit_code).name}" if exit_code < 0 else f"exit code {exit_code}"
        super().__init__(f"the {stage} stage ended with {ended}")
        self.exit_code = exit_code


@dataclass(frozen=True)
class Done:
    """A stage that ended well: its exit code and what it printed."""

    exit_code: int
    output: str


@dataclass
class Stages:
    """Runs stages in a run's folder, whose lock they inherit, and keeps how long each took, in seconds."""

    folder: RunFolder
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def event_hubs(self) -> Generator[str]:
        """A loopback Event Hubs, durable in the run's folder, while the context lasts; yields a connection string."""
        command = ["simulator", "event-hubs", "--port", "0", "--data", str(self.folder.hub), "--exit-with-parent"]
        log = self.folder.hub.with_suffix(".log")
        with log.open("w") as errors:
            process = self._start(command, stdout=subprocess.PIPE, stderr=errors)
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                last = log.read_text().strip().splitlines()[-1:]
                raise UserError(f"the loopback Event Hubs did not start: {''.join(last)} (see {log})")
            yield line.strip()
        finally:
            process.terminate()
            process.communicate(timeout=_SECONDS_TO_END)

    def run(self, stage: str, command: list[str], *, accepted: tuple[int, ...] = (0,)) -> Done:
        """Run `python -m COMMAND` to its end; raises StageError for an exit code that is not `accepted`."""
        began = time.monotonic()
        process = self._start(command, stdout=subprocess.PIPE, stderr=None)
        try:
            output, _ = process.communicate()
        finally:
            if process.poll() is None:  # we are being interrupted
                process.kill()
                process.wait()
        self.seconds[stage] = round(time.monotonic() - began, 3)
        if process.returncode not in accepted:
            raise StageError(stage, process.returncode)
        return Done(process.returncode, output)

    def _start(self, command: list[str], *, stdout: int, stderr: IO[str] | None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            pass_fds=[self.folder.lock],
        )
