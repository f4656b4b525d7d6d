"""The scalar functions, each with the types it takes, the type it gives and its DuckDB SQL."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stream_queries.engine.compile.typed import NUMBERS, Type, Typed

DATE_PARTS = {
    name: part
    for part, names in {
        "year": ("year", "yy", "yyyy"),
        "quarter": ("quarter", "qq", "q"),
        "month": ("month", "mm", "m"),
        "dayofyear": ("dayofyear", "dy", "y"),
        "day": ("day", "dd", "d"),
        "hour": ("hour", "hh"),
        "minute": ("minute", "mi", "n"),
        "second": ("second", "ss", "s"),
        "millisecond": ("millisecond", "ms"),
        "microsecond": ("microsecond", "mcs"),
    }.items()
    for name in names
}
"""Units and their abbreviations; week and weekday are left out because the first day of a week is not documented."""

MICROSECONDS = {
    "day": 86_400_000_000,
    "hour": 3_600_000_000,
    "minute": 60_000_000,
    "second": 1_000_000,
    "millisecond": 1_000,
    "microsecond": 1,
}
"""Units of fixed length."""

INTERVALS = {
    "year": ("to_years(CAST({0} AS INTEGER))", 20_000),
    "quarter": ("to_months(3 * CAST({0} AS INTEGER))", 80_000),
    "month": ("to_months(CAST({0} AS INTEGER))", 240_000),
    "dayofyear": ("to_days(CAST({0} AS INTEGER))", 7_305_000),
    "day": ("to_days(CAST({0} AS INTEGER))", 7_305_000),
    "hour": ("to_hours({0})", 7_305_000 * 24),
    "minute": ("to_minutes({0})", 7_305_000 * 24 * 60),
    "second": ("to_seconds({0})", 7_305_000 * 24 * 3600),
    "millisecond": ("to_milliseconds({0})", 7_305_000 * 24 * 3_600_000),
    "microsecond": ("to_microseconds({0})", 7_305_000 * 24 * 3_600_000_000),
}
"""Of each unit the DuckDB interval, and as many as lead from any datetime out of the years 1 to 9999."""

TEXTS = frozenset({Type.TEXT})
FLOATS = frozenset({Type.FLOAT})
BIGINTS = frozenset({Type.BIGINT})
DATETIMES = frozenset({Type.DATETIME})


@dataclass(frozen=True)
class Function:
    """One function: for each parameter the types it takes; `variadic` repeats the last one."""

    parameters: tuple[frozenset[Type], ...]
    build: Callable[[Sequence[Typed]], Typed]
    variadic: bool = False


def _gives(result: Type, template: str) -> Callable[[Sequence[Typed]], Typed]:
    return lambda arguments: Typed(template.format(*(argument.sql for argument in arguments)), result)


def calculated(template: str, *numbers: Typed) -> Typed:
    """Arithmetic: of floats in floats; of bigints without overflow, NULL where the result is no bigint.

    (DuckDB's TRY would not do: its optimizer may compute a repeated part outside it.)
    """
    if any(number.type is Type.FLOAT for number in numbers):
        return Typed(f"({template.format(*(f'CAST({number.sql} AS DOUBLE)' for number in numbers))})", Type.FLOAT)
    wide = template.format(*(f"CAST({number.sql} AS HUGEINT)" for number in numbers))
    return Typed(f"TRY_CAST({wide} AS BIGINT)", Type.BIGINT)


def _floor_like(function: str) -> Callable[[Sequence[Typed]], Typed]:
    def build(arguments: Sequence[Typed]) -> Typed:
        (number,) = arguments
        return number if number.type is Type.BIGINT else Typed(f"{function}({number.sql})", Type.FLOAT)

    return build


def _sign(arguments: Sequence[Typed]) -> Typed:
    (number,) = arguments
    return Typed(f"CAST(sign({number.sql}) AS {'BIGINT' if number.type is Type.BIGINT else 'DOUBLE'})", number.type)


def _concat(arguments: Sequence[Typed]) -> Typed:
    return Typed(f"concat({', '.join(argument.sql for argument in arguments)})", Type.TEXT)


LONGEST_TEXT = 2**31 - 1
SUBSTRING = (
    "(CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL AND {2} IS NOT NULL THEN substring({0}, "
    f"CAST(least(greatest({{1}}, 1), {LONGEST_TEXT}) AS BIGINT), "
    f"CAST(least(greatest(CAST({{1}} AS HUGEINT) + {{2}} - greatest({{1}}, 1), 0), {LONGEST_TEXT}) AS BIGINT)) END)"
)
"""As in SQL Server: a start before the text eats up length."""

FUNCTIONS: dict[str, Function] = {
    "LEN": Function((TEXTS,), _gives(Type.BIGINT, "length(rtrim({0}, ' '))")),
    "LOWER": Function((TEXTS,), _gives(Type.TEXT, "lower({0})")),
    "UPPER": Function((TEXTS,), _gives(Type.TEXT, "upper({0})")),
    "LTRIM": Function((TEXTS,), _gives(Type.TEXT, "ltrim({0}, ' ')")),
    "RTRIM": Function((TEXTS,), _gives(Type.TEXT, "rtrim({0}, ' ')")),
    "TRIM": Function((TEXTS,), _gives(Type.TEXT, "trim({0}, ' ')")),
    "SUBSTRING": Function((TEXTS, BIGINTS, BIGINTS), _gives(Type.TEXT, SUBSTRING)),
    "CONCAT": Function((TEXTS, TEXTS), _concat, variadic=True),
    "CHARINDEX": Function((TEXTS, TEXTS), _gives(Type.BIGINT, "instr({1}, {0})")),
    "ABS": Function((NUMBERS,), lambda arguments: calculated("abs({0})", *arguments)),
    "CEILING": Function((NUMBERS,), _floor_like("ceil")),
    "FLOOR": Function((NUMBERS,), _floor_like("floor")),
    "ROUND": Function((FLOATS, BIGINTS), _gives(Type.FLOAT, "round({0}, TRY_CAST({1} AS INTEGER))")),
    "POWER": Function((FLOATS, NUMBERS), _gives(Type.FLOAT, "power({0}, CAST({1} AS DOUBLE))")),
    "SQRT": Function((NUMBERS,), _gives(Type.FLOAT, "(CASE WHEN {0} >= 0 THEN sqrt(CAST({0} AS DOUBLE)) END)")),
    "SQUARE": Function((NUMBERS,), _gives(Type.FLOAT, "(CAST({0} AS DOUBLE) * CAST({0} AS DOUBLE))")),
    "EXP": Function((NUMBERS,), _gives(Type.FLOAT, "exp(CAST({0} AS DOUBLE))")),
    "SIGN": Function((NUMBERS,), _sign),
    "DAY": Function((DATETIMES,), _gives(Type.BIGINT, "date_part('day', {0})")),
    "MONTH": Function((DATETIMES,), _gives(Type.BIGINT, "date_part('month', {0})")),
    "YEAR": Function((DATETIMES,), _gives(Type.BIGINT, "date_part('year', {0})")),
}
"""Functions whose arguments are all values."""


def date_add(part: str, amount: Typed, start: Typed) -> Typed:
    """DATEADD: NULL where the result leaves the years 1 to 9999."""
    interval, most = INTERVALS[part]
    bounded = f"greatest(least({amount.sql}, {most}), -{most})"  # NULL becomes the bound, and that NULL again
    return Typed(f"asa_in_range({start.sql} + {interval.format(bounded)})", Type.DATETIME)


def date_difference(part: str, start: Typed, end: Typed) -> Typed:
    """DATEDIFF: how many boundaries of the unit lie between start and end."""
    return Typed(f"date_diff('{part}', {start.sql}, {end.sql})", Type.BIGINT)


def date_part(part: str, moment: Typed) -> Typed:
    """DATEPART; milliseconds and microseconds are those within the second."""
    modulus = {"millisecond": " % 1000", "microsecond": " % 1000000"}.get(part, "")
    return Typed(f"(CAST(date_part('{part}', {moment.sql}) AS BIGINT){modulus})", Type.BIGINT)
