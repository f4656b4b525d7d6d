"""Everything that is not run is refused by its name, with its line and a way out."""

import pytest

from stream_queries.engine import Query, QueryError
from stream_queries.errors import UserError


def over(items: str = "TRY_CAST(a AS float) AS a", rest: str = "") -> str:
    return f"SELECT {items}\nINTO o\nFROM i\n{rest}"


COLUMNS = "TRY_CAST(a AS float) AS a, TRY_CAST(b AS bigint) AS b, TRY_CAST(t AS nvarchar(max)) AS t"
STEP = f"WITH s AS (SELECT {COLUMNS} FROM i)\n"
FORWARD = "WITH x AS (SELECT PartitionId AS p FROM y), y AS (SELECT PartitionId AS p FROM i) SELECT p INTO o FROM x"
TWICE = "SELECT TRY_CAST(a AS float) AS a INTO p FROM i TIMESTAMP BY t"


def step(items: str = "a", rest: str = "") -> str:
    return f"{STEP}SELECT {items}\nINTO o\nFROM s\n{rest}"


REFUSED = [
    # constructs of Stream Analytics that are not run here
    ("JOIN", 4, over(rest="JOIN j ON i.a = j.a")),
    ("LEFT", 4, over(rest="LEFT JOIN j ON i.a = j.a")),
    ("CROSS", 4, over(rest="CROSS APPLY GetArrayElements(a) AS e")),
    ("OUTER", 4, over(rest="OUTER APPLY GetArrayElements(a) AS e")),
    ("a second source", 4, over(rest=", j")),
    ("LAG … OVER", 1, over("LAG(a) OVER (LIMIT DURATION(hour, 1)) AS a")),
    ("LAST … OVER", 1, over("LAST(a) OVER (LIMIT DURATION(hour, 1) WHEN a IS NOT NULL) AS a")),
    ("ISFIRST", 1, over("ISFIRST(minute, 1) AS a")),
    ("SUM … OVER", 1, over("SUM(a) OVER (PARTITION BY b LIMIT DURATION(hour, 1)) AS a")),
    ("OVER", 4, over(rest="TIMESTAMP BY t OVER d")),
    ("PARTITION", 4, over(rest="PARTITION BY PartitionId")),
    ("PARTITION", 3, "SELECT PartitionId AS p\nINTO o\nPARTITION BY p\nFROM i"),
    ("MATCH_RECOGNIZE", 4, over(rest="MATCH_RECOGNIZE (LIMIT DURATION(minute, 1)) AS m")),
    ("udf.f", 1, over("udf.f(a) AS a")),
    ("COLLECT", 4, step("COLLECT() AS c", "GROUP BY TumblingWindow(minute, 1)").replace("COLLECT", "\n\nCOLLECT")),
    ("TOPONE … OVER", 1, over("TOPONE() OVER (ORDER BY a) AS a")),
    ("PERCENTILE_CONT", 2, step("PERCENTILE_CONT(0.5) AS a", "GROUP BY TumblingWindow(minute, 1)")),
    ("SESSIONWINDOW", 5, step("COUNT(*) AS n", "GROUP BY SessionWindow(minute, 1, 5)")),
    ("WINDOWS", 5, step("COUNT(*) AS n", "GROUP BY Windows(TumblingWindow(minute, 1))")),
    ("TUMBLING", 5, step("COUNT(*) AS n", "GROUP BY Tumbling(minute, 1)")),
    ("TUMBLINGWINDOW with 3 arguments", 5, step("COUNT(*) AS n", "GROUP BY TumblingWindow(minute, 1, 1)")),
    ("TUMBLINGWINDOW with 1 arguments", 5, step("COUNT(*) AS n", "GROUP BY TumblingWindow(Duration(minute, 1))")),
    ("unit of TUMBLINGWINDOW", 5, step("COUNT(*) AS n", "GROUP BY TumblingWindow(month, 1)")),
    ("a length of TUMBLINGWINDOW", 5, step("COUNT(*) AS n", "GROUP BY TumblingWindow(minute, 0)")),
    ("System.Window", 2, step("System.Window().Id AS w", "GROUP BY TumblingWindow(minute, 1)")),
    ("the nested field a.b", 1, over("TRY_CAST(a.b AS float) AS a")),
    ("the nested field a.b.c", 1, over("TRY_CAST(a.b.c AS float) AS a")),
    ("GETRECORDPROPERTYVALUE", 1, over("GetRecordPropertyValue(a, 'b') AS a")),
    ("PATINDEX", 2, step("PATINDEX('%a%', t) AS p")),
    ("the function LEFT", 2, step("LEFT(t, 1) AS p")),
    ("CREATE", 1, "CREATE TABLE i (a float)\nSELECT TRY_CAST(a AS float) AS a INTO o FROM i"),
    ("DISTINCT", 1, over("DISTINCT a")),
    ("TOP", 1, over("TOP 5 a")),
    ("SELECT *", 1, over("*")),
    ("ORDER", 4, over(rest="ORDER BY a")),
    ("subqueries", 1, "SELECT a INTO o FROM (SELECT a FROM i)"),
    ("subqueries", 4, over(rest="WHERE a IN (SELECT b FROM j)")),
    ("EXISTS", 4, over(rest="WHERE EXISTS (SELECT 1)")),
    ("ALL", 4, over(rest="UNION ALL SELECT a FROM j")),
    ("EXCEPT", 4, over(rest="EXCEPT SELECT a FROM j")),
    ("WITH", 4, over(rest="WITH s AS (SELECT a FROM i)")),
    ("ESCAPE", 5, step(rest="WHERE t LIKE 'a%' ESCAPE '!'")),
    ("LIKE with [ ]", 5, step(rest="WHERE t LIKE '[ab]%'")),
    ("LIKE with a computed pattern", 5, step(rest="WHERE t LIKE t")),
    # what Stream Analytics has not, though DuckDB may
    ("STDDEV", 2, step("STDDEV(a) AS a", "GROUP BY TumblingWindow(minute, 1)")),
    ("MEDIAN", 2, step("MEDIAN(a) AS a")),
    ("the function GREATEST", 2, step("GREATEST(a, b) AS a")),
    ("the function READ_CSV", 2, step("READ_CSV('x') AS a")),
    ("type integer", 1, over("TRY_CAST(a AS integer) AS a")),
    ("type nvarchar(128)", 1, over("TRY_CAST(a AS nvarchar(128)) AS a")),
    ("type record", 1, over("TRY_CAST(a AS record) AS a")),
    ("cannot read '|| t", 2, step("t || t AS a")),
    ("cannot read '& b", 2, step("b & b AS a")),
    ("cannot read '\"a\" AS", 2, step('"a" AS a')),
    ("cannot read '@v", 2, step("@v AS a")),
    ("cannot read", 5, step(rest="WHERE t = 'open")),
    ("cannot read", 5, step(rest="/* open")),
    # what Microsoft leaves open
    ("dividing two bigints", 2, step("b / 2 AS a")),
    ("AVG over bigint", 2, step("AVG(b) AS a", "GROUP BY TumblingWindow(minute, 1)")),
    ("MIN over a nvarchar(max)", 2, step("MIN(t) AS a", "GROUP BY TumblingWindow(minute, 1)")),
    ("hop does not divide a day", 5, step("COUNT(*) AS n", "GROUP BY TumblingWindow(second, 7)")),
    ("hop does not divide a day", 5, step("COUNT(*) AS n", "GROUP BY HoppingWindow(day, 4, 2)")),
    ("longer than 7 days", 5, step("COUNT(*) AS n", "GROUP BY SlidingWindow(day, 8)")),
    ("read twice, with different TIMESTAMP BY", 4, over() + TWICE),
    ("this unit of DATEPART", 2, step("DATEPART(week, System.Timestamp()) AS a")),
    ("in a REGEXMATCH pattern", 2, step(r"REGEXMATCH(t, '(?i)a') AS a")),
    ("in a REGEXMATCH pattern", 2, step(r"REGEXMATCH(t, 'é') AS a")),
    ("in a REGEXMATCH pattern", 2, step(r"REGEXMATCH(t, '(a') AS a")),
    ("in a REGEXMATCH pattern", 2, step(r"REGEXMATCH(t, '*a') AS a")),
    ("in a REGEXMATCH pattern", 2, step(r"REGEXMATCH(t, '[z-a]') AS a")),
    ("in a REGEXMATCH pattern", 2, step(r"REGEXMATCH(t, '\bx') AS a")),
    ("REGEXMATCH with a computed pattern", 2, step("REGEXMATCH(t, t) AS a")),
    # types and names
    ("a has no type", 4, over(rest="WHERE a > 5")),
    ("o.a has no type", 1, over("a")),
    ("comparing a float with a nvarchar(max)", 5, step(rest="WHERE a = 'x'")),
    ("arithmetic with a nvarchar(max)", 2, step("t + 'x' AS a")),
    ("a condition is not a value", 2, step("a > 5 AS a")),
    ("is not a condition", 5, step(rest="WHERE b")),
    ("LEN takes a nvarchar(max), not a float", 2, step("LEN(a) AS a")),
    ("LEN takes 1 arguments", 2, step("LEN(t, t) AS a")),
    ("this mixes", 2, step("CASE WHEN a > 1 THEN a ELSE t END AS a")),
    ("only NULL", 2, step("NULL AS a")),
    ("s has no column c", 2, step("c")),
    ("partitionid is spelled PartitionId", 1, over("partitionid AS p")),
    ("this column has no name", 2, step("a + 1")),
    ("two columns are called A", 2, step("a, b AS A")),
    ("no output", 1, "SELECT PartitionId AS p FROM i"),
    ("two SELECTs write INTO o", 5, step() + "SELECT b INTO o FROM s"),
    ("is defined later", 1, FORWARD),
    ("TIMESTAMP BY on the step s", 4, step(rest="TIMESTAMP BY t")),
    ("the parts of this UNION differ", 5, step(rest="UNION SELECT b FROM s")),
    # grouping
    ("GROUP BY has no window", 2, step("a", "GROUP BY a")),
    ("GROUP BY has more than one window", 2, step("a", "GROUP BY a, System.Timestamp(), TumblingWindow(minute, 1)")),
    ("COUNT cannot stand here", 2, step("COUNT(*) AS n")),
    ("SUM cannot stand here", 2, step("SUM(SUM(a)) AS n", "GROUP BY TumblingWindow(minute, 1)")),
    ("TUMBLINGWINDOW cannot stand here", 5, step(rest="WHERE TumblingWindow(minute, 1)")),
    ("b is neither in GROUP BY nor in an aggregate", 2, step("b", "GROUP BY a, TumblingWindow(minute, 1)")),
    ("HAVING without GROUP BY", 5, step(rest="HAVING a > 1")),
    ("a constant in GROUP BY", 5, step("COUNT(*) AS n", "GROUP BY 1, TumblingWindow(minute, 1)")),
    ("a has no type", 1, over("COUNT(DISTINCT a) AS n", "GROUP BY TumblingWindow(minute, 1)")),
]  # fmt: skip


