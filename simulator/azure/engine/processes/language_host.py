"""What Pulumi's own language host for Python does, for a command line tool that came without it: it runs the program.

Started by the tool as `pulumi-language-python ENGINE`, found on the PATH; prints its port and serves until it is ended.
So every command of Pulumi's can be given as a person would give it, and a test of it needs nothing but the tool.
"""

import os
import runpy
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pulumi
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc
from typing_extensions import override

NAME = "pulumi-language-python"
SECONDS_BETWEEN_LOOKS = 0.2
CLOCK_VARIABLE = "SIMULATED_AZURE_CLOCK"
"""Names the address at which a clock is told of waits, which then take no time; without it they are real."""


class LanguageHost(LanguageServer):
    """Pulumi's server for programs that are a function, with the function found where the engine says."""

    def __init__(self, engine: str) -> None:
        super().__init__(self._program)
        self._engine, self._folder, self._has_told = engine, "", False

    @override
    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Run the program in its folder; a mistake that it has told of itself is not told again."""
        self._folder, self._has_told = request.info.program_directory, False
        request.args[:] = [self._engine]
        os.chdir(self._folder)
        answer = super().Run(request, context)
        return language_pb2.RunResponse(bail=True) if self._has_told else answer

    def _program(self) -> None:
        try:
            runpy.run_path(self._folder, run_name="__main__")
        except pulumi.RunError:
            self._has_told = True
            raise


def write_launcher(folder: Path) -> Path:
    """Write the file that the tool looks for on the PATH; returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    launcher = folder / NAME
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P "{Path(__file__).resolve()}" "$@"\n', encoding="utf-8")
    launcher.chmod(0o755)
    return folder


def _end_with(tool: int) -> None:
    """End this process when the tool is gone: it gives its plugins a process group of their own, which outlives it."""
    while os.getppid() == tool:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(1)


def main() -> None:
    """Serve until the tool ends this process."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))  # so the tool ends it, also in the middle of a program
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    if clock := os.environ.get(CLOCK_VARIABLE):
        runpy.run_path(str(Path(__file__).with_name("waits.py")))["skip_waits"](clock)
    engine = next(argument for argument in sys.argv[1:] if not argument.startswith("-"))
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(engine), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
