"""Who is told what: alerts on metrics and logs, and the budget.

At the log workspace's daily cap, alerts that read logs go blind; what must never be missed is an alert on a metric.
"""

from datetime import timedelta

import pulumi
from pulumi_azure_native import consumption, monitor

from infra.log_queries import log_query
from infra.monitoring import Watched
from infra.placement import Placement
from infra.settings import Settings

_STREAM, _HUBS = "Microsoft.StreamAnalytics/streamingjobs", "Microsoft.EventHub/namespaces"
_DATABASES, _WORKSPACES = "Microsoft.Sql/servers/databases", "Microsoft.MachineLearningServices/workspaces"
_WINDOW_HOURS = {**{f"PT{hours}H": hours for hours in range(1, 7)}, "P1D": 24, "P2D": 48}
_RUNS_WITHOUT_RESULT = 4
"""An alert is raised when no run has completed for this many intervals, or for two days if that is shorter."""


class Alerts(pulumi.ComponentResource):
    """All alerts of a stack; every one reaches the action group."""

    def __init__(
        self,
        name: str,
        placement: Placement,
        settings: Settings,
        watched: Watched,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("batch-scoring:index:Alerts", name, None, opts)
        self._name, self._placement, self._settings, self._watched = name, placement, settings, watched
        self._metric_alerts()
        self._log_alerts()
        self._budget()
        self.register_outputs({})

    def _metric_alerts(self) -> None:
        watched = self._watched
        job, hubs = watched.stream_job.id, watched.ingest.namespace.id
        database, workspace = watched.database.database.id, watched.machine_learning.workspace.id
        load = "cpu_percent" if self._settings.database.size == "serverless" else "dtu_consumption_percent"
        lateness = int(self._settings.stream.time_policy.late_arrival.total_seconds())
        self._alert("stream-errors", job, _STREAM, "Errors", "Total", "GreaterThan", 0, severity=1)
        self._alert("stream-blocked", job, _STREAM, "ConversionErrors", "Total", "GreaterThan", 0, severity=1)
        self._alert(
            "stream-behind", job, _STREAM, "OutputWatermarkDelaySeconds", "Maximum", "GreaterThan", lateness + 600
        )
        self._alert("stream-undecodable", job, _STREAM, "DeserializationError", "Total", "GreaterThan", 0, severity=3)
        self._alert("stream-full", job, _STREAM, "ResourceUtilization", "Maximum", "GreaterThan", 80)
        self._alert("hub-throttled", hubs, _HUBS, "ThrottledRequests", "Total", "GreaterThan", 0, severity=3)
        self._alert("hub-silent", hubs, _HUBS, "IncomingMessages", "Total", "LessThan", 1, window="PT1H")
        self._alert("database-busy", database, _DATABASES, load, "Average", "GreaterThan", 90)
        self._alert("database-full", database, _DATABASES, "storage_percent", "Maximum", "GreaterThan", 80)
        self._alert("runs-failed", workspace, _WORKSPACES, "Failed Runs", "Total", "GreaterThan", 0, severity=1)

    def _alert(
        self,
        name: str,
        scope: pulumi.Output[str],
        namespace: str,
        metric: str,
        aggregation: str,
        comparison: str,
        threshold: float,
        *,
        severity: int = 2,
        window: str = "PT15M",
    ) -> None:
        """An alert on one metric. The comparison is a plain text: the SDK's enumeration of it is another API's."""
        monitor.MetricAlert(
            f"{self._name}-{name}",
            resource_group_name=self._placement.group.name,
            location="global",
            tags=self._placement.tags,
            description=f"{metric} ({aggregation} of {window}) {comparison} {threshold:g}",
            enabled=True,
            severity=severity,
            scopes=[scope],
            evaluation_frequency="PT5M",
            window_size=window,
            auto_mitigate=True,
            criteria=monitor.MetricAlertSingleResourceMultipleMetricCriteriaArgs(
                odata_type="Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
                all_of=[
                    monitor.MetricCriteriaArgs(
                        criterion_type="StaticThresholdCriterion",
                        name=name,
                        metric_namespace=namespace,
                        metric_name=metric,
                        operator=comparison,
                        threshold=threshold,
                        time_aggregation=aggregation,
                    )
                ],
            ),
            actions=[monitor.MetricAlertActionArgs(action_group_id=self._watched.observation.action_group.id)],
            opts=self._placement.options(self),
        )

    def _log_alerts(self) -> None:
        """No run has completed for some intervals: the schedule stands still, which no metric shows."""
        window = _alert_window(_RUNS_WITHOUT_RESULT * self._settings.schedule.interval)
        monitor.ScheduledQueryRule(
            f"{self._name}-no-results",
            resource_group_name=self._placement.group.name,
            location=self._placement.region,
            tags=self._placement.tags,
            kind="LogAlert",
            description=f"no scoring run has completed in {window}",
            enabled=True,
            severity=2,
            scopes=[self._watched.observation.logs.id],
            evaluation_frequency="PT30M",
            window_size=window,
            auto_mitigate=True,
            skip_query_validation=True,  # the table exists only after the first run
            criteria=monitor.ScheduledQueryRuleCriteriaArgs(
                all_of=[
                    monitor.ConditionArgs(
                        query=log_query("completed_runs"),
                        time_aggregation="Count",
                        operator="LessThan",
                        threshold=1,
                        failing_periods=monitor.ConditionFailingPeriodsArgs(
                            number_of_evaluation_periods=1, min_failing_periods_to_alert=1
                        ),
                    )
                ]
            ),
            actions=monitor.ActionsArgs(action_groups=[self._watched.observation.action_group.id]),
            opts=self._placement.options(self),
        )

    def _budget(self) -> None:
        """A notice when most of the month's amount is spent, and when all of it is forecast to be."""
        settings = self._settings.monitoring
        group = self._watched.observation.action_group.id
        consumption.Budget(
            f"{self._name}-budget",
            scope=self._placement.group.id,
            amount=settings.budget_amount,
            category=consumption.CategoryType.COST,
            time_grain=consumption.TimeGrainType.MONTHLY,
            time_period=consumption.BudgetTimePeriodArgs(start_date=f"{settings.budget_start}T00:00:00Z"),
            notifications={
                name: consumption.NotificationArgs(
                    enabled=True,
                    operator=consumption.OperatorType.GREATER_THAN,
                    threshold=threshold,
                    threshold_type=kind,
                    contact_emails=[settings.alert_address],
                    contact_groups=[group],
                )
                for name, threshold, kind in (
                    ("spent-80", 80, consumption.ThresholdType.ACTUAL),
                    ("forecast-100", 100, consumption.ThresholdType.FORECASTED),
                )
            },
            # Azure takes a past start only within the current month: once made, the budget keeps its own.
            opts=self._placement.options(self, ignore_changes=["timePeriod"]),
        )


def _alert_window(time: timedelta) -> str:
    """The shortest window, of those that Azure Monitor allows for a query of logs, that holds `time`."""
    fitting = (window for window, hours in _WINDOW_HOURS.items() if timedelta(hours=hours) >= time)
    return next(fitting, list(_WINDOW_HOURS)[-1])
