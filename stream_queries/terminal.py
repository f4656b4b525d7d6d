"""Progress on a terminal: a bar, or a line now and then where there is none."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

Item = TypeVar("Item")

SECONDS_BETWEEN_LINES = 10.0


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
