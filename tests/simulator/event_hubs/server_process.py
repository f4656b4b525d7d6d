"""The server as a process of its own, started through its command line."""

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.deadline import ENOUGH_SECONDS

DRIVER = """
import argparse, sys
from simulator.event_hubs import command
from stream_queries.command import run_command
parser = argparse.ArgumentParser()
command.configure(parser)
arguments = parser.parse_args()
sys.exit(run_command("event-hubs", lambda: command.run(arguments)))
"""


def command_line(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-c", DRIVER, *map(str, arguments)]


class ServerProcess:
    """Runs while the context lasts; knows its connection string once it is ready."""

    def __init__(self, *arguments: str | Path) -> None:
        self.process = subprocess.Popen(
            command_line(*arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.connection_string = self.process.stdout.readline().rstrip("\n")
        if not self.connection_string:
            raise AssertionError(self.end())
        self.port = int(self.connection_string.split(";")[0].rpartition(":")[2])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.returncode is None:
            self.kill()

    def end(self) -> tuple[int, str, str]:
        """Wait for the process: its exit code, and what else it wrote to standard output and standard error."""
        output, errors = self.process.communicate(timeout=ENOUGH_SECONDS)
        return self.process.returncode, output, errors

    def kill(self) -> None:
        self.process.kill()
        self.end()
