"""When a scheduled run was due, in whatever form Azure ML writes it.

The reference only says "string" (https://learn.microsoft.com/azure/machine-learning/how-to-schedule-pipeline-job). Read
are ISO 8601 and the standard forms of .NET, invariant and en-US, the cultures in which services run
(https://learn.microsoft.com/dotnet/standard/base-types/standard-date-and-time-format-strings): there the month comes
first. What people type is not read here: `parse_time` knows one form and refuses the others.
"""

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from itertools import product

from scoring.interval import FIRST_YEAR, LAST_YEAR, parse_time
from stream_queries.command_line import UserError

_CLOCKS = ("%I:%M:%S %p", "%H:%M:%S", "%I:%M %p", "%H:%M")
_DATES = ("%m/%d/%Y", "%A, %B %d, %Y", "%A, %d %B %Y", "%a, %d %b %Y")
_ZONES = ("", " %z", " GMT", " UTC")
_FORMS = tuple(f"{date} {clock}{zone}" for date, clock, zone in product(_DATES, _CLOCKS, _ZONES))

_TICKS_FROM = datetime(1, 1, 1, tzinfo=UTC)
_NUMBERS = {10: (datetime.fromtimestamp(0, UTC), 10**6), 13: (datetime.fromtimestamp(0, UTC), 10**3)}
"""By their digits: Unix seconds and milliseconds, with the microseconds of one."""

_TICKS_DIGITS = 18


def read_trigger_time(text: str) -> datetime | None:
    """The time in UTC that a text says, or None where its form is not known; without an offset it is UTC."""
    words = " ".join(unicodedata.normalize("NFKC", text).split())
    words = re.sub(
        r"(?<=[0-9])(?=[AP]M\b)", " ", words
    )  # without a space: https://github.com/dotnet/runtime/issues/90627
    found = re.fullmatch(r"(?:/Date\()?([0-9]{10}|[0-9]{13}|[0-9]{18})(?:(?:[+-][0-9]{4})?\)/)?", words)
    time = _of_number(found[1]) if found else _of_words(words)
    return time if time is not None and FIRST_YEAR <= time.year <= LAST_YEAR else None


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
    for form in _FORMS:
        try:
            time = datetime.strptime(words, form)
            return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None
