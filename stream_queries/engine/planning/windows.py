"""Which windows a row belongs to: (start, end], so a row exactly at an end belongs to the window that ends there.

Times are microseconds since 1970. A window is final when its end lies before the watermark, so each kind of window also
says which rows a later window may still need.
Source: https://learn.microsoft.com/stream-analytics-query/windows-azure-stream-analytics
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stream_queries.engine.compile.functions import DATE_PARTS, MICROSECONDS
from stream_queries.engine.language import syntax
from stream_queries.engine.language.lint import RefusedError

DAY = MICROSECONDS["day"]
LONGEST = 7 * DAY
BEGINNING, END = -(2**62), 2**62
"""Before and after every time."""


@dataclass(frozen=True)
class Window:
    """A window of `size`; tumbling and hopping ones end at the multiples of `hop`. A snapshot has neither."""

    kind: Literal["hopping", "sliding", "snapshot"]
    size: int = 0
    hop: int = 0

    @property
    def text(self) -> str:
        """For people: `TumblingWindow of 0:01:00`."""
        if self.kind == "snapshot":
            return "snapshot"
        seconds = f"{self.size / 1_000_000:g} s"
        if self.kind == "sliding":
            return f"SlidingWindow of {seconds}"
        if self.size == self.hop:
            return f"TumblingWindow of {seconds}"
        return f"HoppingWindow of {seconds} every {self.hop / 1_000_000:g} s"

    def assigned(self, rows: str, keys: Sequence[str], begin: int, end: int) -> str:
        """SQL for `rows` (a table with `t`) with their `window_end`s in [begin, end), once for each."""
        if self.kind == "snapshot":
            return f"SELECT *, t AS window_end FROM {rows}"
        if self.kind == "hopping" and self.size == self.hop:
            ends = f"SELECT *, {_next_multiple('t', self.hop)} AS window_end FROM {rows}"
            return f"SELECT * FROM ({ends}) WHERE window_end >= {begin} AND window_end < {end}"
        if self.kind == "hopping":
            first = f"greatest({_next_multiple('t', self.hop)}, {next_multiple(begin, self.hop)})"
            last = f"least(t + {self.size}, {end})"
            return f"SELECT *, unnest(range({first}, {last}, {self.hop})) AS window_end FROM {rows}"
        names = "".join(f"{key}, " for key in keys)
        moments = " UNION ALL ".join(f"SELECT {names}{moment} AS window_end FROM {rows}" for moment in self._changes)
        points = f"SELECT DISTINCT * FROM ({moments}) WHERE window_end >= {begin} AND window_end < {end}"
        same = "".join(f" AND rows.{key} IS NOT DISTINCT FROM points.{key}" for key in keys)
        inside = f"rows.t <= points.window_end AND rows.t > points.window_end - {self.size}"
        return f"SELECT rows.*, points.window_end FROM ({points}) AS points JOIN {rows} AS rows ON {inside}{same}"

    @property
    def _changes(self) -> tuple[str, str]:
        """A sliding window changes when a row enters, and when it leaves."""
        return ("t", f"t + {self.size}")

    def needed_from(self, watermark: int) -> str:
        """SQL condition: a window that ends at or after the watermark may still need this row."""
        match self.kind:
            case "hopping":
                return f"t + {self.size} > {next_multiple(watermark, self.hop)}"
            case "sliding":
                return f"t + {self.size} >= {watermark}"
            case _:
                return "FALSE"


def next_multiple(time: int, step: int) -> int:
    """The first multiple of `step` at or after `time`."""
    return -(-time // step) * step


def _next_multiple(time: str, step: int) -> str:
    """The same in SQL, where % takes the sign of the dividend."""
    return f"({time} + ({step} - (({time} % {step}) + {step}) % {step}) % {step})"


def window(call: syntax.Call) -> Window:
    """Read TumblingWindow(unit, size), HoppingWindow(unit, size, hop) or SlidingWindow(unit, size)."""
    sizes = 2 if call.function == "HOPPINGWINDOW" else 1
    if len(call.arguments) != 1 + sizes:
        form = "(unit, size, hop)" if sizes == 2 else "(unit, size)"
        raise RefusedError(
            call.line, f"{call.function} with {len(call.arguments)} arguments is not run here", f"write {form}"
        )
    unit, *lengths = call.arguments
    part = DATE_PARTS.get(unit.name.lower(), "") if isinstance(unit, syntax.Name) else ""
    if part not in MICROSECONDS:
        raise RefusedError(call.line, f"no such unit of {call.function}", f"use {', '.join(MICROSECONDS)}")
    values: list[int] = []
    for length in lengths:
        if not isinstance(length, syntax.Number) or not length.text.isdigit() or int(length.text) == 0:
            raise RefusedError(length.line, f"a length of {call.function} is not a whole number", "write 1 or more")
        values.append(int(length.text) * MICROSECONDS[part])
    size, hop = values[0], values[-1]
    if size > LONGEST:
        raise RefusedError(
            call.line, f"{call.function} is longer than 7 days", "Stream Analytics has no longer windows"
        )
    if call.function == "SLIDINGWINDOW":
        return Window("sliding", size)
    if DAY % hop:
        what = f"where windows of {call.function} begin is not documented if their hop does not divide a day"
        raise RefusedError(call.line, what, "choose one that does")
    return Window("hopping", size, hop)
