"""The alerts: their queries, how far these look back, and what they say on a new, a resting and a broken stack."""

import re
from datetime import timedelta
from typing import Any

import pytest

from infra.watching.alert import Activity, Alert, Metric, Query
from infra.watching.alert_table import alert_table
from infra.watching.log_queries import all_log_queries, log_query
from infra.watching.workbook import WORKBOOK
from tests.infra.expected.stacks import recording, settings_of
from tests.support.kql import problems_of_each
from tests.support.log_tables import LOG_TABLES
from tests.support.recording import Recording

LOOK_BACKS = {**{f"PT{hours}H": timedelta(hours=hours) for hours in range(1, 7)}, "P1D": timedelta(days=1)}
LOOK_BACKS["P2D"] = timedelta(days=2)
"""Azure's limits: https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-log-alert-rule"""

SENT_BY = {
    "AmlComputeClusterEvent": ("machinelearningservices:Workspace", "AmlComputeClusterEvent"),
    "AmlRunStatusChangedEvent": ("machinelearningservices:Workspace", "AmlRunStatusChangedEvent"),
    "StorageBlobLogs": ("storage:BlobServiceProperties", "StorageWrite"),
}
"""Which resources fill a table, by which category of their diagnostic settings."""


def table_of(**sections: dict[str, Any]) -> dict[str, Alert]:
    return {alert.name: alert for alert in alert_table(settings_of("dev", **sections))}


