"""A terminal in a project's folder, in which commands are typed as the documentation has them.

Unlike `Engine`, which asks Pulumi by its Automation API, this is the plain command line tool, so what is tried with it
is what a person does. It can be killed in the middle, as a laptop whose lid is closed.
"""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from simulator.azure.engine.cli import find_cli
from simulator.azure.engine.processes.language_host import write_launcher


class ShellError(Exception):
    """A command failed; the text is what it printed, of Pulumi's own only what it diagnosed."""

    def __init__(self, printed: str) -> None:
        _, found, diagnosed = printed.rpartition("\nDiagnostics:\n")
        super().__init__(diagnosed.partition("\nOutputs:\n")[0] if found else printed)


@dataclass(frozen=True)
class Shell:
    """The terminal. `folder` takes what tools keep of their own; `exports` were typed into it, and nothing else."""

    project: Path
    folder: Path
    exports: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """All that a command finds in its environment; the project's packages are found as if they were installed."""
        home, launcher = self.folder / "home", write_launcher(self.folder / "bin")
        home.mkdir(exist_ok=True)
        places = (launcher, find_cli().parent, Path(sys.executable).parent, os.environ["PATH"])
        path = os.pathsep.join(str(place) for place in places)
        return {"PATH": path, "HOME": str(home), "PYTHONPATH": str(self.project), **self.exports}

    def start(self, line: str, *options: str, output: IO[str] | int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Begin a command, in a process group of its own; nobody is there to answer its questions."""
        return subprocess.Popen(
            self._words(line, *options),
            cwd=self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, line: str, *options: str) -> str:
        """Run a command to its end; returns what it printed."""
        with self.start(line, *options) as process:
            printed, _ = process.communicate()
        if process.returncode:
            raise ShellError(printed)
        return printed

    @staticmethod
    def kill(process: subprocess.Popen[str]) -> None:
        """End a command and all that it has started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    @staticmethod
    def _words(line: str, *options: str) -> Sequence[str]:
        words = [*shlex.split(line), *options]
        return [*words, "--non-interactive"] if words[0] == "pulumi" else words
