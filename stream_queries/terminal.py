"""What the command lines of all packages share: one clear line and exit code 2 for a user's mistake, and progress."""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

from stream_queries.errors import UserError

Item = TypeVar("Item")

SECONDS_BETWEEN_LINES = 10.0


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


def progress(items: Iterable[Item], *, title: str, total: int | None = None, unit: str = "it") -> Iterator[Item]:
    """Yield `items`, showing a bar on a terminal and a plain line now and then elsewhere (standard error)."""
    with ProgressBar(title=title, total=total if total is not None else _length(items), unit=unit) as bar:
        for item in items:
            yield item
            bar.advance(1)


class ProgressBar:
    """Progress of work that is not one loop: `advance` as it goes on, close at the end."""

    def __init__(self, *, title: str, total: int | None, unit: str) -> None:
        self._title, self._total, self._unit = title, total, unit
        self._done = 0
        self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
        self._bar = None
        if sys.stderr.isatty():
            from tqdm import tqdm  # here, so that a scoring worker starts without it

            self._bar = tqdm(desc=title, total=total, unit=f" {unit}", unit_scale=True, dynamic_ncols=True)

    def advance(self, count: int) -> None:
        """Say that `count` more are done."""
        self._done += count
        if self._bar is not None:
            self._bar.update(count)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
            of_all = f" of {self._total:,}" if self._total is not None else ""
            print(f"{self._title}: {self._done:,}{of_all} {self._unit}", file=sys.stderr, flush=True)

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _length(items: Iterable[object]) -> int | None:
    return len(items) if isinstance(items, Sized) else None
