"""Health: what every resource reports to the log workspace, and the database server's audit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import monitor, sql, streamanalytics

from infra.placement import Placement
from infra.settings import Settings
from infra.stages.database import Database
from infra.stages.ingest import Ingest
from infra.stages.machine_learning import MachineLearning
from infra.stages.registry import Registry
from infra.stages.storage import Storage
from infra.watching.observation import Observation


@dataclass(frozen=True)
class Watched:
    """The stages that are watched."""

    observation: Observation
    ingest: Ingest
    storage: Storage
    database: Database
    registry: Registry
    machine_learning: MachineLearning
    stream_job: streamanalytics.StreamingJob


class Monitoring(pulumi.ComponentResource):
    """A diagnostic setting for each resource that has them."""

    def __init__(
        self,
        name: str,
        placement: Placement,
        settings: Settings,
        watched: Watched,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("batch-scoring:index:Monitoring", name, None, opts)
        self._name, self._placement, self._settings, self._watched = name, placement, settings, watched
        for what, (resource_id, audit) in self._reporting().items():
            self._diagnostics(what, resource_id, audit)
        self._auditing()
        self.register_outputs({})

    def _reporting(self) -> Mapping[str, tuple[pulumi.Output[str], Sequence[str]]]:
        """Every resource that has diagnostic settings, and what it sends where a stack is content with `audit`.

        Named categories where the group of that name does not exist, costs too much or lacks what our queries read;
        without any, the category group is sent. A storage account's settings are those of its blob service.
        """
        watched = self._watched
        return {
            "events": (watched.ingest.namespace.id, ()),
            "stream": (watched.stream_job.id, ("Authoring",)),  # Execution holds every late event, with its payload
            "windows": (watched.database.database.id, ()),
            "registry": (watched.registry.registry.id, ()),
            "vault": (watched.machine_learning.vault.id, ()),
            "workspace": (
                watched.machine_learning.workspace.id,
                ("AmlRunStatusChangedEvent", "AmlComputeClusterEvent"),
            ),
            "logs": (watched.observation.logs.id, ()),
            **{
                name: (service.id, ("StorageWrite", "StorageDelete"))
                for name, service in watched.storage.blob_services.items()
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
            workspace_id=self._watched.observation.logs.id,
            logs=by_name if audit and group == "audit" else by_group,
            metrics=[monitor.DiagnosticsMetricSettingsArgs(category="AllMetrics", enabled=True)],
            opts=self._placement.options(self),
        )

    def _auditing(self) -> None:
        """The server's audit goes to the log workspace by way of its master database.

        The master database of a new server is not found for a while: after ours was made, it is.
        """
        database = self._watched.database
        to_logs = monitor.DiagnosticSetting(
            f"{self._name}-audit",
            name="to-log-analytics",
            resource_uri=database.master_id,
            workspace_id=self._watched.observation.logs.id,
            logs=[monitor.DiagnosticsLogSettingsArgs(category="SQLSecurityAuditEvents", enabled=True)],
            opts=self._placement.options(self, depends_on=[database.database]),
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
