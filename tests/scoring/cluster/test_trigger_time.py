"""The forms in which Azure ML may write when a run was due."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.cluster.trigger_time import read_day_first, read_trigger_time
from simulator.azure.cloud.settings import TRIGGER_TIMES

MINUTES = st.datetimes(datetime(2001, 9, 10), datetime(2199, 12, 31), timezones=st.just(UTC)).map(
    lambda when: when.replace(second=0, microsecond=0)
)


@pytest.mark.parametrize("form", TRIGGER_TIMES)
@given(when=MINUTES)
def test_every_form_of_the_simulated_schedule_is_read_as_the_time_that_was_written(form: str, when: datetime):
    assert read_trigger_time(TRIGGER_TIMES[form](when)) == when


@pytest.mark.parametrize("form", sorted(TRIGGER_TIMES.keys() - {"g", "g, en-US"}))
def test_every_form_that_has_seconds_is_read_to_the_second(form: str):
    when = datetime(2022, 12, 6, 0, 34, 1, tzinfo=UTC)
    assert read_trigger_time(TRIGGER_TIMES[form](when)) == when


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12/16/2022 9:34:01 AM", 0),
        ("12/16/2022 09:34:01 +00:00", 0),
        (" 12/16/2022  9:34:01\u202fAM ", 0),
        ("12/16/2022 11:34:01 AM +02:00", 0),
        ("2022-12-16T09:34:01.9999999Z", 0.999999),
        ("2022-12-16T10:34:01+01:00", 0),
        ("Fri, 16 Dec 2022 09:34:01 GMT", 0),
        ("Friday, December 16, 2022 9:34:01 AM", 0),
        ("1671183241", 0),
        ("1671183241500", 0.5),
        ("/Date(1671183241000)/", 0),
        ("638067800410000000", 0),
    ],
)
def test_the_form_decides_nothing(text: str, seconds: float):
    assert read_trigger_time(text) == datetime(2022, 12, 16, 9, 34, 1, tzinfo=UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "${{creation_context.trigger_time}}",
        "tomorrow",
        "16/12/2022 09:34:01",
        "16.12.2022 09:34:01",
        "13:34 PM",
        "12/16/2022 13:34:01 PM",
        "12/16/22 09:34:01",
        "02/30/2022 09:34:01",
        "0001-01-01T00:00:00Z",
        "01/01/0001 00:00:00",
        "167118324",
        "999999999999999999",
    ],
)
def test_what_says_no_time_is_none(text: str):
    assert read_trigger_time(text) is None


RUN = datetime(2026, 12, 6, 1, 20, tzinfo=UTC)


@pytest.mark.parametrize("text", ["06/12/2026 01:18:00", "6/12/2026 1:18:00AM", "06/12/2026 02:18:00 +01:00"])
def test_a_day_that_comes_first_is_known_by_the_clock(text: str):
    assert read_day_first(text, now=RUN) == datetime(2026, 12, 6, 1, 18, tzinfo=UTC)


def test_a_day_above_twelve_is_read_first_where_that_fits_the_clock():
    now = datetime(2026, 12, 25, 1, 20, tzinfo=UTC)
    assert read_day_first("25/12/2026 01:18:00", now=now) == datetime(2026, 12, 25, 1, 18, tzinfo=UTC)
    assert read_day_first("25/12/2026 01:18:00", now=now + timedelta(days=2)) is None


@pytest.mark.parametrize(
    ("text", "now"),
    [
        ("12/06/2026 01:18:00", RUN),
        ("06/12/2026 01:18:00", RUN + timedelta(days=2)),
        ("06/12/2026 01:18:00", datetime(2026, 6, 12, 1, 20, tzinfo=UTC)),
        ("06/12/2026 03:18:00", RUN),
        ("12/12/2026 01:18:00", datetime(2026, 12, 12, 1, 20, tzinfo=UTC)),
        ("2026-06-12 01:18:00", RUN),
        ("Fri, 12 Jun 2026 01:18:00 GMT", RUN),
        ("1781227080", RUN),
        ("am Freitag", RUN),
    ],
    ids=["month first", "days ago", "in June", "in two hours", "the same", "ISO 8601", "by name", "Unix", "no time"],
)
def test_where_the_clock_does_not_say_so_the_month_comes_first(text: str, now: datetime):
    assert read_day_first(text, now=now) is None
