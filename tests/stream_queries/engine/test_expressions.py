"""What each expression gives, and that none of them stops a run."""

import math

import pytest

from stream_queries.engine import Query, run_batch
from stream_queries.errors import UserError
from stream_queries.time_policy import TimePolicy

FIELDS = ["n", "f", "s", "d", "b", "missing"]
TYPES = {"n": "bigint", "f": "float", "s": "nvarchar(max)", "d": "datetime", "b": "bit", "missing": "float"}
BODY = {"n": -7, "f": 2.5, "s": "  Abc ", "d": "2026-01-31T23:59:58.123456+01:00", "b": True}
TYPED = "WITH s AS (SELECT {columns} FROM i)\n"


@pytest.fixture
def evaluate(events):
    """The values of expressions over typed columns of one event."""

    def run(*expressions: str, body: dict | str = BODY) -> list:
        columns = ", ".join(f"TRY_CAST({name} AS {kind}) AS {name}" for name, kind in TYPES.items())
        items = ", ".join(f"{expression} AS x{index}" for index, expression in enumerate(expressions))
        query = Query.parse(TYPED.format(columns=columns) + f"SELECT {items} INTO o FROM s", name="q")
        (row,) = run_batch(query, {"i": events([(body, 0)])}, policy=TimePolicy())["o"].to_pylist()
        return [value.isoformat() if hasattr(value, "isoformat") else value for value in row.values()]

    return run


@pytest.fixture
def cast(events):
    """TRY_CAST, or GetType, of a field in each of several bodies."""

    def run(expression: str, *values: str) -> list:
        query = Query.parse(f"SELECT {expression} AS x INTO o FROM i", name="q")
        rows = [(f'{{"x":{value}}}', second) for second, value in enumerate(values)]
        return run_batch(query, {"i": events(rows)}, policy=TimePolicy())["o"]["x"].to_pylist()

    return run


def test_text_functions(evaluate):
    assert evaluate(
        "LEN(s)", "LEN('   ')", "LOWER(s)", "UPPER(s)", "LTRIM(s)", "RTRIM(s)", "TRIM(s)", "CONCAT(s, 'x', TRIM(s))",
        "SUBSTRING('abcdef', 2, 3)", "SUBSTRING('abcdef', 0, 3)", "SUBSTRING('abc', -1, 1)", "SUBSTRING('abc', 2, 99)",
        "CHARINDEX('b', s)", "CHARINDEX('z', s)", "'it''s'",
    ) == [
        5, 0, "  abc ", "  ABC ", "Abc ", "  Abc", "Abc", "  Abc xAbc", "bcd", "ab", "", "bc", 4, 0, "it's",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "text", "position"),
    [
        ("b", "abc", 2), ("B", "abc", 2), ("[X-Z]", "ayz", 2), ("[^a-y]", "AYz", 3), ("z", "abc", 0), ("^b", "abc", 0),
        ("^a", "Abc", 1), (r"\.", "a.b", 2), (r"\d{2}", "a1b23", 4), ("(ab|c)+", "xxcab", 3), ("[.]", "a.b", 2),
        (r"[\]a]", "x]", 2), (r"[^\w]", "ab c", 3), ("", "abc", 1), ("b", "", 0), (r"\s", "a\nb", 2), ("b?c", "abc", 2),
        ("[a-z]", "\u212a\u017f", 0), ("[^A-Za-z]", "k\u212a", 2), ("é*b", "b", None), ("'", "it's", 3),
    ],
)  # fmt: skip
def test_regexmatch_tells_the_first_position_regardless_of_ascii_case(evaluate, pattern, text, position):
    expression = "REGEXMATCH('{}', '{}')".format(text.replace("'", "''"), pattern.replace("'", "''"))
    if position is None:
        with pytest.raises(UserError, match="beyond ASCII"):
            evaluate(expression)
    else:
        assert evaluate(expression) == [position]


def test_regexmatch_of_null_is_null(evaluate):
    assert evaluate("REGEXMATCH(TRY_CAST(missing AS nvarchar(max)), 'a')") == [None]


