"""What the command lines of all packages share: one clear line and exit code 2 for a user's mistake, and progress."""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


class UserError(Exception):
    """Something the user can mend. The text is one line: what was wrong and where, and what to do."""


def run_command(name: str, command: Callable[[], int]) -> int:
    """Run `command` and return its exit code; a `UserError` becomes one line on standard error and exit code 2."""
    try:
        return command()
    except UserError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has seen enough, as in `… | head`
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130


def progress(items: Iterable[Item], *, title: str, total: int | None = None, unit: str = "it") -> Iterator[Item]:
    """Yield `items`, showing a bar on a terminal and a plain line now and then elsewhere (standard error)."""
    from tqdm import tqdm  # here, so that a scoring worker starts without it

    terminal = sys.stderr.isatty()
    yield from tqdm(
        items,
        desc=title,
        total=total,
        unit=unit,
        unit_scale=True,
        leave=terminal,
        mininterval=0.1 if terminal else 10,
        ascii=not terminal,
        dynamic_ncols=terminal,
    )