@pytest.mark.parametrize(("what", "line", "text"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused_by_name_with_its_line_and_what_to_do(what: str, line: int, text: str):
    with pytest.raises(QueryError) as caught:
        Query.parse(text, name="my.asaql")
    assert str(caught.value).startswith(f"my.asaql:{line}: ")
    assert what in caught.value.what
    assert caught.value.advice
    assert isinstance(caught.value, UserError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("STDEV of a single value", step("STDEV(a) AS a", "GROUP BY TumblingWindow(minute, 1)")),
        ("comparing texts", step(rest="WHERE t = 'x'")),
        ("LIKE regards case", step(rest="WHERE t LIKE 'x%'")),
        ("CHARINDEX", step("CHARINDEX('x', t) AS p")),
        ("ROUND", step("ROUND(a, 1) AS a")),
        ("CAST that fails", over("CAST(a AS float) AS a")),
        ("newline", step("REGEXMATCH(t, 'a.b') AS p")),
        ("nothing reads the step s", STEP + "SELECT PartitionId AS p INTO o FROM i"),
    ],
)
def test_what_works_but_is_not_documented_is_remarked_on(what: str, text: str):
    remarks = Query.parse(text, name="q").remarks
    assert len(remarks) == 1
    assert what in remarks[0].text


def test_a_thousand_brackets_are_refused_and_do_not_crash():
    with pytest.raises(QueryError, match="nested too deeply"):
        Query.parse(step("(" * 5000 + "a" + ")" * 5000 + " AS a"), name="q")


def test_the_parts_of_a_query_are_told():
    text = (
        step("COUNT(*) AS n", "GROUP BY HoppingWindow(minute, 2, 1)")
        + "SELECT a, System.Timestamp() AS t INTO p FROM s"
    )
    query = Query.parse(
        text.replace("FROM i", "FROM i TIMESTAMP BY DATEADD(hour, 1, TRY_CAST(at AS datetime))"), name="q"
    )
    assert dict(query.inputs) == {"i": "DATEADD(hour, 1, TRY_CAST(at AS datetime))"}
    assert query.outputs == ("o", "p")
    assert query.horizon.total_seconds() == 120
    assert query.windows == ("HoppingWindow of 120 s every 60 s",)


def test_horizons_of_steps_add_up():
    counted = "n AS (SELECT COUNT(*) AS n FROM s GROUP BY TumblingWindow(minute, 1))"
    text = STEP.rstrip() + f", {counted} SELECT SUM(n) AS n INTO o FROM n GROUP BY SlidingWindow(hour, 1)"
    assert Query.parse(text, name="q").horizon.total_seconds() == 3660
