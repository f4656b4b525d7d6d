"""Who is told what: the alerts of `infra.watching.alert_table`, and the budget.

At the log workspace's daily cap nothing more is logged: alerts that read logs then speak of absence.
"""

import pulumi
from pulumi_azure_native import consumption, monitor

from infra.change_checks import budget_check
from infra.placement import Placement
from infra.settings import Settings
from infra.watching.alert import DATABASE, HUB, LOGS, STREAM_JOB, WORKSPACE, Activity, Alert, Metric, Query
from infra.watching.alert_table import alert_table
from infra.watching.log_queries import log_query
from infra.watching.monitoring import Watched

_METRIC_NAMESPACES = {
    STREAM_JOB: "Microsoft.StreamAnalytics/streamingjobs",
    HUB: "Microsoft.EventHub/namespaces",
    DATABASE: "Microsoft.Sql/servers/databases",
    WORKSPACE: "Microsoft.MachineLearningServices/workspaces",
}


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
        self._name, self._placement, self._settings = name, placement, settings
        self._logs, self._operators = watched.observation.logs.id, watched.observation.action_group.id
        self._watched = {
            STREAM_JOB: watched.stream_job.id,
            HUB: watched.ingest.namespace.id,
            DATABASE: watched.database.database.id,
            WORKSPACE: watched.machine_learning.workspace.id,
            LOGS: self._logs,
        }
        for alert in alert_table(settings):
            match alert.check:
                case Metric() as check:
                    self._metric_alert(alert, check)
                case Query() as check:
                    self._log_alert(alert, check)
                case Activity() as check:
                    self._activity_alert(alert, check)
        self._budget()
        self.register_outputs({})

    def _metric_alert(self, alert: Alert, check: Metric) -> None:
        """The comparison is a plain text: the SDK's enumeration of it is another API's."""
        monitor.MetricAlert(
            f"{self._name}-{alert.name}",
            resource_group_name=self._placement.group.name,
            location="global",
            tags=self._placement.tags,
            description=_description(alert),
            enabled=True,
            severity=alert.severity,
            scopes=[self._watched[alert.watches]],
            evaluation_frequency=check.frequency,
            window_size=check.window,
            auto_mitigate=True,
            criteria=monitor.MetricAlertSingleResourceMultipleMetricCriteriaArgs(
                odata_type="Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
                all_of=[
                    monitor.MetricCriteriaArgs(
                        criterion_type="StaticThresholdCriterion",
                        name=alert.name,
                        metric_namespace=_METRIC_NAMESPACES[alert.watches],
                        metric_name=check.name,
                        operator=check.operator,
                        threshold=check.threshold,
                        time_aggregation=check.aggregation,
                    )
                ],
            ),
            actions=[monitor.MetricAlertActionArgs(action_group_id=self._operators)],
            opts=self._placement.options(self),
        )

    def _log_alert(self, alert: Alert, check: Query) -> None:
        """Raised by any row. Not tried by Azure when it is made: a table exists only once something was logged."""
        monitor.ScheduledQueryRule(
            f"{self._name}-{alert.name}",
            resource_group_name=self._placement.group.name,
            location=self._placement.region,
            tags=self._placement.tags,
            kind="LogAlert",
            description=_description(alert),
            enabled=True,
            severity=alert.severity,
            scopes=[self._logs],
            evaluation_frequency=check.frequency,
            window_size=check.window,
            auto_mitigate=True,
            skip_query_validation=True,
            criteria=monitor.ScheduledQueryRuleCriteriaArgs(
                all_of=[
                    monitor.ConditionArgs(
                        query=log_query(check.name, patience=check.patience),
                        time_aggregation="Count",
                        operator="GreaterThan",
                        threshold=0,
                        failing_periods=monitor.ConditionFailingPeriodsArgs(
                            number_of_evaluation_periods=1, min_failing_periods_to_alert=1
                        ),
                    )
                ]
            ),
            actions=monitor.ActionsArgs(action_groups=[self._operators]),
            opts=self._placement.options(self),
        )

    def _activity_alert(self, alert: Alert, check: Activity) -> None:
        """The activity log is Azure's own: it needs no diagnostic setting, and no cap can silence it."""
        leaf = monitor.AlertRuleLeafConditionArgs
        monitor.ActivityLogAlert(
            f"{self._name}-{alert.name}",
            resource_group_name=self._placement.group.name,
            location="global",
            tags=self._placement.tags,
            description=_description(alert),
            enabled=True,
            scopes=[self._watched[alert.watches]],
            condition=monitor.AlertRuleAllOfConditionArgs(
                all_of=[
                    monitor.AlertRuleAnyOfOrLeafConditionArgs(field=field, equals=values[0])
                    if len(values) == 1
                    else monitor.AlertRuleAnyOfOrLeafConditionArgs(
                        any_of=[leaf(field=field, equals=value) for value in values]
                    )
                    for field, values in check.fields.items()
                ]
            ),
            actions=monitor.ActionListArgs(
                action_groups=[monitor.ActionGroupArgs(action_group_id=self._operators)],
            ),
            opts=self._placement.options(self),
        )

    def _budget(self) -> None:
        """A notice when most of the month's amount is spent, and when all of it is forecast to be."""
        settings = self._settings.monitoring
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
                    contact_groups=[self._operators],
                )
                for name, threshold, kind in (
                    ("spent-80", 80, consumption.ThresholdType.ACTUAL),
                    ("forecast-100", 100, consumption.ThresholdType.FORECASTED),
                )
            },
            # Azure takes a past start only within the current month: once made, the budget keeps its own.
            opts=self._placement.options(self, ignore_changes=["timePeriod"], hooks=budget_check()),
        )


def _description(alert: Alert) -> str:
    """What the mail says: what happened, and where it stands what to do."""
    return f"{alert.says[0].upper()}{alert.says[1:]}. What to do: docs/alerts.md#{alert.name}"
