"""Stage 4: the Azure ML workspace and the cluster that scores, from zero nodes.

Deliberately absent: datastores of our own. Models lie in the workspace's account, and the cluster writes predictions by
their address, as an identity that is declared apart from it, so that its roles can exist before the cluster does.
"""

import pulumi
from pulumi_azure_native import keyvault, machinelearningservices, managedidentity

from infra import names
from infra.placement import Placement
from infra.settings.stages.compute import ClusterSettings
from infra.stages.registry import Registry
from infra.stages.storage import Storage
from infra.watching.observation import Observation


class MachineLearning(pulumi.ComponentResource):
    """Vault, workspace, and cluster with its identity."""

    vault: keyvault.Vault
    workspace: machinelearningservices.Workspace
    cluster_identity: managedidentity.UserAssignedIdentity
    cluster: machinelearningservices.Compute

    def __init__(
        self,
        name: str,
        placement: Placement,
        settings: ClusterSettings,
        *,
        storage: Storage,
        registry: Registry,
        observation: Observation,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("batch-scoring:index:MachineLearning", name, None, opts)
        self._name, self._placement = name, placement
        self.vault = self._vault()
        self.workspace = machinelearningservices.Workspace(
            f"{name}-workspace",
            resource_group_name=placement.group.name,
            location=placement.region,
            tags=placement.tags,
            kind="Default",
            sku=machinelearningservices.SkuArgs(name="Basic", tier=machinelearningservices.SkuTier.BASIC),
            identity=machinelearningservices.ManagedServiceIdentityArgs(
                type=machinelearningservices.ManagedServiceIdentityType.SYSTEM_ASSIGNED
            ),
            storage_account=storage.workspace.id,
            key_vault=self.vault.id,
            application_insights=observation.insights.id,
            container_registry=registry.registry.id,
            system_datastores_auth_mode="Identity" if settings.keyless_store else "AccessKey",
            public_network_access=machinelearningservices.PublicNetworkAccessType.ENABLED,
            managed_network=machinelearningservices.ManagedNetworkSettingsArgs(
                isolation_mode=machinelearningservices.IsolationMode.DISABLED
            ),
            v1_legacy_mode=False,
            hbi_workspace=False,
            # A workspace keeps its account and its vault for life: where one of them is another, so must it be.
            opts=placement.options(self, holds_data=True, replace_on_changes=["storageAccount", "keyVault"]),
        )
        self.cluster_identity = managedidentity.UserAssignedIdentity(
            f"{name}-cluster",
            resource_group_name=placement.group.name,
            location=placement.region,
            tags=placement.tags,
            opts=placement.options(self),
        )
        self.cluster = self._cluster(settings)
        storage.delete_old_runs(self.workspace.workspace_id)
        self.register_outputs({"workspace": self.workspace.name, "cluster": self.cluster.name})

    def _vault(self) -> keyvault.Vault:
        """The workspace demands a vault; nothing of ours is kept in it."""
        return keyvault.Vault(
            f"{self._name}vault",
            resource_group_name=self._placement.group.name,
            location=self._placement.region,
            tags=self._placement.tags,
            properties=keyvault.VaultPropertiesArgs(
                tenant_id=self._placement.tenant_id,
                sku=keyvault.SkuArgs(family=keyvault.SkuFamily.A, name=keyvault.SkuName.STANDARD),
                enable_rbac_authorization=True,
                enable_soft_delete=True,
                soft_delete_retention_in_days=7,
                enable_purge_protection=True,
                enabled_for_deployment=False,
                enabled_for_disk_encryption=False,
                enabled_for_template_deployment=False,
                public_network_access="Enabled",
                network_acls=keyvault.NetworkRuleSetArgs(
                    bypass=keyvault.NetworkRuleBypassOptions.AZURE_SERVICES,
                    default_action=keyvault.NetworkRuleAction.ALLOW,
                ),
            ),
            opts=self._placement.options(self),
        )

    def _cluster(self, settings: ClusterSettings) -> machinelearningservices.Compute:
        """What cannot change in place is in the name, so such a change makes a second cluster beside the first.

        The old one stays until the release has moved the schedule to the new one, and removes it. If the new one cannot
        be made, the old one is still the stack's, so that the change can be taken back.
        """
        compute_name = names.cluster(settings.vm_size, settings.priority)
        return machinelearningservices.Compute(
            f"{self._name}-compute",
            compute_name=compute_name,
            workspace_name=self.workspace.name,
            resource_group_name=self._placement.group.name,
            location=self._placement.region,
            tags=self._placement.tags,
            identity=machinelearningservices.ManagedServiceIdentityArgs(
                type=machinelearningservices.ManagedServiceIdentityType.USER_ASSIGNED,
                user_assigned_identities=[self.cluster_identity.id],
            ),
            properties=machinelearningservices.AmlComputeArgs(
                compute_type="AmlCompute",
                disable_local_auth=True,
                properties=machinelearningservices.AmlComputePropertiesArgs(
                    vm_size=settings.vm_size,
                    vm_priority=settings.priority,
                    os_type=machinelearningservices.OsType.LINUX,
                    enable_node_public_ip=True,
                    isolated_network=False,
                    remote_login_port_public_access=machinelearningservices.RemoteLoginPortPublicAccess.DISABLED,
                    scale_settings=machinelearningservices.ScaleSettingsArgs(
                        min_node_count=settings.min_nodes,
                        max_node_count=settings.max_nodes,
                        node_idle_time_before_scale_down=f"PT{settings.idle.total_seconds() / 60:.0f}M",
                    ),
                ),
            ),
            opts=self._placement.options(self, retain_on_delete=True, delete_before_replace=False),
        )