def test_number_functions(evaluate):
    assert evaluate(
        "ABS(n)",
        "CEILING(f)", "FLOOR(-f)", "CEILING(n)", "ROUND(f, 0)", "ROUND(-f, 0)", "ROUND(1234.5, -2)", "SIGN(n)",
        "SIGN(f)", "POWER(f, 2)", "SQRT(f * f)", "SQRT(-1)", "SQUARE(n)", "EXP(0)", "n + 1", "n - -1", "n * f", "n % 4",
        "f / 2", "n / f", "f / 0", "n % 0", "-n", "2 + 3 * 4", "(2 + 3) * 4", "1e3", ".5",
    ) == [
        7, 3.0, -3.0, -7, 3.0, -3.0, 1200.0, -1, 1.0, 6.25, 2.5, None, 49.0, 1.0, -6, -6, -17.5, -3,
        1.25, -2.8, None, None, 7, 14, 20, 1000.0, 0.5,
    ]  # fmt: skip


def test_overflow_never_stops_a_run(evaluate):
    body = {"n": -(2**63), "f": 1.7e308, "s": "x" * 9, "d": "9999-12-31T23:59:59Z"}
    assert evaluate(
        "-n", "ABS(n)", "n - 1", "n * n", "f * f", "EXP(f)", "POWER(f, f)", "SUBSTRING(s, n, n)", "DATEADD(day, n, d)",
        "DATEADD(second, 1, d)", "DATEADD(year, -99999, d)", "DATEADD(microsecond, 999999, d)", "ROUND(f, n)",
        "n % -1", "n * n + n * n", "DATEADD(month, TRY_CAST(missing AS bigint), d)", "DATEADD(hour, n, d)",
        body=body,
    ) == [
        None, None, None, None, math.inf, math.inf, math.inf, "", None, None, None, "9999-12-31T23:59:59.999999+00:00",
        None, 0, None, None, None,
    ]  # fmt: skip


def test_date_functions(evaluate):
    assert evaluate(
        "YEAR(d)", "MONTH(d)", "DAY(d)", "DATEPART(hour, d)", "DATEPART(ms, d)", "DATEPART(mcs, d)", "DATEPART(dy, d)",
        "DATEPART(quarter, d)", "DATEADD(month, 1, d)", "DATEADD(hh, -23, d)", "DATEDIFF(day, d, DATEADD(hour, 2, d))",
        "DATEDIFF(minute, d, DATEADD(second, 61, d))", "DATEDIFF(yy, d, DATEADD(day, -31, d))", "System.Timestamp()",
    ) == [
        2026, 1, 31, 22, 123, 123456, 31, 1, "2026-02-28T22:59:58.123456+00:00", "2026-01-30T23:59:58.123456+00:00", 1,
        1, -1, "2026-01-01T00:00:00+00:00",
    ]  # fmt: skip


def test_conditions_and_null(evaluate):
    def either(condition: str) -> str:
        return f"CASE WHEN {condition} THEN 'yes' WHEN NOT ({condition}) THEN 'no' ELSE 'unknown' END"

    assert evaluate(
        *map(either, (
            "n = -7", "n <> -7", "n != -7", "n < f", "f >= 2.5", "f BETWEEN 2 AND 2.5", "f NOT BETWEEN 2 AND 2.5",
            "n IN (1, -7)", "n NOT IN (1, 2)", "missing = missing", "missing IS NULL", "missing IS NOT NULL",
            "missing IN (1)", "n IN (1, NULL)", "s LIKE '%b%'", "s LIKE '_b%'", "s NOT LIKE 'x'", "b = 1", "b = 0",
            "n = 1 OR n = -7 AND f = 2.5", "(n = 1 OR n = -7) AND f = 0", "NOT n = 1 AND f = 2.5",
            "d > System.Timestamp()",
        )),
    ) == [
        "yes", "no", "no", "yes", "yes", "yes", "no", "yes", "yes", "unknown", "yes", "no", "unknown", "unknown", "yes",
        "no", "yes", "yes", "no", "yes", "no", "yes", "yes",
    ]  # fmt: skip


def test_case_coalesce_nullif(evaluate):
    assert evaluate(
        "CASE n WHEN 1 THEN 'one' WHEN -7 THEN 'minus seven' END", "CASE WHEN missing > 1 THEN 1 ELSE 0.5 END",
        "CASE WHEN f > 1 THEN 1 ELSE 0.5 END", "CASE WHEN missing > 1 THEN 1 END", "COALESCE(missing, n)",
        "NULLIF(n, -7)", "NULLIF(n, 1)", "NULLIF(n, missing)", "GetType(n)", "GetType(missing)", "GetType('x')",
    ) == ["minus seven", 0.5, 1.0, None, -7.0, None, -7, -7, "bigint", None, "nvarchar(max)"]  # fmt: skip


