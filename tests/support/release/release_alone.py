"""The release's work without the engine: in a process that can be asked for it many times, and killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scoring.models.default_fleet import DEFAULT_FLEET
from tests.support.release.deployed_stack import DeployedStack, wait_for

PROGRAM = Path(__file__).with_name("release_process.py")
ROOT = Path(__file__).parents[3]


@dataclass
class Outcome:
    """What became of a release: what it said, its error if it failed, and the exit code of its process."""

    said: list[str] = field(default_factory=list)
    error: str | None = None
    code: int | None = None

    @property
    def is_done(self) -> bool:
        return self.code == 0 and self.error is None


@dataclass
class ReleaseAlone:
    """The process; see `release_process.py`."""

    process: subprocess.Popen[str]

    def run(self, content: dict[str, Any], *, fleet: Path = DEFAULT_FLEET) -> Outcome:
        """Do the work to its end."""
        self._begin(content, fleet)
        return self._outcome()

    def kill_when(self, happens: Callable[[], bool], content: dict[str, Any]) -> Outcome:
        """Begin the work and kill it as soon as something has happened."""
        pid = self._begin(content, DEFAULT_FLEET)
        wait_for(happens)
        os.kill(pid, signal.SIGKILL)
        return self._outcome()

    def _begin(self, content: dict[str, Any], fleet: Path) -> int:
        assert self.process.stdin
        asked = {"content": content, "fleet": str(fleet)}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return self._answer()["pid"]

    def _outcome(self) -> Outcome:
        outcome = Outcome()
        while outcome.code is None:
            answer = self._answer()
            outcome.said += [answer["said"]] if "said" in answer else []
            outcome.error = answer.get("error", outcome.error)
            outcome.code = answer.get("ended")
        return outcome

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())


@contextmanager
def release_alone(stack: DeployedStack, folder: Path) -> Generator[ReleaseAlone]:
    """The process, for a stack, while the context lasts; what the SDKs print goes into `folder`."""
    with (folder / "release.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM)],
            cwd=ROOT,
            env=os.environ | stack.environment | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        with process:
            try:
                yield ReleaseAlone(process)
            finally:
                process.kill()
