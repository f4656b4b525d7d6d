"""Running a command: one clear line and exit code 2 for a user's mistake, and an end without a traceback."""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable

from stream_queries.errors import UserError


def run_command(name: str, command: Callable[[], int], *, mistake: int = 2) -> int:
    """Run `command` and return its exit code; a `UserError` becomes one line on standard error and code `mistake`."""
    _let_interrupts_through()
    try:
        code = command()
        print(end="", flush=True)  # here and not at Python's end, where a reader that has gone would be a complaint
        return code
    except UserError as error:
        print(f"{name}: {' '.join(str(error).split())}", file=sys.stderr)
        return mistake
    except BrokenPipeError:
        if not _reader_has_gone():  # it was the pipe to a process, or a connection
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
        return 0
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130


def _let_interrupts_through() -> None:
    """Have Python raise `KeyboardInterrupt` also where the parent ignored SIGINT, and this process inherited that.

    A shell without job control starts what ends in `&` so; nothing but SIGKILL and SIGTERM, which leave files and
    worker processes behind, would end such a command.
    """
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _reader_has_gone() -> bool:
    """Whether whoever read our output has seen enough, as in `… | head`."""
    outputs = select.poll()
    for stream in (sys.stdout, sys.stderr):
        outputs.register(stream, 0)
    return any(events & select.POLLERR for _, events in outputs.poll(0))