def every(minutes: int) -> dict[str, Any]:
    """The recurrence of a schedule that scores each interval once."""
    return {"count": minutes, "unit": "Minute"} if minutes < 60 else {"count": minutes // 60, "unit": "Hour"}


def query_of(alert: Alert) -> Query:
    assert isinstance(alert.check, Query)
    return alert.check


@pytest.fixture(scope="module", params=["dev", "prod"])
def stack(request: pytest.FixtureRequest) -> Recording:
    return recording(request.param)


# ---- Queries


def test_every_query_of_alerts_and_workbook_is_kusto_over_tables_that_exist():
    queries = {query: log_query(query) for query, _, _ in WORKBOOK}
    checks = [alert.check for alert in table_of().values()]
    queries |= {each.name: log_query(each.name, patience=each.patience) for each in checks if isinstance(each, Query)}
    assert dict(zip(queries, problems_of_each(list(queries.values()), LOG_TABLES), strict=True)) == {
        name: [] for name in queries
    }
    assert sorted(queries) == all_log_queries()


def test_a_query_that_is_not_told_its_patience_is_no_query():
    with pytest.raises(KeyError, match="patience"):
        log_query("hub_silent")


def test_what_a_query_reads_is_sent_in_every_stack(stack: Recording):
    read = {table for name in all_log_queries() for table in LOG_TABLES if table in _text(name)}
    settings = stack.of_type("monitor:DiagnosticSetting")
    assert {"AzureMetrics", *SENT_BY} <= read
    for table, (type_, category) in SENT_BY.items():
        for resource in stack.of_type(type_):
            (logs,) = [each.inputs["logs"] for each in settings if each.inputs["resourceUri"] == resource.id]
            sent = {log.get("category") or log["categoryGroup"] for log in logs}
            assert sent & {category, "allLogs"}, f"{table} has nothing of {resource.name}"
    for type_ in ("eventhub:Namespace", "streamanalytics:StreamingJob"):
        (metrics,) = [e.inputs["metrics"] for e in settings if e.inputs["resourceUri"] == stack.one(type_).id]
        assert [(each["category"], each["enabled"]) for each in metrics] == [("AllMetrics", True)]


def test_a_metric_that_a_query_reads_is_one_of_azures(stack: Recording):
    """https://learn.microsoft.com/azure/azure-monitor/reference/metrics-index"""
    known = {"IncomingMessages", "OutputEvents", "ResourceUtilization"}
    named = {name for query in all_log_queries() for name in re.findall(r'MetricName == "(\w+)"', _text(query))}
    assert named == known


def _text(name: str) -> str:
    return log_query(name, patience=timedelta(hours=1))


# ---- Times


@pytest.mark.parametrize("minutes", [15, 60, 120, 720, 1440])
@pytest.mark.parametrize("late", [0, 60, 23 * 3600])
def test_a_query_looks_back_further_than_it_is_patient_and_no_further_than_azure_allows(minutes: int, late: int):
    alerts = table_of(
        schedule={"every": every(minutes), "intervalMinutes": minutes, "settleMinutes": 23 * 60 + 5},
        stream={"lateArrivalSeconds": late},
    )
    for alert in alerts.values():
        if isinstance(alert.check, Query):
            look_back = LOOK_BACKS[alert.check.window]
            assert alert.check.patience < look_back, alert.name
            assert alert.check.frequency in ("PT15M", "PT30M")


def test_a_days_run_is_missed_within_two_days_and_not_before_it_is_due():
    schedule = {"every": {"count": 1, "unit": "Day"}, "intervalMinutes": 1440}
    patience = query_of(table_of(schedule=schedule)["no-results"]).patience
    assert timedelta(days=1) < patience < timedelta(days=2)
    assert query_of(table_of()["no-results"]).patience == timedelta(hours=1)


@pytest.mark.parametrize(
    ("schedule", "hours"),
    [
        ({"every": {"count": 6, "unit": "Hour"}, "partial": True}, 6 + 1 + 10 / 60 + 0.5),
        ({"cron": "0 6-18 * * *", "partial": True}, 12 + 1 + 10 / 60 + 0.5),
        ({"cron": "0 6-18 * * *", "partial": True, "timeZone": "W. Europe Standard Time"}, 12 + 1 + 10 / 60 + 0.5),
        ({"every": {"count": 12, "unit": "Hour"}, "intervalMinutes": 360, "partial": True}, 12 + 18),
        ({"cron": "0 6 * * *", "intervalMinutes": 720, "partial": True}, 36),
        ({"cron": "0 */6 * * 1-6", "intervalMinutes": 360, "partial": True, "timeZone": "W. Europe Standard Time"}, 36),
    ],
)
def test_a_schedule_that_leaves_out_minutes_is_missed_after_its_longest_pause(schedule: dict[str, Any], hours: float):
    assert query_of(table_of(schedule=schedule)["no-results"]).patience == timedelta(hours=hours)


@pytest.mark.parametrize("schedule", [{"enabled": False}, {"cron": "0 6 * * 1-5", "partial": True}])
def test_nobody_is_told_of_missing_runs_where_they_rest_on_purpose(schedule: dict[str, Any]):
    assert "no-results" in table_of() and "no-results" not in table_of(schedule=schedule)


def test_an_event_is_not_missed_in_predictions_before_its_run_has_ended():
    scored = query_of(table_of()["runs-without-windows"]).patience
    assert scored >= timedelta(minutes=15 + 3 + 10)
    later = query_of(table_of(release={"waitMinutes": 60})["runs-without-windows"]).patience
    assert later - scored == timedelta(minutes=50)


def test_more_lateness_is_no_alarm():
    stream, schedule = {"lateArrivalSeconds": 3600}, {"settleMinutes": 65}
    alerts = table_of(stream=stream, schedule=schedule)
    behind = alerts["stream-behind"].check
    assert isinstance(behind, Metric) and behind.threshold == 3600 + 600
    assert query_of(alerts["stream-silent"]).patience > timedelta(hours=1)


# ---- What is watched


def test_a_stream_job_that_is_meant_to_rest_is_not_missed():
    resting = table_of().keys() - table_of(stream={"running": False}).keys()
    assert resting == {"stream-stopped", "stream-silent", "runs-without-windows"}


@pytest.mark.parametrize("query", ["hub_silent", "stream_stopped", "stream_silent", "runs_without_windows"])
def test_nothing_is_missed_that_was_never_there(query: str):
    """Without a row to aggregate the newest time is null, and null is not before any time; sums are 0, not above it."""
    last = _text(query).strip().splitlines()[-1]
    assert last.startswith("| where TimeGenerated < ago(") or re.match(r"\| where arrived > 0 and ", last)


def test_a_metric_that_may_be_missing_is_never_asked_to_be_low():
    checks = [alert.check for alert in table_of().values()]
    assert {check.operator for check in checks if isinstance(check, Metric)} == {"GreaterThan"}


def test_the_database_is_watched_by_the_load_that_its_size_has():
    checks = [table_of(database={"size": size})["database-busy"].check for size in ("S0", "serverless")]
    assert [each.name for each in checks if isinstance(each, Metric)] == ["dtu_consumption_percent", "cpu_percent"]


def test_an_activity_alert_says_which_category_it_reads():
    """Azure refuses one that does not: https://learn.microsoft.com/azure/templates/microsoft.insights/activitylogalerts"""
    fields = [alert.check.fields for alert in table_of().values() if isinstance(alert.check, Activity)]
    assert [each["category"] for each in fields] == [("Administrative",), ("ResourceHealth",)]


def test_a_mail_says_what_happened_and_where_it_stands_what_to_do(stack: Recording):
    kinds = ("monitor:MetricAlert", "monitor:ScheduledQueryRule", "monitor:ActivityLogAlert")
    told = {each.name.removeprefix("scoring-"): each.inputs["description"] for each in stack.of_type(*kinds)}
    assert told.keys() == table_of().keys()
    for name, text in told.items():
        assert re.fullmatch(rf"[A-Z].+\. What to do: docs/alerts\.md#{name}", text)
