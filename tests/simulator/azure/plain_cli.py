"""What tests of `python -m simulator azure` share: the command as a process, and the plain Pulumi CLI beside it."""

import os
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from simulator.azure.engine import find_cli
from tests.simulator.azure.engine_stack import REPOSITORY

LANGUAGE_HOST = Path(__file__).with_name("language_host.py")


@dataclass(frozen=True)
class Served:
    """The running command, and what it printed before it waited."""

    process: subprocess.Popen[str]
    text: str

    @property
    def exports(self) -> dict[str, str]:
        """What a shell has in its environment after the printed lines."""
        script = "\n".join(line for line in self.text.splitlines() if line.startswith("export ")) + "\nenv"
        printed = subprocess.run(["sh", "-c", script], env={}, capture_output=True, text=True, check=True).stdout
        variables = dict(line.split("=", 1) for line in printed.splitlines())
        return {name: value for name, value in variables.items() if f"export {name}=" in self.text}


@contextmanager
def served(state: Path, *options: str) -> Generator[Served]:
    """Run `python -m simulator azure` while the context lasts."""
    with subprocess.Popen(
        [sys.executable, "-m", "simulator", "azure", "--state", str(state), *options],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            lines: list[str] = []
            while not lines or "Interrupt" not in lines[-1]:
                lines.append(process.stdout.readline() if process.stdout else "")
                assert lines[-1], "".join(lines)
            yield Served(process, "".join(lines))
        finally:
            if process.poll() is None:
                process.kill()


@dataclass(frozen=True)
class Shell:
    """Another terminal, in a project's folder; `exports` were typed into it, and nothing else."""

    project: Path
    home: Path
    exports: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """All that a command finds in its environment."""
        path = os.pathsep.join([str(find_cli().parent), str(Path(sys.executable).parent), os.environ["PATH"]])
        return {"PATH": path, "HOME": str(self.home), **self.exports}

    def command(self, line: str, *options: str) -> Sequence[str]:
        """A printed command; nobody is there to answer Pulumi's questions."""
        return [*line.split(), *options, *(["--non-interactive"] if line.startswith("pulumi ") else [])]

    def run(self, line: str, *options: str, succeeds: bool = True) -> str:
        """Run a command to its end; returns what it printed."""
        run = subprocess.run(
            self.command(line, *options),
            cwd=self.project,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (run.returncode == 0) == succeeds, run.stdout
        return run.stdout

    @contextmanager
    def language_host(self) -> Generator[str]:
        """The option with which the CLI runs the project's program here, instead of by a language host that it lacks.

        The program runs in its folder, as Pulumi has it, and finds the project's packages as if it were installed.
        """
        with subprocess.Popen(
            [sys.executable, "-P", LANGUAGE_HOST, self.project / "infra"],
            cwd=self.project / "infra",
            env={**self.environment, "PYTHONPATH": str(self.project)},
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield f"--client=127.0.0.1:{(process.stdout.readline() if process.stdout else '').strip()}"
            finally:
                process.kill()
