"""When a schedule's trigger fires."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tzlocal.windows_tz import win_tz

from scoring.cron import cron_values
from stream_queries.errors import UserError

MINUTE = timedelta(minutes=1)
LOOK_BACK = timedelta(days=35)
"""How far back a due time is looked for: no trigger is rarer than a month."""

UNITS = {"minute": MINUTE, "hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


def last_due(trigger: Mapping[str, Any], *, after: datetime | None, until: datetime) -> datetime | None:
    """The last time that `trigger` (as a schedule has it) fires in (`after`, `until`], in UTC, or None.

    It never fires before its start time, nor after its end time. UserError where the trigger states what Azure ML does
    not know, or what is not simulated.
    """
    zone = _zone(trigger.get("timeZone", "UTC"))
    start, end = (_time(trigger.get(name), zone) for name in ("startTime", "endTime"))
    latest = min(until, end) if end else until
    earliest = max(filter(None, (after, start and start - MINUTE, latest - LOOK_BACK)))
    fires = _Cron(trigger["expression"]) if trigger["triggerType"] == "Cron" else _Recurrence(trigger, start or latest)
    for moment in _minutes_back(latest, earliest):
        if fires(moment.astimezone(zone)):
            return moment
    return None


def _minutes_back(latest: datetime, earliest: datetime) -> Iterator[datetime]:
    """The full minutes of (`earliest`, `latest`], the last first."""
    moment = latest.astimezone(UTC).replace(second=0, microsecond=0)
    while moment > earliest:
        yield moment
        moment -= MINUTE


class _Recurrence:
    """Every so many minutes, hours, days or weeks from the start, or at given times of such days and weeks."""

    def __init__(self, trigger: Mapping[str, Any], start: datetime) -> None:
        unit = str(trigger["frequency"]).lower()
        if unit not in UNITS:
            raise UserError(f"schedules by {unit} are not simulated: use one of {', '.join(UNITS)}")
        self._step, self._start = UNITS[unit] * int(trigger["interval"]), start
        pattern = trigger.get("schedule") or {}
        self._hours, self._minutes = pattern.get("hours"), pattern.get("minutes")
        self._weekdays = [str(day).lower() for day in pattern.get("weekDays") or ()]

    def __call__(self, moment: datetime) -> bool:
        if not self._hours or not self._minutes:  # the SDK sends empty lists for no pattern
            return (moment - self._start) % self._step < MINUTE
        first = self._start.astimezone(moment.tzinfo).replace(hour=0, minute=0, second=0, microsecond=0)
        days = (moment.date() - first.date()).days
        in_turn = self._step < UNITS["day"] or days % (self._step.days if self._step < UNITS["week"] else 1) == 0
        of_week = not self._weekdays or WEEKDAYS[moment.weekday()] in self._weekdays
        return in_turn and of_week and moment.hour in self._hours and moment.minute in self._minutes


class _Cron:
    """Five fields; Azure ML ignores the days and months."""

    def __init__(self, expression: str) -> None:
        fields = expression.split()
        if len(fields) != len(CRON_RANGES):
            raise UserError(f"{expression!r} is no cron expression: it needs five fields")
        self._allowed = [cron_values(field, *limits) for field, limits in zip(fields, CRON_RANGES, strict=True)]

    def __call__(self, moment: datetime) -> bool:
        minutes, hours, _, _, weekdays = self._allowed
        return moment.minute in minutes and moment.hour in hours and (moment.weekday() + 1) % 7 in weekdays


def _zone(name: str) -> ZoneInfo:
    """A time zone by the name that Windows gives it, as Azure ML wants it."""
    if name not in win_tz:
        raise UserError(f"the time zone {name!r} is not known: Azure ML wants names like W. Europe Standard Time")
    return ZoneInfo(win_tz[name])


def _time(text: str | None, zone: ZoneInfo) -> datetime | None:
    """A schedule's start or end; without an offset it is in the schedule's time zone."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
