"""What everything reports to: the log workspace, Application Insights, and the people who are told."""

import pulumi
from pulumi_azure_native import applicationinsights, monitor, operationalinsights

from infra.placement import Placement
from infra.settings.stages.monitoring import MonitoringSettings


class Observation(pulumi.ComponentResource):
    """A log workspace with a daily cap, Application Insights in it, and an action group."""

    logs: operationalinsights.Workspace
    insights: applicationinsights.Component
    action_group: monitor.ActionGroup

    def __init__(
        self, name: str, placement: Placement, settings: MonitoringSettings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("batch-scoring:index:Observation", name, None, opts)
        self.logs = operationalinsights.Workspace(
            f"{name}-logs",
            resource_group_name=placement.group.name,
            location=placement.region,
            tags=placement.tags,
            sku=operationalinsights.WorkspaceSkuArgs(name=operationalinsights.WorkspaceSkuNameEnum.PER_GB2018),
            retention_in_days=settings.log_retention_days,
            workspace_capping=operationalinsights.WorkspaceCappingArgs(daily_quota_gb=settings.daily_cap_gb),
            features=operationalinsights.WorkspaceFeaturesArgs(
                disable_local_auth=True, enable_log_access_using_only_resource_permissions=True
            ),
            public_network_access_for_ingestion=operationalinsights.PublicNetworkAccessType.ENABLED,
            public_network_access_for_query=operationalinsights.PublicNetworkAccessType.ENABLED,
            opts=placement.options(self),
        )
        self.insights = applicationinsights.Component(
            f"{name}-insights",
            resource_group_name=placement.group.name,
            location=placement.region,
            tags=placement.tags,
            kind="web",
            application_type=applicationinsights.ApplicationType.WEB,
            ingestion_mode=applicationinsights.IngestionMode.LOG_ANALYTICS,
            workspace_resource_id=self.logs.id,
            disable_ip_masking=False,
            disable_local_auth=False,  # Azure ML's own logging sends with the connection string
            opts=placement.options(self),
        )
        self.action_group = monitor.ActionGroup(
            f"{name}-operators",
            resource_group_name=placement.group.name,
            location="Global",
            tags=placement.tags,
            group_short_name="scoring",
            enabled=True,
            email_receivers=[
                monitor.MicrosoftCommonEmailReceiverArgs(
                    name="operators", email_address=settings.alert_address, use_common_alert_schema=True
                )
            ],
            opts=placement.options(self),
        )
        self.register_outputs({"logs": self.logs.name, "insights": self.insights.name})
