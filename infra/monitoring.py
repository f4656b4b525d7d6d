"""Health and cost: diagnostic settings of every resource, auditing, alerts, the budget and a workbook.

At the log workspace's daily cap, alerts that read logs go blind; what must never be missed is an alert on a metric.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import pulumi
from pulumi_azure_native import applicationinsights, consumption, monitor, sql, streamanalytics

from infra.database import Database
from infra.ingest import Ingest
from infra.log_queries import log_query
from infra.machine_learning import MachineLearning
from infra.observation import Observation
from infra.placement import Placement
from infra.registry import Registry
from infra.settings import Settings
from infra.storage import Storage

_STREAM, _HUBS = "Microsoft.StreamAnalytics/streamingjobs", "Microsoft.EventHub/namespaces"
_DATABASES, _WORKSPACES = "Microsoft.Sql/servers/databases", "Microsoft.MachineLearningServices/workspaces"
_WINDOW_HOURS = {**{f"PT{hours}H": hours for hours in range(1, 7)}, "P1D": 24, "P2D": 48}
_RUNS_WITHOUT_RESULT = 4
"""An alert is raised when no run has completed for this many intervals, or for two days if that is shorter."""


@dataclass(frozen=True)
class MonitoringArgs:
    """What is watched."""

    observation: Observation
    ingest: Ingest
    storage: Storage
    database: Database
    registry: Registry
    machine_learning: MachineLearning
    stream_job: streamanalytics.StreamingJob


class Monitoring(pulumi.ComponentResource):
    """Everything that looks at the other stages and changes nothing."""

    def __init__(
        self,
        name: str,
        placement: Placement,
        settings: Settings,
        args: MonitoringArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("batch-scoring:index:Monitoring", name, None, opts)
        self._name, self._placement, self._settings, self._args = name, placement, settings, args
        for what, (resource_id, audit) in self._reporting().items():
            self._diagnostics(what, resource_id, audit)
        self._auditing()
        self._metric_alerts()
        self._log_alerts()
        self._budget()
        self._workbook()
        self.register_outputs({})

    def _reporting(self) -> Mapping[str, tuple[pulumi.Output[str], Sequence[str]]]:
        """Every resource that has diagnostic settings, and what it sends where a stack is content with `audit`.

        Named categories where the group of that name does not exist, costs too much or lacks what our queries read;
        without any, the category group is sent. A storage account's settings are those of its blob service.
        """
        args = self._args
        return {
            "events": (args.ingest.namespace.id, ()),
            "stream": (args.stream_job.id, ("Authoring",)),  # Execution holds every late event, with its payload
            "windows": (args.database.database.id, ()),
            "registry": (args.registry.registry.id, ()),
            "vault": (args.machine_learning.vault.id, ()),
            "workspace": (
                args.machine_learning.workspace.id,
                ("AmlRunStatusChangedEvent", "AmlComputeClusterEvent"),
            ),
            "logs": (args.observation.logs.id, ()),
            **{
                name: (service.id, ("StorageWrite", "StorageDelete"))
                for name, service in args.storage.blob_services.items()
            },
        }

    def _diagnostics(self, what: str, resource_id: pulumi.Output[str], audit: Sequence[str]) -> None:
        group = self._settings.monitoring.logs
        by_name = [monitor.DiagnosticsLogSettingsArgs(category=category, enabled=True) for category in audit]
        by_group = [monitor.DiagnosticsLogSettingsArgs(category_group=group, enabled=True)]
        monitor.DiagnosticSetting(
            f"{self._name}-{what}",
            name="to-log-analytics",
            resource_uri=resource_id,
            workspace_id=self._args.observation.logs.id,
            logs=by_name if audit and group == "audit" else by_group,
            metrics=[monitor.DiagnosticsMetricSettingsArgs(category="AllMetrics", enabled=True)],
            opts=self._placement.options(self),
        )

    def _auditing(self) -> None:
        """The server's audit goes to the log workspace by way of its master database."""
        database = self._args.database
        to_logs = monitor.DiagnosticSetting(
            f"{self._name}-audit",
            name="to-log-analytics",
            resource_uri=database.master_id,
            workspace_id=self._args.observation.logs.id,
            logs=[monitor.DiagnosticsLogSettingsArgs(category="SQLSecurityAuditEvents", enabled=True)],
            opts=self._placement.options(self),
        )
        sql.ServerBlobAuditingPolicy(
            f"{self._name}-auditing",
            blob_auditing_policy_name="default",
            server_name=database.server.name,
            resource_group_name=self._placement.group.name,
            state=sql.BlobAuditingPolicyState.ENABLED,
            is_azure_monitor_target_enabled=True,
            retention_days=90,
            audit_actions_and_groups=[
                "SUCCESSFUL_DATABASE_AUTHENTICATION_GROUP",
                "FAILED_DATABASE_AUTHENTICATION_GROUP",
                "DATABASE_PERMISSION_CHANGE_GROUP",
                "DATABASE_PRINCIPAL_CHANGE_GROUP",
            ],
            opts=self._placement.options(self, depends_on=[to_logs]),
        )

    def _metric_alerts(self) -> None:
        args = self._args
        job, hubs = args.stream_job.id, args.ingest.namespace.id
        database, workspace = args.database.database.id, args.machine_learning.workspace.id
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
            actions=[monitor.MetricAlertActionArgs(action_group_id=self._args.observation.action_group.id)],
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
            scopes=[self._args.observation.logs.id],
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
            actions=monitor.ActionsArgs(action_groups=[self._args.observation.action_group.id]),
            opts=self._placement.options(self),
        )

    def _budget(self) -> None:
        """A notice when most of the month's amount is spent, and when all of it is forecast to be."""
        settings = self._settings.monitoring
        group = self._args.observation.action_group.id
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

    def _workbook(self) -> None:
        logs = self._args.observation.logs.id
        identifier = uuid.uuid5(uuid.NAMESPACE_URL, f"{pulumi.get_project()}/{pulumi.get_stack()}/workbook")
        applicationinsights.Workbook(
            f"{self._name}-workbook",
            resource_name_=str(identifier),
            resource_group_name=self._placement.group.name,
            location=self._placement.region,
            tags=self._placement.tags,
            kind=applicationinsights.WorkbookSharedTypeKind.SHARED,
            category="workbook",
            display_name=f"Batch scoring ({pulumi.get_stack()})",
            source_id=logs,
            serialized_data=workbook(),
            opts=self._placement.options(self),
        )


