"""Waiting for the windows of an interval: when a run is due, the stream job may be behind, or just started again."""

import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from scoring.cluster.interval import Interval
from stream_queries.errors import UserError
from stream_queries.window_store import WindowStore

SECONDS_BETWEEN_LOOKS = 15

LOOK_BACK = timedelta(days=1)
"""How long before an interval's start the newest window may end for the interval to count as missing its windows.

No scheduled interval is longer, so the one after a cut one always counts; and it is how long a hub keeps events where
nothing else is set. Whoever did not mend a stream job in a day of failed runs is not told by more, and devices that are
switched off for longer, over a weekend or for good, are no failure.
"""


def wait_for_windows(
    store: WindowStore, interval: Interval, *, most: timedelta, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Wait, at most for `most`, until a window is stored that ends with the interval or later; with 0 do not look.

    Windows are written in the order of their ends, so none of the interval is missing then. UserError if the time is
    over and the newest window ends before the interval does, whether in it or before its start: scored now, what is
    missing would never be.

    An empty table, and one whose newest window is older than `LOOK_BACK`, is not waited for: a warning says so, and the
    run goes on. Within that time the table cannot tell a stream job that stopped from devices that rest: where all are
    silent in the ordinary course of things, `most` needs to be 0.
    """
    waited = timedelta(0)
    while most:
        newest = store.newest()
        if newest is not None and newest >= interval.end:
            return
        if newest is None or newest <= interval.start - LOOK_BACK:
            _warn_of_silence(interval, newest)
            return
        if waited >= most:
            raise _windows_missing(interval, newest, most)
        pause = min(timedelta(seconds=SECONDS_BETWEEN_LOOKS), most - waited)
        if not waited:
            print(f"{interval.folder}: the newest window ends at {newest.isoformat()}, waiting for more", flush=True)
        sleep(pause.total_seconds())
        waited += pause


def _warn_of_silence(interval: Interval, newest: datetime | None) -> None:
    """Say that the interval is taken to have no windows because there were none for long, or never any."""
    found = "the table holds no window at all" if newest is None else f"the newest window ends at {newest.isoformat()}"
    print(
        f"scoring: warning: {interval.folder}: {found}: without one in the {LOOK_BACK // timedelta(hours=1)} hours "
        "before the interval the devices are taken to be silent, and nothing is scored",
        file=sys.stderr,
    )


def _windows_missing(interval: Interval, newest: datetime, most: timedelta) -> UserError:
    """What ends a run that would leave windows unscored for ever."""
    bounds = f"{interval.start.isoformat()} {interval.end.isoformat()}"
    return UserError(
        f"{interval.folder}: the newest window ends at {newest.isoformat()}, before the interval does, after "
        f"{most // timedelta(minutes=1)} minutes of waiting: the stream job is behind, has stopped, or all devices "
        f"went silent; once the job has written on: `python -m scoring submit --stack NAME --interval {bounds}`"
    )
