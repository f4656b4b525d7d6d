"""Waiting for windows that are late: what is waited for, how long, and what is let through."""

from datetime import timedelta
from pathlib import Path

import pytest

from scoring.cluster.interval import Interval
from scoring.cluster.late_windows import LOOK_BACK, wait_for_windows
from stream_queries.errors import UserError
from stream_queries.window_store import WindowStore
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


def minutes_after_start(count: int) -> Interval:
    """The quarter of an hour that begins so many minutes after the samples do."""
    return Interval(START + count * MINUTE, START + (count + 15) * MINUTE)


LOOK_BACK_MINUTES = LOOK_BACK // MINUTE


@pytest.mark.parametrize("until", [75, 200], ids=["just", "later"])
def test_a_run_whose_windows_are_there_does_not_wait_and_says_nothing(
    store: WindowStore, capsys: pytest.CaptureFixture[str], until: int
):
    write(store, until)
    time = Time(store)
    wait_for_windows(store, QUARTER, most=MOST, sleep=time.sleep)
    assert time.passed == 0 and capsys.readouterr() == ("", "")


def test_before_the_first_window_of_a_stack_runs_complete_with_a_warning(
    store: WindowStore, capsys: pytest.CaptureFixture[str]
):
    time = Time(store)
    wait_for_windows(store, QUARTER, most=MOST, sleep=time.sleep)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"scoring: warning: {QUARTER.folder}: ") and "no window at all" in line
    assert time.passed == 0


@pytest.mark.parametrize("longer", [0, 3 * 24 * 60], ids=["just", "a weekend"])
def test_a_fleet_that_has_been_silent_for_the_look_back_completes_with_a_warning(
    store: WindowStore, capsys: pytest.CaptureFixture[str], longer: int
):
    write(store, 58)
    silent, time = minutes_after_start(58 + LOOK_BACK_MINUTES + longer), Time(store)
    wait_for_windows(store, silent, most=MOST, sleep=time.sleep)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"scoring: warning: {silent.folder}: the newest window ends at 2026-01-01T00:58:00+00:00")
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
    with pytest.raises(UserError, match=r"2026-01-01T01:14:00.*10 minutes of waiting.*python -m scoring submit"):
        wait_for_windows(store, QUARTER, most=MOST, sleep=time.sleep)
    assert time.passed == MOST.total_seconds()


@pytest.mark.parametrize(
    "start",
    [58, 60, 75, 90, 58 + LOOK_BACK_MINUTES - 1],
    ids=["at once", "first", "second", "third", "last of the look-back"],
)
def test_every_interval_that_lies_wholly_in_an_outage_is_refused(store: WindowStore, start: int):
    """Completed, it would be scored as empty, and never again when the stream job goes on from its last output."""
    write(store, 58)
    missed, time = minutes_after_start(start), Time(store)
    with pytest.raises(UserError) as refused:
        wait_for_windows(store, missed, most=MOST, sleep=time.sleep)
    said = str(refused.value)
    assert said.startswith(f"{missed.folder}: the newest window ends at 2026-01-01T00:58:00+00:00, before the interval")
    bounds = f"{missed.start.isoformat()} {missed.end.isoformat()}"
    assert f"`python -m scoring submit --stack NAME --interval {bounds}`" in said and "\n" not in said
    assert time.passed == MOST.total_seconds()


def test_windows_that_come_during_the_wait_complete_an_interval_that_had_none(
    store: WindowStore, capsys: pytest.CaptureFixture[str]
):
    write(store, 40)
    time = Time(store, {300: 80})
    wait_for_windows(store, QUARTER, most=MOST, sleep=time.sleep)
    assert time.passed == 300 and capsys.readouterr().err == ""


def test_an_interval_that_was_refused_is_scored_once_its_windows_are_there(store: WindowStore):
    write(store, 58)
    with pytest.raises(UserError):
        wait_for_windows(store, QUARTER, most=MOST, sleep=Time(store).sleep)
    write(store, 90)
    time = Time(store)
    wait_for_windows(store, QUARTER, most=MOST, sleep=time.sleep)
    assert time.passed == 0


@pytest.mark.parametrize("until", [0, 30, 58, 74], ids=["empty", "before", "just before", "cut"])
def test_a_run_that_does_not_wait_never_fails(store: WindowStore, capsys: pytest.CaptureFixture[str], until: int):
    """Those of recordings, which end before the last interval does, and of fleets that are silent at times."""
    write(store, until)
    time = Time(store)
    wait_for_windows(store, QUARTER, most=timedelta(0), sleep=time.sleep)
    assert time.passed == 0 and capsys.readouterr() == ("", "")


def test_a_database_that_cannot_be_read_is_named(tmp_path: Path):
    with WindowStore(f"sqlite:///{tmp_path / 'none.db'}") as store, pytest.raises(UserError, match="no database at"):
        wait_for_windows(store, QUARTER, most=MOST)
    with WindowStore("sqlite://") as store, pytest.raises(UserError, match="cannot read table sensor_windows"):
        wait_for_windows(store, QUARTER, most=MOST)
