"""How often each minute is scored by a schedule: none should be scored twice or never.

Deliberately left out: up to six hours of the two days a year on which clocks change. A schedule in such a time zone, of
either kind, may leave out or repeat an interval then. What Azure ML makes of an hour that is left out, or comes twice,
is not documented: here a time in it is one run, so a run that is skipped then, or comes twice, is not seen.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from scoring.cron import cron_values

MINUTE, WEEK = timedelta(minutes=1), timedelta(weeks=1)
MONDAYS = (date(2026, 1, 5), date(2026, 7, 6))
"""A week of winter and one of summer, in which no clock changes."""

LEFT_OUT = timedelta(hours=6)

Runs = Callable[[date], Iterator[datetime]]
"""The times at which runs start in the week from a Monday on."""


@dataclass(frozen=True)
class Coverage:
    """Of `minutes`, after which everything repeats: how many are `never` scored, and how many `again` and again."""

    minutes: int
    never: int
    again: int

    @classmethod
    def of_intervals(cls, intervals: int, length: timedelta, scored: Iterable[int]) -> "Coverage":
        """From the numbers of the intervals that are scored, of `intervals` that repeat."""
        runs = Counter(number % intervals for number in scored)
        minutes = length // MINUTE
        return cls(intervals * minutes, (intervals - len(runs)) * minutes, (runs.total() - len(runs)) * minutes)

    @property
    def complete(self) -> bool:
        """Whether every minute is scored once."""
        return not self.never and not self.again

    def __str__(self) -> str:
        return f"of {self.minutes:,} minutes {self.never:,} are never scored and {self.again:,} are scored again"


def of_recurrence(step: timedelta, length: timedelta) -> Coverage:
    """Of runs every `step` in weeks in which no clock changes; each of them scores an interval of `length`."""
    period = math.lcm(step // MINUTE, length // MINUTE) * MINUTE
    return Coverage.of_intervals(period // length, length, (run * step // length for run in range(period // step)))


def of_weeks(runs: Runs, length: timedelta, settle: timedelta) -> Coverage:
    """Of runs that are the same each week: the week, of winter or summer, that is covered worse.

    A run scores the interval that has settled when it starts, counted in UTC (`scoring.cluster.interval`). `length`
    divides a day.
    """
    weeks = []
    for monday in MONDAYS:
        scored = _scored(runs(monday), monday, length, settle)
        weeks.append(Coverage.of_intervals(WEEK // length, length, scored))
    return max(weeks, key=lambda week: (week.never, week.again))


def lost_to_clocks(runs: Runs, zone: ZoneInfo, length: timedelta, settle: timedelta) -> Coverage | None:
    """Of the week with a change of clocks that is covered worst, if more than `LEFT_OUT` of it is lost or repeated.

    Weeks before and after are counted with it, for their runs score intervals of it.
    """
    worst = None
    for monday in _mondays_of_changes(zone):
        near = (run for other in (-WEEK, 0 * WEEK, WEEK) for run in runs(monday + other))
        numbers = _scored(near, monday, length, settle)
        week = Coverage.of_intervals(WEEK // length, length, (each for each in numbers if 0 <= each < WEEK // length))
        if max(week.never, week.again) > LEFT_OUT // MINUTE and (worst is None or week.never > worst.never):
            worst = week
    return worst


def _scored(runs: Iterable[datetime], monday: date, length: timedelta, settle: timedelta) -> Iterator[int]:
    """The intervals that runs score, numbered in UTC from a Monday on."""
    begin = datetime.combine(monday, time(), UTC)
    return ((run - settle - begin) // length for run in runs)


def _mondays_of_changes(zone: ZoneInfo) -> Iterator[date]:
    """Of each week of a year in which a zone's clock changes."""
    for number in range(53):
        monday = MONDAYS[0] + timedelta(weeks=number)
        offsets = (datetime.combine(monday + timedelta(days=day), time(), zone).utcoffset() for day in range(8))
        if len(set(offsets)) > 1:
            yield monday


def longest_pause(runs: Runs) -> timedelta:
    """The longest time between two runs that are the same each week, of which there is at least one."""
    pauses = []
    for monday in MONDAYS:
        starts = sorted(runs(monday))
        pauses += [later - start for start, later in zip(starts, [*starts[1:], starts[0] + WEEK], strict=True)]
    return max(pauses)


def recurrence_runs(start: datetime, step: timedelta, zone: ZoneInfo, monday: date) -> Iterator[datetime]:
    """The times of a week, every `step` from `start` on; both are counted on the clocks of the zone."""
    midnight = datetime.combine(monday, time())
    due = midnight + (start - midnight) % step
    while due < midnight + WEEK:
        yield due.replace(tzinfo=zone).astimezone(UTC)
        due += step


def cron_runs(expression: str, zone: ZoneInfo, monday: date) -> Iterator[datetime]:
    """The times of a week; in cron Sunday is 0. The fields between are `*`: Azure ML ignores them."""
    minutes, hours, _, _, weekdays = expression.split()
    for day in (monday + timedelta(days=number) for number in range(7)):
        if day.isoweekday() % 7 in cron_values(weekdays, 0, 6):
            for hour in cron_values(hours, 0, 23):
                for minute in cron_values(minutes, 0, 59):
                    yield datetime.combine(day, time(hour, minute), zone).astimezone(UTC)
