"""What one scoring run covers: the windows that end in (start, end]."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stream_queries.errors import UserError

_COMPACT = "%Y%m%dT%H%M%SZ"
FIRST_YEAR, LAST_YEAR = 1900, 2200


def parse_time(text: str, *, what: str) -> datetime:
    """Read a time in ISO 8601 (`2026-01-01T10:00:00Z`, also with a space for the T); without an offset it is UTC.

    Raises UserError naming `what` and the text.
    """
    try:
        time = datetime.fromisoformat(text.strip())
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UserError(f"{what} {text!r} is not a time: write it like 2026-01-01T10:00:00Z") from None
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise UserError(f"{what} {text!r} is not between the years {FIRST_YEAR} and {LAST_YEAR}")
    return time


@dataclass(frozen=True, order=True)
class Interval:
    """A span of window ends, (start, end], whole seconds in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for time in (self.start, self.end):
            if time.tzinfo is None or time.microsecond:
                raise UserError(f"an interval's bounds are whole seconds with a time zone, not {time.isoformat()}")
        if self.end <= self.start:
            raise UserError(
                f"the interval ends at {self.end.isoformat()}, not after its start {self.start.isoformat()}"
            )

    @classmethod
    def parse(cls, start: str, end: str) -> "Interval":
        """Read both bounds from text; UserError where one is no time or the end is not after the start."""
        return cls(parse_time(start, what="the interval's start"), parse_time(end, what="the interval's end"))

    @classmethod
    def before(cls, trigger: datetime, *, length: timedelta, settle: timedelta) -> "Interval":
        """The interval that a run triggered at `trigger` scores.

        Its end is the trigger time less `settle`, the time that windows need to be complete in the database, rounded
        down to a multiple of `length` since midnight UTC.
        """
        settled = trigger.astimezone(UTC) - settle
        midnight = settled.replace(hour=0, minute=0, second=0, microsecond=0)
        end = midnight + (settled - midnight) // length * length
        return cls(end - length, end)

    def split(self, length: timedelta) -> "list[Interval]":
        """Cut into intervals of `length`; the last one keeps that length too and may end after this one."""
        if length <= timedelta(0):
            raise UserError(f"an interval cannot be {length} long: give a positive number of minutes")
        pieces = -(-(self.end - self.start) // length)
        starts = [self.start + index * length for index in range(pieces)]
        return [Interval(start, start + length) for start in starts]

    @property
    def folder(self) -> str:
        """Where this interval's predictions are kept, for instance `2018/08/29/20180829T020000Z--20180829T021500Z`."""
        return f"{self.start:%Y/%m/%d}/{self.start.strftime(_COMPACT)}--{self.end.strftime(_COMPACT)}"

    def to_json(self) -> dict[str, str]:
        """The bounds as ISO 8601 text."""
        return {"start": self.start.isoformat(), "end": self.end.isoformat()}
