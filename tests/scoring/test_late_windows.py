"""Waiting for windows that are late: what is waited for, how long, and what is let through."""

from datetime import timedelta
from pathlib import Path

import pytest

from scoring.interval import Interval
from scoring.late_windows import wait_for_windows
from stream_queries.command_line import UserError
from stream_queries.store import WindowStore
from tests.scoring.samples import MINUTE, SERIES, START, make_windows

QUARTER = Interval(START + 60 * MINUTE, START + 75 * MINUTE)
MOST = timedelta(minutes=10)


class Time:
    """Time that passes only in `sleep`; after so many seconds windows up to a minute are written."""

    def __init__(self, store: WindowStore, writes: dict[int, int] | None = None) -> None:
        self.store, self.writes, self.passed = store, dict(writes or {}), 0.0

    def sleep(self, seconds: float) -> None:
        self.passed += seconds
        for at in [at for at in self.writes if at <= self.passed]:
            write(self.store, self.writes.pop(at))


def write(store: WindowStore, until: int) -> None:
    store.insert(make_windows([SERIES[0]], range(1, until + 1)))


@pytest.fixture
def store() -> WindowStore:
    store = WindowStore("sqlite://")
    store.create()
    return store


@pytest.mark.parametrize("until", [0, 30, 45, 75, 200], ids=["empty", "long ago", "one before", "just", "later"])
def test_a_run_that_need_not_wait_does_not(store: WindowStore, until: int):
    if until:
        write(store, until)
    time = Time(store)
    wait_for_windows(store, QUARTER, most=MOST, sleep=time.sleep)
    assert time.passed == 0


def test_late_windows_are_waited_for_and_no_longer_than_they_need(
    store: WindowStore, capsys: pytest.CaptureFixture[str]
):
    write(store, 66)
    time = Time(store, {70: 70, 200: 75})
    wait_for_windows(store, QUARTER, most=MOST, sleep=time.sleep)
    assert 200 <= time.passed < 220 and store.newest() == QUARTER.end
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(QUARTER.folder) and "newest window ends at 2026-01-01T01:06:00+00:00" in line


def test_an_interval_that_stays_incomplete_is_refused_when_the_time_is_over(store: WindowStore):
    write(store, 74)
    time = Time(store)
    with pytest.raises(UserError, match=r"2026-01-01T01:14:00.*10 minutes of waiting.*score the interval again"):
        wait_for_windows(store, QUARTER, most=MOST, sleep=time.sleep)
    assert time.passed == MOST.total_seconds()


def test_an_interval_without_any_window_is_waited_for_and_let_through(store: WindowStore):
    """Whether the devices rest or the stream job does, the table cannot tell; alerts can, by the events that arrive."""
    write(store, 50)
    time = Time(store)
    wait_for_windows(store, QUARTER, most=MOST, sleep=time.sleep)
    assert time.passed == MOST.total_seconds()


def test_a_fleet_that_is_silent_at_times_can_say_so(store: WindowStore):
    write(store, 74)
    time = Time(store)
    wait_for_windows(store, QUARTER, most=timedelta(0), sleep=time.sleep)
    assert time.passed == 0


def test_a_database_that_cannot_be_read_is_named(tmp_path: Path):
    with WindowStore(f"sqlite:///{tmp_path / 'none.db'}") as store, pytest.raises(UserError, match="no database at"):
        wait_for_windows(store, QUARTER, most=MOST)
    with WindowStore("sqlite://") as store, pytest.raises(UserError, match="cannot read table sensor_windows"):
        wait_for_windows(store, QUARTER, most=MOST)
