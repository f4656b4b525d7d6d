"""Stage 3: the database that the stream job writes windows to.

Deliberately absent: a login with a password. The server accepts Entra identities only, and its administrators are a
group, so that people can come and go without a change here. Tables and users are made by the release, which also lets
the deployer's address in while it works, and only then.
"""

import pulumi
from pulumi_azure_native import sql

from infra import names
from infra.driver import DRIVER
from infra.placement import Placement
from infra.settings.stages.data import DatabaseSettings

SERVICES_INSIDE_AZURE = "0.0.0.0"
"""As both ends of a firewall rule. The stream job runs in no virtual network here, so it has no other way."""

_URL = f"mssql+pyodbc://{{0}}/{{1}}?driver={DRIVER.replace(' ', '+')}"
_GIGABYTE = 1024**3


class Database(pulumi.ComponentResource):
    """A server with one database, its firewall and its backups. Auditing is switched on by `monitoring.py`."""

    server: sql.Server
    database: sql.Database
    master_id: pulumi.Output[str]
    host: pulumi.Output[str]
    url: pulumi.Output[str]

    def __init__(
        self, name: str, placement: Placement, settings: DatabaseSettings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("batch-scoring:index:Database", name, None, opts)
        self._placement, self._name = placement, name
        self.server = sql.Server(
            f"{name}-sql",
            resource_group_name=placement.group.name,
            location=settings.region or placement.region,
            tags=placement.tags,
            version="12.0",
            minimal_tls_version=sql.MinimalTlsVersion.MINIMAL_TLS_VERSION_1_2,
            public_network_access=sql.ServerPublicNetworkAccessFlag.ENABLED,
            restrict_outbound_network_access=sql.ServerNetworkAccessFlag.DISABLED,
            administrators=sql.ServerExternalAdministratorArgs(
                administrator_type=sql.AdministratorType.ACTIVE_DIRECTORY,
                azure_ad_only_authentication=True,
                principal_type=sql.PrincipalType.GROUP,
                login=settings.admin_group_name,
                sid=settings.admin_group_id,
                tenant_id=placement.tenant_id,
            ),
            # A change of the administrators would replace the server, and the database with it; a second body with them
            # was reported to be refused. So nothing changes here: the record `schema` changes administrators.
            opts=placement.options(self, holds_data=True, ignore_changes=["administrators", "tags"]),
        )
        self.database = self._database(settings)
        self._let_in_services_inside_azure()
        sql.BackupShortTermRetentionPolicy(
            f"{name}-backups",
            policy_name="default",
            retention_days=settings.backup_days,
            server_name=self.server.name,
            database_name=self.database.name,
            resource_group_name=placement.group.name,
            opts=placement.options(self),
        )
        if settings.threat_alerts:
            sql.ServerSecurityAlertPolicy(
                f"{name}-threat-alerts",
                security_alert_policy_name="Default",
                state=sql.SecurityAlertsPolicyState.ENABLED,
                email_account_admins=True,
                server_name=self.server.name,
                resource_group_name=placement.group.name,
                opts=placement.options(self),
            )
        self.master_id = pulumi.Output.format("{0}/databases/master", self.server.id)
        self.host = self.server.fully_qualified_domain_name
        self.url = pulumi.Output.format(_URL, self.host, self.database.name)
        self.register_outputs({"server": self.server.name, "database": self.database.name})

    def _database(self, settings: DatabaseSettings) -> sql.Database:
        serverless = settings.serverless if settings.size == "serverless" else None
        if serverless:
            sku = sql.SkuArgs(name="GP_S_Gen5", tier="GeneralPurpose", family="Gen5", capacity=serverless.most_vcores)
        else:
            sku = sql.SkuArgs(name=settings.size, tier="Standard")
        return sql.Database(
            f"{self._name}-{names.DATABASE}",
            database_name=names.DATABASE,
            server_name=self.server.name,
            resource_group_name=self._placement.group.name,
            location=settings.region or self._placement.region,
            tags=self._placement.tags,
            sku=sku,
            auto_pause_delay=serverless.pause_minutes if serverless else None,
            min_capacity=serverless.fewest_vcores if serverless else None,
            max_size_bytes=32 * _GIGABYTE if serverless else 250 * _GIGABYTE,
            zone_redundant=False,
            requested_backup_storage_redundancy=settings.backup_redundancy,
            opts=self._placement.options(self, holds_data=True),
        )

    def _let_in_services_inside_azure(self) -> None:
        sql.FirewallRule(
            f"{self._name}-azure-services",
            firewall_rule_name="azure-services",
            start_ip_address=SERVICES_INSIDE_AZURE,
            end_ip_address=SERVICES_INSIDE_AZURE,
            server_name=self.server.name,
            resource_group_name=self._placement.group.name,
            opts=self._placement.options(self),
        )
