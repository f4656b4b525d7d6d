"""What Stream Analytics has that this engine has not, and what Microsoft does not document.

A construct is either run as documented, or refused by name with its line; nothing is ignored, and nothing unknown
reaches DuckDB. Reference: https://learn.microsoft.com/stream-analytics-query/stream-analytics-query-language-reference
"""

from collections.abc import Iterator
from dataclasses import dataclass

from stream_queries.engine.language.syntax import Call, Case, Cast, Node, children
from stream_queries.errors import UserError


class QueryError(UserError):
    """A query that Stream Analytics would not take, or that this engine would have to guess about."""

    def __init__(self, *, name: str, line: int, what: str, advice: str) -> None:
        super().__init__(f"{name}:{line}: {what}: {advice}")
        self.name, self.line, self.what, self.advice = name, line, what, advice


class RefusedError(Exception):
    """A `QueryError` before the query's name is known; `Query.parse` adds it."""

    def __init__(self, line: int, what: str, advice: str) -> None:
        super().__init__(what)
        self.line, self.what, self.advice = line, what, advice


@dataclass(frozen=True)
class Remark:
    """Something that works, and that the author should know."""

    line: int
    text: str


REFUSED_WORDS = {
    "JOIN": "this engine reads one source per SELECT",
    "INNER": "this engine reads one source per SELECT",
    "LEFT": "this engine reads one source per SELECT",
    "CROSS": "neither joins nor APPLY are run here",
    "OUTER": "neither joins nor APPLY are run here",
    "OVER": "analytic functions and substreams are not run here",
    "PARTITION": "compatibility level 1.2 partitions by itself; leave the clause out",
    "MATCH_RECOGNIZE": "pattern matching is not run here",
    "DISTINCT": "only COUNT(DISTINCT x) has it; group by the columns instead",
    "TOP": "the engine has no order to take the first rows of",
    "ORDER": "streams have no order to sort; sort where the output is read",
    "ALL": "UNION keeps duplicates in Stream Analytics; write UNION",
    "EXCEPT": "Stream Analytics has UNION only",
    "INTERSECT": "Stream Analytics has UNION only",
    "CREATE": "neither declared input schemas nor functions are run here; TRY_CAST each field in a first step",
    "WITH": "one WITH at the beginning holds all steps",
    "EXISTS": "subqueries are not run here; write a step under WITH",
    "ESCAPE": "a pattern that needs an escape is not run here",
    "COLLATE": "Stream Analytics has no collations",
    "WHEN": "WHEN belongs into CASE",
    "DECLARE": "Stream Analytics has no variables",
    "INSERT": "results go to outputs: SELECT … INTO",
    "UPDATE": "results go to outputs: SELECT … INTO",
    "DELETE": "results go to outputs: SELECT … INTO",
}
"""Words that begin something refused, and what to do instead."""

REFUSED_FUNCTIONS = {
    **dict.fromkeys(("LAG", "LAST", "ISFIRST"), "analytic functions are not run here"),
    **dict.fromkeys(
        ("COLLECT", "COLLECTTOP", "TOPONE", "PERCENTILE_CONT", "PERCENTILE_DISC"), "this aggregate is not run here"
    ),
    **dict.fromkeys(("SESSIONWINDOW", "SESSION"), "session windows are not run here"),
    **dict.fromkeys(("WINDOWS", "WINDOW"), "one window per GROUP BY is run here; write one output for each"),
    **dict.fromkeys(("TUMBLING", "HOPPING", "SLIDING"), "write TumblingWindow, HoppingWindow or SlidingWindow"),
    **dict.fromkeys(("DURATION", "HOP", "OFFSET", "TIMEOUT", "MAXDURATION"), "write the window as (unit, size[, hop])"),
    **dict.fromkeys(
        (
            "GETARRAYELEMENT",
            "GETARRAYELEMENTS",
            "GETARRAYLENGTH",
            "GETRECORDPROPERTIES",
            "GETRECORDPROPERTYVALUE",
            "JSON_PARSE",
        ),
        "records and arrays are not read here",
    ),
    "GETMETADATAPROPERTYVALUE": "PartitionId and EventEnqueuedUtcTime are columns of an input",
    **dict.fromkeys(("ANOMALYDETECTION_CHANGEPOINT", "ANOMALYDETECTION_SPIKEANDDIP"), "its model is not published"),
    **dict.fromkeys(
        (
            "CREATELINESTRING",
            "CREATEPOINT",
            "CREATEPOLYGON",
            "ST_DISTANCE",
            "ST_INTERSECTS",
            "ST_OVERLAPS",
            "ST_WITHIN",
        ),
        "geospatial functions are not run here",
    ),
    **dict.fromkeys(
        (
            "PATINDEX",
            "CONCAT_WS",
            "NCHAR",
            "UNICODE",
            "REPLACE",
            "REPLICATE",
            "REVERSE",
            "RIGHT",
            "LEFT",
            "SPACE",
            "STUFF",
            "TRANSLATE",
        ),
        "this text function is not run here",
    ),
    **dict.fromkeys(("DATENAME", "DATETIMEFROMPARTS"), "this date function is not run here"),
}
"""Functions Stream Analytics has and this engine has not."""

UNDOCUMENTED = (
    "whether field names match regardless of case: exactly here (since compatibility level 1.1 case is kept)",
    "the same field twice in one body: here the last one counts",
    "division of two bigints, and AVG over bigint: refused, TRY_CAST one of them AS float",
    "division by zero, overflow of bigint arithmetic, dates outside the years 1 to 9999: NULL here",
    "MIN and MAX over texts: refused",
    "windows whose hop does not divide a day: refused, since their origin is not known",
    "case in text comparison and LIKE: exact here, `check` warns where it could matter",
    "upper and lower case beyond ASCII in REGEXMATCH: here only ASCII letters match regardless of case",
    "whether $ in REGEXMATCH matches before a final newline, and . a newline: here neither does; `check` warns",
    "STDEV and VAR of one value: NULL here, `check` warns outside CASE",
    "the text of a number, bit, record or array: here as in the body's JSON",
    "a number with a fraction cast to bigint: TRY_CAST gives NULL here, CAST stops",
    "which half ROUND rounds to: away from zero here, `check` warns",
    "characters outside the basic plane: LEN counts one here",
    "100 ns: datetimes have microseconds here, further digits are cut off",
)
"""What Microsoft's reference leaves open, and what happens here."""


def remarks(tree: Node, *, guarded: bool = False) -> Iterator[Remark]:
    """Walk a query and yield what `check` warns about, apart from text comparisons (which need types)."""
    match tree:
        case Call(function="STDEV" | "VAR" as function) if not guarded:
            yield Remark(
                tree.line, f"{function} of a single value is not documented: guard it with CASE WHEN COUNT(*) > 1"
            )
        case Call(function="ROUND"):
            yield Remark(tree.line, "which way ROUND takes a half is not documented: here away from zero")
        case Cast(attempt=False):
            yield Remark(tree.line, "a CAST that fails stops the job: TRY_CAST gives NULL instead")
    for child in children(tree):
        yield from remarks(child, guarded=guarded or isinstance(tree, Case))
