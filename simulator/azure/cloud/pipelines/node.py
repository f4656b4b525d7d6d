"""The machine that a step finds itself on: folders, environment variables, and its processes.

Python is started without its `site` module: packages installed into this interpreter can be imported, but not what is
only linked into it, like a checkout of this repository. So a step can import the code that was uploaded with it, from
the working directory, and nothing of ours besides.

Assumed: a step has failed if its program ends with another code than 0, or takes longer than its limit.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from simulator.azure.cloud.pipelines.errors import StepError

PYTHON = (sys.executable, "-S")
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Node:
    """The folders of one step: `code` (where it runs), `inputs`, `outputs`, `logs` and a home."""

    folder: Path
    variables: Mapping[str, str]

    @property
    def code(self) -> Path:
        """The uploaded code."""
        return self.folder / "code"

    @property
    def logs(self) -> Path:
        """What the step's processes print."""
        return self.folder / "logs"

    def input(self, name: str) -> Path:
        """The folder of an input."""
        return self.folder / "inputs" / name

    def output(self, name: str) -> Path:
        """The folder of an output."""
        return self.folder / "outputs" / name

    @property
    def environment(self) -> dict[str, str]:
        """Everything that a process of the step sees of its surroundings."""
        packages = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
        return {
            "PATH": f"{self.folder / 'bin'}:{SYSTEM_PATH}",
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "home"),
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join(packages),
            "PYTHONUNBUFFERED": "1",
            **self.variables,
        }

    def set_up(self, outputs: Sequence[str]) -> None:
        """Make the folders, and a `python` that is this interpreter."""
        for folder in ("bin", "home", "logs", *(f"outputs/{name}" for name in outputs)):
            (self.folder / folder).mkdir(parents=True)
        for name in ("python", "python3"):
            program = self.folder / "bin" / name
            program.write_text(f'#!/bin/sh\nexec {shlex.join(PYTHON)} "$@"\n')
            program.chmod(0o755)

    def run(self, command: str, timeout: float | None) -> None:
        """Run a command line in the code's folder; StepError unless it ends well in time."""
        with (self.logs / "std_log.txt").open("w") as log:
            process = subprocess.Popen(
                ["/bin/bash", "-c", command],
                cwd=self.code,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            exit_code = process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise StepError(f"the step took longer than its limit of {timeout:g} s") from error
        finally:
            end_session(process)
        if exit_code != 0:
            raise StepError(f"the step ended with exit code {exit_code}: {self.last_words('std_log.txt')}")

    def last_words(self, log: str) -> str:
        """The last line of a log that says anything."""
        lines = (self.logs / log).read_text(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")


def end_session(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a session, with all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
