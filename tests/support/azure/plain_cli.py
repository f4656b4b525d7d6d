"""What tests of `python -m simulator azure` share: the command as a process, and what it printed."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.azure.engine_stack import REPOSITORY


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
