"""When a scheduled run was due, in whatever form Azure ML writes it.

The reference only says "string" (https://learn.microsoft.com/azure/machine-learning/how-to-schedule-pipeline-job). Read
are ISO 8601 and the standard forms of .NET, invariant and en-US, the cultures in which services run
(https://learn.microsoft.com/dotnet/standard/base-types/standard-date-and-time-format-strings): there the month comes
first, unless only the other order fits the clock. What people type is not read here: `parse_time` knows one form and
refuses the others.
"""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import product

from scoring.cluster.interval import FIRST_YEAR, LAST_YEAR, parse_time
from stream_queries.errors import UserError

_CLOCKS = ("%I:%M:%S %p", "%H:%M:%S", "%I:%M %p", "%H:%M")
_DATES = ("%m/%d/%Y", "%A, %B %d, %Y", "%A, %d %B %Y", "%a, %d %b %Y")
_ZONES = ("", " %z", " GMT", " UTC")
_FORMS = tuple(f"{date} {clock}{zone}" for date, clock, zone in product(_DATES, _CLOCKS, _ZONES))
_DAY_FIRST = tuple(f"%d/%m/%Y {clock}{zone}" for clock, zone in product(_CLOCKS, _ZONES))

MOST_LATE, MOST_EARLY = timedelta(days=1), timedelta(hours=1)
"""How far from its due time a run may begin: it waits for nodes and for its image; clocks differ."""

_TICKS_FROM = datetime(1, 1, 1, tzinfo=UTC)
_NUMBERS = {10: (datetime.fromtimestamp(0, UTC), 10**6), 13: (datetime.fromtimestamp(0, UTC), 10**3)}
"""By their digits: Unix seconds and milliseconds, with the microseconds of one."""

_TICKS_DIGITS = 18


def read_trigger_time(text: str) -> datetime | None:
    """The time in UTC that a text says, or None where its form is not known; without an offset it is UTC."""
    words = _words(text)
    found = re.fullmatch(r"(?:/Date\()?([0-9]{10}|[0-9]{13}|[0-9]{18})(?:(?:[+-][0-9]{4})?\)/)?", words)
    time = _of_number(found[1]) if found else _of_words(words)
    return time if time is not None and FIRST_YEAR <= time.year <= LAST_YEAR else None


def read_day_first(text: str, *, now: datetime) -> datetime | None:
    """The time of a text like `06/12/2026 01:18:00` with its day first, where only that is near `now`; otherwise None.

    A run far from its due time either way, such as one of a rehearsal with old readings, says nothing about the order.
    """
    month_first, day_first = read_trigger_time(text), _by_forms(_words(text), _DAY_FIRST)
    if day_first is None or (month_first is not None and _is_near(month_first, now)) or not _is_near(day_first, now):
        return None
    return day_first


def _is_near(due: datetime, now: datetime) -> bool:
    return now - MOST_LATE <= due <= now + MOST_EARLY


def _words(text: str) -> str:
    words = " ".join(unicodedata.normalize("NFKC", text).split())
    return re.sub(
        r"(?<=[0-9])(?=[AP]M\b)", " ", words
    )  # without a space: https://github.com/dotnet/runtime/issues/90627


def _of_number(digits: str) -> datetime:
    if len(digits) == _TICKS_DIGITS:
        return _TICKS_FROM + timedelta(microseconds=int(digits) // 10)
    start, microseconds = _NUMBERS[len(digits)]
    return start + timedelta(microseconds=int(digits) * microseconds)


def _of_words(words: str) -> datetime | None:
    try:
        return parse_time(words, what="the trigger time")
    except UserError:
        pass
    return _by_forms(words, _FORMS)


def _by_forms(words: str, forms: Iterable[str]) -> datetime | None:
    for form in forms:
        try:
            time = datetime.strptime(words, form)
            return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None
