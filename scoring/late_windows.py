"""Waiting for the windows of an interval: when a run is due, the stream job may be behind, or just started again."""

import time
from collections.abc import Callable
from datetime import timedelta

from scoring.interval import Interval
from stream_queries.command_line import UserError
from stream_queries.store import WindowStore

SECONDS_BETWEEN_LOOKS = 15


def wait_for_windows(
    store: WindowStore, interval: Interval, *, most: timedelta, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Wait, at most for `most`, until a window is stored that ends with the interval or later; with 0 do not look.

    Windows are written in the order of their ends, so none of the interval is missing then. UserError if the time is
    over and the interval's windows stop before its end: scored now, the rest would never be.

    An empty table, and one whose windows end before the interval and the one before it, is not waited for; and an
    interval without any window is let through. Whether devices rest then or the stream job does, the table cannot tell:
    the alerts can, which compare it with the events that arrive. A fleet whose devices are all silent for
    minutes, in the ordinary course of things, needs `most` to be 0.
    """
    waited, newest = timedelta(0), None
    while most:
        newest = store.newest()
        if newest is None or newest >= interval.end or newest <= interval.start - (interval.end - interval.start):
            return
        if waited >= most:
            break
        pause = min(timedelta(seconds=SECONDS_BETWEEN_LOOKS), most - waited)
        if not waited:
            print(f"{interval.folder}: the newest window ends at {newest.isoformat()}, waiting for more", flush=True)
        sleep(pause.total_seconds())
        waited += pause
    if newest is not None and newest > interval.start:
        raise UserError(
            f"{interval.folder}: the newest window ends at {newest.isoformat()}, before the interval does, after "
            f"{most // timedelta(minutes=1)} minutes of waiting: the stream job is behind, has stopped, or all devices "
            "went silent; score the interval again when its windows are there"
        )
