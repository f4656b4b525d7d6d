"""Aggregates whose result depends only on which values a window holds, bit for bit, never on the order they came in.

Sums of floats run over the sorted values. Means and variances take a second pass over the differences from the first
mean, which keeps them right to the last digits where values share a large offset.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stream_queries.engine.compile.typed import Type, Typed


@dataclass(frozen=True)
class Aggregate:
    """One aggregate over column `argument` (None for COUNT(*)) of the captured rows."""

    function: str
    argument: str | None
    type: Type
    distinct: bool = False

    @property
    def listed(self) -> bool:
        """Whether it needs all values in order."""
        return self.function in ("AVG", "STDEV", "STDEVP", "VAR", "VARP") or (
            self.function == "SUM" and self.type is Type.FLOAT
        )

    @property
    def result(self) -> Type:
        match self.function:
            case "COUNT":
                return Type.BIGINT
            case "SUM" | "MIN" | "MAX":
                return self.type
            case _:
                return Type.FLOAT


def captured(value: Typed) -> str:
    """SQL of a key or argument as it is kept: -0.0 becomes 0.0, which it equals, so that either may stand for both."""
    return f"({value.sql}) + CAST(0 AS DOUBLE)" if value.type is Type.FLOAT else value.sql


def aggregated(rows: str, keys: Sequence[str], aggregates: Sequence[Aggregate]) -> str:
    """SQL: one row for each `window_end` and keys, with the aggregates as r0, r1, …"""
    names = ["window_end", *keys]
    listed = sorted({str(each.argument) for each in aggregates if each.listed})
    first = [*names]
    first += [
        f"count({each}) AS n_{each}, list_sort(list(CAST({each} AS DOUBLE)) FILTER ({each} IS NOT NULL)) AS v_{each}"
        for each in listed
    ]
    first += [f"{_direct(each)} AS r{index}" for index, each in enumerate(aggregates) if not each.listed]
    sql = f"SELECT {', '.join(first)} FROM ({rows}) GROUP BY {', '.join(names)}"
    for column in listed:
        sql = _with_moments(sql, column)
    results = [f"{_from_list(each)} AS r{index}" for index, each in enumerate(aggregates) if each.listed]
    return f"SELECT *, {', '.join(results)} FROM ({sql})" if results else sql


def _direct(aggregate: Aggregate) -> str:
    argument = aggregate.argument
    match aggregate.function:
        case "COUNT" if argument is None:
            return "count(*)"
        case "COUNT" if aggregate.distinct:
            return f"count(DISTINCT {argument})"
        case "SUM":
            return f"TRY_CAST(sum({argument}) AS BIGINT)"
        case function:
            return f"{function.lower()}({argument})"


def _with_moments(sql: str, column: str) -> str:
    """Add the mean `m_` and the sum of squared differences from it, `s_`.

    mean = m + Σ(x − m)/n for a first mean m; Σ(x − mean)² is corrected by (Σ(x − mean))²/n (Chan, Golub, LeVeque 1983).
    """
    values, count = f"v_{column}", f"n_{column}"
    sql = f"SELECT *, list_sum({values}) / {count} AS f_{column} FROM ({sql})"
    correction = f"list_sum(list_transform({values}, lambda x: x - f_{column})) / {count}"
    mean = f"CASE WHEN isfinite(f_{column}) THEN f_{column} + {correction} ELSE f_{column} END"
    sql = f"SELECT *, {mean} AS m_{column} FROM ({sql})"
    sql = f"SELECT *, list_transform({values}, lambda x: x - m_{column}) AS d_{column} FROM ({sql})"
    squares = f"list_sum(list_transform(d_{column}, lambda x: x * x))"
    rest = f"list_sum(d_{column}) * (list_sum(d_{column}) / {count})"
    return f"SELECT *, greatest({squares} - {rest}, CAST(0 AS DOUBLE)) AS s_{column} FROM ({sql})"


def _from_list(aggregate: Aggregate) -> str:
    column = aggregate.argument
    match aggregate.function:
        case "SUM":
            return f"list_sum(v_{column})"
        case "AVG":
            return f"m_{column}"
        case "VAR":
            return f"CASE WHEN n_{column} > 1 THEN s_{column} / (n_{column} - 1) END"
        case "VARP":
            return f"CASE WHEN n_{column} > 0 THEN s_{column} / n_{column} END"
        case "STDEV":
            return f"CASE WHEN n_{column} > 1 THEN sqrt(s_{column} / (n_{column} - 1)) END"
        case _:
            return f"CASE WHEN n_{column} > 0 THEN sqrt(s_{column} / n_{column}) END"
