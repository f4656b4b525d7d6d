"""When scoring runs, and what interval a run covers."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from tzlocal.windows_tz import win_tz

from infra.config_section import Section
from stream_queries.schema import WINDOW_LENGTH
from stream_queries.time_policy import TimePolicy

_UNIT_MINUTES = {"Minute": 1, "Hour": 60, "Day": 24 * 60}
_MINUTE, _HOUR, _WEEKDAY = r"[0-5]?[0-9]", r"(1?[0-9]|2[0-3])", r"[0-6]"
_CRON = " ".join(
    (r"\*" if number is None else rf"(\*|{number}(-{number})?(,{number}(-{number})?)*)(/[1-9][0-9]?)?")
    for number in (_MINUTE, _HOUR, None, None, _WEEKDAY)
)
_TIME_ZONE = "|".join(re.escape(name) for name in win_tz)
"""Azure ML knows time zones by the names that Windows gives them.
Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-schedule (time_zone)"""

_ALLOWED_CRON = "minute, hour, *, *, weekday like '5 */6 * * *' (Azure ML ignores day and month)"


@dataclass(frozen=True)
class Schedule:
    """A recurrence (`count` of `unit`) or a cron expression, in a time zone.

    A run scores `interval`, ending `settle` before it starts: until then windows may still change, because a reading
    may come as late as the stream job tolerates.
    """

    count: int
    unit: str
    cron: str | None
    time_zone: str
    interval: timedelta
    settle: timedelta

    @classmethod
    def read(cls, section: Section, policy: TimePolicy) -> Self:
        """Checks that the interval divides a day, that runs are not rarer than intervals, and that windows settle."""
        every = section.section("every")
        minutes = section.integer("intervalMinutes", 15, 1, 24 * 60)
        settings = cls(
            count=every.integer("count", 15, 1, 1000),
            unit=every.choice("unit", "Minute", tuple(_UNIT_MINUTES)),
            cron=section.text("cron", "", _CRON, _ALLOWED_CRON) or None,
            time_zone=section.text("timeZone", "UTC", _TIME_ZONE, "UTC, or a name like W. Europe Standard Time"),
            interval=timedelta(minutes=minutes),
            settle=timedelta(minutes=section.integer("settleMinutes", 3, 0, 24 * 60)),
        )
        if 24 * 60 % minutes:
            section.refuse("intervalMinutes", minutes, "a number of minutes that divides a day, such as 15 or 60")
        if settings.cron and section.values.get("every"):
            section.refuse("cron", settings.cron, "either cron or every, not both")
        if section.values.get("cron") is None and settings.count * _UNIT_MINUTES[settings.unit] != minutes:
            section.problems.append(
                f"{every.path} is {settings.count} {settings.unit}: give the same time as intervalMinutes ({minutes}), "
                "else windows are scored twice or never"
            )
        needed = policy.late_arrival + WINDOW_LENGTH
        if settings.settle < needed:
            least = -(-needed // timedelta(minutes=1))
            section.refuse(
                "settleMinutes", settings.settle // timedelta(minutes=1), f"at least {least}: lateness plus one window"
            )
        every.finish()
        return settings

    def to_json(self) -> dict[str, Any]:
        """As the release's record holds it."""
        when = {"cron": self.cron} if self.cron else {"count": self.count, "unit": self.unit}
        minute = timedelta(minutes=1)
        return {
            **when,
            "timeZone": self.time_zone,
            "intervalMinutes": self.interval // minute,
            "settleMinutes": self.settle // minute,
        }
