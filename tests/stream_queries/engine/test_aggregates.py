"""Aggregates against pandas, and bit for bit however the events come."""

import math
import random
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from stream_queries.engine import Query, run_batch
from stream_queries.time_policy import TimePolicy

QUERY = Query.parse(
    "WITH s AS (SELECT TRY_CAST(k AS nvarchar(max)) AS k, TRY_CAST(v AS float) AS v,"
    " TRY_CAST(n AS bigint) AS n FROM i)\n"
    "SELECT k, COUNT(*) AS rows, COUNT(v) AS count, COUNT(DISTINCT v) AS nunique, SUM(v) AS sum, AVG(v) AS mean,"
    " MIN(v) AS min, MAX(v) AS max, STDEV(v) AS std, "
    "VAR(v) AS var, STDEVP(v) AS stdp, VARP(v) AS varp, SUM(n) AS total\n"
    "INTO o FROM s\n"
    "GROUP BY k, TumblingWindow(day, 1)\nHAVING COUNT(*) > 0",
    name="aggregates",
)
OFFSET = np.random.default_rng(1)
SERIES = {
    "plain": OFFSET.normal(20, 3, 500),
    "large_offset": 1e9 + OFFSET.normal(0, 1, 500),
    "huge": OFFSET.normal(0, 1, 500) * 1e100,
    "tiny": OFFSET.normal(0, 1, 500) * 1e-150,
    "constant": np.full(500, 0.1),
    "few": np.array([1.0, 2.0]),
    "zeros": np.array([0.0, -0.0] * 100),
    "cancelling": np.concatenate([OFFSET.normal(0, 1e6, 250), [0.001]]),
}


def rows(series: dict[str, np.ndarray], order: random.Random | None = None) -> list[tuple]:
    found = [({"k": name, "v": float(value), "n": 1}, 1) for name, values in series.items() for value in values]
    if order:
        order.shuffle(found)
    return found


def test_aggregates_agree_with_pandas(events):
    result = run_batch(QUERY, {"i": events(rows(SERIES))}, policy=TimePolicy())["o"].to_pandas().set_index("k")
    for name, values in SERIES.items():
        series, row = pd.Series(values), result.loc[name]
        expected = {
            "rows": len(series), "count": series.count(), "nunique": series.nunique(), "min": series.min(),
            "max": series.max(), "total": len(series), "mean": series.mean(), "std": series.std(), "var": series.var(),
            "stdp": series.std(ddof=0), "varp": series.var(ddof=0), "sum": series.sum(),
        }  # fmt: skip
        for column, value in expected.items():
            assert row[column] == pytest.approx(value, rel=1e-12, abs=1e-30 if name == "constant" else 0), (
                name,
                column,
            )


@pytest.mark.parametrize("offset", [1e12, 1e14, -1e13])
def test_deviations_are_right_even_where_pandas_loses_digits(events, offset: float):
    values = offset + np.random.default_rng(2).normal(0, 1, 300)
    exact = [Fraction(float(value)) for value in values]
    mean = sum(exact) / len(exact)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in exact) / (len(exact) - 1))
    (row,) = run_batch(QUERY, {"i": events(rows({"a": values}))}, policy=TimePolicy())["o"].to_pylist()
    assert row["mean"] == pytest.approx(float(mean), rel=1e-15)
    assert row["std"] == pytest.approx(deviation, rel=1e-12)


def test_aggregates_are_the_same_to_the_last_bit_in_any_order(events):
    def bits(order: random.Random | None) -> list[bytes]:
        table = run_batch(QUERY, {"i": events(rows(SERIES, order))}, policy=TimePolicy())["o"]
        return [table[name].to_numpy().tobytes() for name in table.column_names if name != "k"]

    first = bits(None)
    for seed in range(3):
        assert bits(random.Random(seed)) == first


def test_nulls_do_not_count_and_single_values_have_no_deviation(events):
    bodies = [({"k": "a", "v": None}, 0), ({"k": "b", "v": 5, "n": 2**62}, 0), ({"k": "b", "n": 2**62}, 0)]
    first, second = run_batch(QUERY, {"i": events(bodies)}, policy=TimePolicy())["o"].to_pylist()
    nothing = dict.fromkeys(("sum", "mean", "min", "max", "std", "var", "stdp", "varp", "total"))
    assert first == {"k": "a", "rows": 1, "count": 0, "nunique": 0, **nothing}
    assert (second["mean"], second["stdp"], second["std"], second["total"]) == (5.0, 0.0, None, None)


def test_infinite_sums_and_values_stop_nothing(events):
    bodies = [
        (f'{{"k":"{k}","v":{v}}}', 0)
        for k in "abc"
        for v in {"a": ("1e308", "1.7e308"), "b": ("1e400", "1"), "c": ("NaN", "1")}[k]
    ]
    means = run_batch(QUERY, {"i": events(bodies)}, policy=TimePolicy())["o"]["mean"].to_pylist()
    assert means[:2] == [float("inf"), float("inf")]
    assert means[2] != means[2]
