import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.cluster.interval import Interval, parse_time
from stream_queries.errors import UserError

QUARTER = timedelta(minutes=15)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)), st.integers(0, 600))
def test_a_run_scores_the_last_whole_interval_that_has_settled(trigger: datetime, settle_seconds: int):
    settle = timedelta(seconds=settle_seconds)
    interval = Interval.before(trigger, length=QUARTER, settle=settle)
    assert interval.end <= trigger - settle < interval.end + QUARTER
    assert interval.end - interval.start == QUARTER
    assert interval.end.minute % 15 == interval.end.second == interval.end.microsecond == 0


def test_all_triggers_within_one_interval_score_the_same_one():
    triggers = [at("2026-01-01T10:16:00"), at("2026-01-01T10:30:59")]
    found = {Interval.before(trigger, length=QUARTER, settle=timedelta(minutes=1)) for trigger in triggers}
    assert found == {Interval(at("2026-01-01T10:00:00"), at("2026-01-01T10:15:00"))}


def test_the_interval_around_midnight_belongs_to_the_day_it_starts_in():
    interval = Interval.before(at("2026-01-02T00:05:00"), length=QUARTER, settle=timedelta(0))
    assert interval.folder == "2026/01/01/20260101T234500Z--20260102T000000Z"


def test_splitting_covers_the_interval_without_gap_or_overlap():
    pieces = Interval(at("2026-01-01T02:00:00"), at("2026-01-01T03:12:00")).split(QUARTER)
    assert pieces[0].start == at("2026-01-01T02:00:00") and pieces[-1].end == at("2026-01-01T03:15:00")
    assert all(left.end == right.start for left, right in itertools.pairwise(pieces)) and len(pieces) == 5


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("2026-01-01T10:00:00Z", at("2026-01-01T10:00:00")),
        ("2026-01-01 10:00:00", at("2026-01-01T10:00:00")),
        ("2026-01-01T12:00:00+02:00", at("2026-01-01T10:00:00")),
    ],
)
def test_times_are_read_with_and_without_an_offset(text: str, meaning: datetime):
    assert parse_time(text, what="--start") == meaning


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("yesterday", "2026-01-01T10:00:00Z", "the interval's start 'yesterday' is not a time"),
        ("2026-01-01T10:00:00Z", "", "the interval's end '' is not a time"),
        ("2026-01-01T10:00:00Z", "2026-01-01T09:00:00Z", "not after its start"),
        ("2026-01-01T10:00:00Z", "2026-01-01T10:00:00Z", "not after its start"),
        ("1899-12-31T00:00:00Z", "2026-01-01T10:00:00Z", "not between the years 1900 and 2200"),
        ("2026-01-01T10:00:00Z", "9999-12-31T23:59:00Z", "not between the years 1900 and 2200"),
        ("2026-01-01T10:00:00.5Z", "2026-01-01T10:01:00Z", "whole seconds"),
    ],
)
def test_bounds_that_make_no_interval_are_refused(start: str, end: str, message: str):
    with pytest.raises(UserError, match=message):
        Interval.parse(start, end)
