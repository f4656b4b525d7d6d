"""The check of Kusto queries: it lets good ones pass, and names what is wrong with bad ones."""

import pytest

from tests.support.kql import problems, problems_of_each
from tests.support.log_tables import LOG_TABLES

GOOD = [
    """
    AmlRunStatusChangedEvent
    | where Status in ("Failed", "Canceled")
    | summarize runs = dcount(RunId) by bin(TimeGenerated, 1h)
    """,
    """
    AzureDiagnostics
    | where ResourceProvider == "MICROSOFT.STREAMANALYTICS" and Level == "Error"
    | extend details = parse_json(properties_s)
    | project TimeGenerated, Resource, what = tostring(details.Type), text = tostring(details.Message)
    """,
    "AmlComputeClusterEvent | summarize arg_max(TimeGenerated, CurrentNodeCount) by ClusterName | render timechart",
    "let threshold = 0.5; AppMetrics | where Name == 'anomaly_share' and Sum / ItemCount > threshold",
    "Usage | where IsBillable | summarize gigabytes = sum(Quantity) / 1000 by DataType | top 5 by gigabytes",
    "union AppTraces, AppExceptions | where SeverityLevel >= 3 | count",
    "AmlComputeJobEvent | where EventType == 'JobFailed' | project JobName, JobErrorMessage",
    "StorageBlobLogs | where StatusCode startswith '4' | summarize percentile(ServerLatencyMs, 95) by AccountName",
    "AzureMetrics | where MetricName == 'ResourceUtilization' | summarize max(Maximum) by Resource",
]
WRONG_SYNTAX = {
    "Usage | wher IsBillable": "line 1, column 9: Query operator expected.",
    "Usage\n| where (Quantity > 5": "line 2, column 22: Expected: )",
    'Usage | where DataType == "AppTraces': 'line 1, column 37: Missing: "',
    "Usage | project kind = DataType": (
        "line 1, column 17: The name 'kind' needs to be bracketed as ['kind'] to be used in this context."
    ),
}
WRONG_NAMES_AND_TYPES = {
    "Usage\n| where Quantitty > 5": "line 2, column 9: The name 'Quantitty' does not refer to any known column",
    "Usages | count": "line 1, column 1: The name 'Usages' does not refer to any known table",
    "Usage | project DataType | where IsBillable": "line 1, column 34: The name 'IsBillable' does not refer",
    "Usage | where strlenn(DataType) > 5": "line 1, column 15: The name 'strlenn' does not refer to any known function",
    "Usage | summarize sum(DataType)": "line 1, column 23: The argument value must be summable",
    "Usage | where 'ä🙂' == DataType and Nope": "line 1, column 36: The name 'Nope' does not refer",
}
QUERIES = [*GOOD, *WRONG_SYNTAX, *WRONG_NAMES_AND_TYPES]


@pytest.fixture(scope="module")
def by_syntax() -> dict[str, list[str]]:
    """What is wrong with each query as far as its text alone can tell; one process for all of them."""
    return dict(zip(QUERIES, problems_of_each(QUERIES, None), strict=True))


@pytest.fixture(scope="module")
def by_names() -> dict[str, list[str]]:
    """What is wrong with each query in a workspace with our tables."""
    return dict(zip(QUERIES, problems_of_each(QUERIES, LOG_TABLES), strict=True))


@pytest.mark.parametrize("query", GOOD)
def test_a_query_that_azure_would_run_has_no_problems(
    query: str, by_syntax: dict[str, list[str]], by_names: dict[str, list[str]]
):
    assert by_syntax[query] == []
    assert by_names[query] == []


@pytest.mark.parametrize(("query", "problem"), WRONG_SYNTAX.items())
def test_a_mistake_in_the_syntax_is_found_with_and_without_the_tables(
    query: str, problem: str, by_syntax: dict[str, list[str]], by_names: dict[str, list[str]]
):
    assert by_syntax[query][0] == problem
    assert problem in by_names[query]


@pytest.mark.parametrize(("query", "problem"), WRONG_NAMES_AND_TYPES.items())
def test_a_wrong_name_or_type_is_found_with_the_tables_only(
    query: str, problem: str, by_syntax: dict[str, list[str]], by_names: dict[str, list[str]]
):
    assert by_syntax[query] == []
    (found,) = by_names[query]
    assert found.startswith(problem)


def test_one_query_can_be_checked_alone():
    assert problems("Usage | where Quantity > 5 |", LOG_TABLES) == ["line 1, column 29: Query operator expected."]