VALUES = ("5", "5.0", "5.5", '"5"', '" 5.5 "', '"x"', '""', "true", "null", "[1]", '{"a":1}', "1e400", "NaN", "-0.0")


def test_get_type_of_json_values(cast):
    assert cast("GetType(x)", *VALUES) == [
        "bigint", "float", "float", "nvarchar(max)", "nvarchar(max)", "nvarchar(max)", "nvarchar(max)", "bit", None,
        "array", "record", "float", "float", "float",
    ]  # fmt: skip


def test_try_cast_of_json_values(cast):
    assert cast("TRY_CAST(x AS bigint)", *VALUES) == [5, 5, None, 5, *[None] * 9, 0]
    floats = cast("TRY_CAST(x AS float)", *VALUES)
    assert floats[:12] == [5.0, 5.0, 5.5, 5.0, 5.5, *[None] * 6, math.inf]
    assert math.isnan(floats[12])
    assert cast("TRY_CAST(x AS nvarchar(max))", *VALUES[:11]) == [
        "5", "5.0", "5.5", "5", " 5.5 ", "x", "", "true", None, "[1]", '{"a":1}',
    ]  # fmt: skip
    assert cast("TRY_CAST(x AS bit)", *VALUES, "0", "1", '"False"') == [
        *[None] * 7,
        True,
        *[None] * 6,
        False,
        True,
        False,
    ]
    assert cast("TRY_CAST(x AS datetime)", *VALUES) == [None] * len(VALUES)
    assert cast("TRY_CAST(x AS bigint)", "9223372036854775807", '"9223372036854775808"', "9.3e18") == [
        2**63 - 1,
        None,
        None,
    ]


def test_a_datetime_as_text_has_seven_digits(evaluate):
    assert evaluate("TRY_CAST(d AS nvarchar(max))") == ["2026-01-31T22:59:58.1234560Z"]


def test_a_failing_cast_stops_the_run_as_it_stops_a_job(cast):
    assert cast("CAST(x AS bigint)", "5", "null") == [5, None]
    with pytest.raises(UserError, match="CAST AS bigint in line 1 failed"):
        cast("CAST(x AS bigint)", "5", '"x"')


def test_fields_match_exactly_and_may_have_any_name(events):
    query = Query.parse(
        "SELECT TRY_CAST([a b] AS bigint) AS [x y], TRY_CAST(i.a AS bigint) AS a, TRY_CAST(A AS bigint) AS b, "
        "TRY_CAST([select] AS bigint) AS c, TRY_CAST([$.a] AS bigint) AS d, "
        "TRY_CAST([a.b] AS bigint) AS e INTO o FROM i",
        name="q",
    )
    body = {"a b": 1, "a": 2, "A": 3, "select": 4, "$.a": 5, "a.b": 6}
    rows = run_batch(query, {"i": events([(body, 0)])}, policy=TimePolicy())["o"].to_pylist()
    assert rows == [{"x y": 1, "a": 2, "b": 3, "c": 4, "d": 5, "e": 6}]


def test_metadata_filters_and_union_keep_duplicates(events):
    query = Query.parse(
        "WITH u AS (SELECT PartitionId AS p, EventEnqueuedUtcTime AS t FROM i WHERE PartitionId > 0\n"
        "UNION SELECT PartitionId AS p, EventProcessedUtcTime AS t FROM i)\n"
        "SELECT p INTO o FROM u WHERE t = System.Timestamp();",
        name="q",
    )
    table = events([({}, 0, 0), ({}, 1, 1)])
    assert run_batch(query, {"i": table}, policy=TimePolicy())["o"]["p"].to_pylist() == [0, 1, 1]


def test_an_untyped_field_passes_through_a_step(events):
    text = (
        "WITH s AS (SELECT a FROM i) "
        "SELECT TRY_CAST(a AS float) AS a, GetType(a) AS t INTO o FROM s WHERE a IS NOT NULL"
    )
    table = events([({"a": 1}, 0), ({"a": None}, 1), ({}, 2)])
    rows = run_batch(Query.parse(text, name="q"), {"i": table}, policy=TimePolicy())["o"].to_pylist()
    assert rows == [{"a": 1.0, "t": "bigint"}]
