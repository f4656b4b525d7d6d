"""When scoring runs, and what interval a run covers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from tzlocal.windows_tz import win_tz

from infra.settings.coverage import cron_runs, longest_pause, lost_to_clocks, of_recurrence, of_weeks, recurrence_runs
from infra.settings.section import Section
from scoring.publish.pipeline import first_due
from stream_queries.time_policy import TimePolicy

_UNIT_MINUTES = {"Minute": 1, "Hour": 60, "Day": 24 * 60}
_MINUTE, _HOUR, _WEEKDAY = r"[0-5]?[0-9]", r"(1?[0-9]|2[0-3])", r"[0-6]"
_STEPS = {_MINUTE: r"[1-5]?[0-9]", _HOUR: r"(1?[0-9]|2[0-3])", _WEEKDAY: r"[1-6]"}
_CRON = " ".join(
    (r"\*" if number is None else rf"(\*|{number}(-{number})?(,{number}(-{number})?)*)(/(?!0+$|0 ){_STEPS[number]})?")
    for number in (_MINUTE, _HOUR, None, None, _WEEKDAY)
)
_TIME_ZONE = "|".join(re.escape(name) for name in win_tz)
"""Azure ML knows time zones by the names that Windows gives them.
Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-schedule (time_zone)"""

_ALLOWED_CRON = "minute, hour, *, *, weekday like '5 */6 * * *' (Azure ML ignores day and month)"


START_TO_STORED = timedelta(minutes=1)
"""What is left for a window's row to be written, once the stream job has made it."""


def settling_time(policy: TimePolicy) -> timedelta:
    """How long after a window's end its row is in the database, at the latest.

    A row is made when the job's watermark reaches the window's end, however long the window is. With events coming in,
    the watermark is the largest event time less the out-of-order tolerance, and the largest event time may itself be
    behind by the tolerated lateness, if all devices are; without events it is the arrival time less that lateness.
    Source: https://learn.microsoft.com/azure/stream-analytics/stream-analytics-time-handling
    """
    return policy.late_arrival + policy.out_of_order + START_TO_STORED


@dataclass(frozen=True)
class Schedule:
    """A recurrence (`count` of `unit`) or a cron expression, in a time zone.

    A run scores `interval`, ending `settle` before it starts: until then windows may still change, because a reading
    may come as late as the stream job tolerates. A schedule that is not `enabled` is published and starts nothing; one
    that is `partial` leaves out minutes, or scores them again, on purpose.
    """

    enabled: bool
    partial: bool
    count: int
    unit: str
    cron: str | None
    time_zone: str
    interval: timedelta
    settle: timedelta

    @classmethod
    def read(cls, section: Section, policy: TimePolicy) -> Self:
        """Checks that the interval divides a day, that each minute is scored once, and that windows settle."""
        every, mistakes = section.section("every"), len(section.problems)
        minutes = section.integer("intervalMinutes", 15, 1, 24 * 60)
        settings = cls(
            enabled=section.boolean("enabled", default=True),
            partial=section.boolean("partial", default=False),
            count=every.integer("count", 15, 1, 1000),
            unit=every.choice("unit", "Minute", tuple(_UNIT_MINUTES)),
            cron=section.text("cron", "", _CRON, _ALLOWED_CRON) or None,
            time_zone=section.text("timeZone", "UTC", _TIME_ZONE, "UTC, or a name like W. Europe Standard Time"),
            interval=timedelta(minutes=minutes),
            settle=timedelta(minutes=section.integer("settleMinutes", 3, 0, 24 * 60)),
        )
        if settings.cron and section.values.get("every"):
            section.refuse("cron", settings.cron, "either cron or every, not both")
        if 24 * 60 % minutes:
            section.refuse("intervalMinutes", minutes, "a number of minutes that divides a day, such as 15 or 60")
        elif len(section.problems) == mistakes:  # else what would be found follows from what is wrong already
            settings._check_coverage(section)
        needed = settling_time(policy)
        if settings.settle < needed:
            section.refuse(
                "settleMinutes",
                settings.settle // timedelta(minutes=1),
                f"at least {-(-needed // timedelta(minutes=1))}: lateness, disorder and a minute",
            )
        every.finish()
        return settings

    @property
    def longest_pause(self) -> timedelta:
        """The longest time between two runs, in a week in which no clock changes."""
        return longest_pause(self._runs) if self.cron else self._step

    @property
    def _step(self) -> timedelta:
        return self.count * timedelta(minutes=_UNIT_MINUTES[self.unit])

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(win_tz[self.time_zone])

    def _runs(self, monday: date) -> Iterator[datetime]:
        """The times at which runs start in the week from a Monday on, as the release publishes them."""
        if self.cron:
            return cron_runs(self.cron, self._zone, monday)
        return recurrence_runs(first_due(self.settle), self._step, self._zone, monday)

    def _check_coverage(self, section: Section) -> None:
        """Refuse a cron expression that never comes true, and runs that score minutes twice or never.

        When clocks change, runs may fall to another interval: a daily one loses a whole day then.
        """
        if self.cron:
            coverage = of_weeks(self._runs, self.interval, self.settle)
            what = f"{section.at('cron')} is {self.cron!r}"
        else:
            coverage = of_recurrence(self._step, self.interval)
            what = f"{section.at('every')} is {self.count} {self.unit}"
        if coverage.never == coverage.minutes:
            section.refuse("cron", self.cron, _ALLOWED_CRON)
        elif self.partial:
            return
        elif not coverage.complete:
            length = self.interval // timedelta(minutes=1)
            section.problems.append(
                f"{what}: {coverage}; let a run start every intervalMinutes ({length}), or give partial: true"
            )
        elif lost := lost_to_clocks(self._runs, self._zone, self.interval, self.settle):
            section.problems.append(
                f"{what}: when clocks change in {self.time_zone}, {lost} in that week: "
                "let it run some hours later by cron, or in UTC, or give partial: true"
            )

    def to_json(self) -> dict[str, Any]:
        """As the release's record holds it."""
        when = {"cron": self.cron} if self.cron else {"count": self.count, "unit": self.unit}
        minute = timedelta(minutes=1)
        return {
            **when,
            "enabled": self.enabled,
            "timeZone": self.time_zone,
            "intervalMinutes": self.interval // minute,
            "settleMinutes": self.settle // minute,
        }