def _alert_window(time: timedelta) -> str:
    """The shortest window, of those that Azure Monitor allows for a query of logs, that holds `time`."""
    fitting = (window for window, hours in _WINDOW_HOURS.items() if timedelta(hours=hours) >= time)
    return next(fitting, list(_WINDOW_HOURS)[-1])


WORKBOOK = (
    ("runs_by_status", "Runs by status", "barchart"),
    ("cluster_nodes", "Nodes of the cluster", "table"),
    ("stream_problems", "Problems of the stream job", "barchart"),
    ("failed_runs", "Failed runs", "table"),
    ("ingestion_volume", "Logs taken in, by table", "barchart"),
)
"""What the workbook shows: query, title, and how."""


def workbook() -> str:
    """The workbook as its service stores it: a heading, then one item per query, over the last day."""
    heading = {"type": 1, "name": "heading", "content": {"json": "# Batch scoring\nThe path of readings, by its logs."}}
    items = [
        {
            "type": 3,
            "name": query,
            "content": {
                "version": "KqlItem/1.0",
                "query": log_query(query),
                "title": title,
                "size": 1,
                "timeContext": {"durationMs": 24 * 3600 * 1000},
                "queryType": 0,
                "resourceType": "microsoft.operationalinsights/workspaces",
                "visualization": shape,
            },
        }
        for query, title, shape in WORKBOOK
    ]
    schema = "https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json"
    return json.dumps({"version": "Notebook/1.0", "items": [heading, *items], "$schema": schema}, sort_keys=True)
