"""Stages 2 and 5: the accounts for data, and for the Azure ML workspace itself.

Two accounts, because the workspace's needs rights, and a fallback for keys, that data should not have.
"""

from collections.abc import Sequence
from functools import partial

import pulumi
from pulumi_azure_native import storage

from infra import names
from infra.change_checks import redundancy_check
from infra.placement import Placement
from infra.settings.stages.data import StorageSettings


class Storage(pulumi.ComponentResource):
    """The data account with its containers and life cycle, and the workspace's account."""

    data: storage.StorageAccount
    workspace: storage.StorageAccount
    blob_services: dict[str, storage.BlobServiceProperties]
    containers: dict[str, storage.BlobContainer]
    predictions_url: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        placement: Placement,
        settings: StorageSettings,
        *,
        keyless_workspace_store: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("batch-scoring:index:Storage", name, None, opts)
        self._name, self._placement, self._settings = name, placement, settings
        self._redundancy_check = redundancy_check()
        self.data = self._account(f"{name}data", shared_keys=False)
        self.workspace = self._account(f"{name}ml", shared_keys=not keyless_workspace_store)
        self.blob_services = {
            f"{name}-data-blobs": self._blob_service(f"{name}-data-blobs", self.data),
            f"{name}-ml-blobs": self._blob_service(f"{name}-ml-blobs", self.workspace),
        }
        self.containers = {
            container: storage.BlobContainer(
                f"{name}-{container}",
                container_name=container,
                account_name=self.data.name,
                resource_group_name=placement.group.name,
                public_access=storage.PublicAccess.NONE,
                opts=placement.options(self, holds_data=True),
            )
            for container in names.CONTAINERS
        }
        storage.ManagementPolicy(
            f"{name}-life-cycle",
            management_policy_name="default",
            account_name=self.data.name,
            resource_group_name=placement.group.name,
            policy=storage.ManagementPolicySchemaArgs(
                rules=[
                    _rule(
                        names.RAW,
                        delete_after=settings.raw_days,
                        cool_after=settings.cool_after_days,
                    ),
                    _rule(names.REJECTS, delete_after=settings.rejects_days),
                    _rule(names.PREDICTIONS, delete_after=settings.predictions_days),
                ]
            ),
            opts=placement.options(self, depends_on=list(self.blob_services.values())),
        )
        self.predictions_url = pulumi.Output.format(
            "https://{0}.blob.core.windows.net/{1}", self.data.name, self.containers[names.PREDICTIONS].name
        )
        self.register_outputs({"data": self.data.name, "workspace": self.workspace.name})

    def delete_old_runs(self, workspace_id: pulumi.Input[str]) -> None:
        """Delete what runs leave in the workspace's account: outputs of steps, and logs, by their age.

        Never what was uploaded: code and models lie beside the outputs, under `LocalUpload/`, or in other containers.
        The container's name holds the workspace's id, so the rule can be stated only once there is a workspace.
        Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-parallel (outputs)
        """
        outputs = pulumi.Output.format("azureml-blobstore-{0}/azureml/", workspace_id)
        days, prefixes = self._settings.runs_days, [outputs, "azureml/ExperimentRun/"]
        storage.ManagementPolicy(
            f"{self._name}-ml-life-cycle",
            management_policy_name="default",
            account_name=self.workspace.name,
            resource_group_name=self._placement.group.name,
            policy=storage.ManagementPolicySchemaArgs(
                rules=[
                    _rule("runs", delete_after=days, prefixes=prefixes),
                    _rule("run-logs", delete_after=days, prefixes=prefixes, appended=True),
                ]
            ),
            opts=self._placement.options(self, depends_on=list(self.blob_services.values())),
        )

    def _account(self, name: str, *, shared_keys: bool) -> storage.StorageAccount:
        return storage.StorageAccount(
            name,
            account_name=self._placement.group.name.apply(partial(names.storage_account, name)),
            resource_group_name=self._placement.group.name,
            location=self._placement.region,
            tags=self._placement.tags,
            kind=storage.Kind.STORAGE_V2,
            sku=storage.SkuArgs(name=self._settings.redundancy),
            access_tier=storage.AccessTier.HOT,
            allow_blob_public_access=False,
            allow_cross_tenant_replication=False,
            allow_shared_key_access=shared_keys,
            default_to_o_auth_authentication=True,
            enable_https_traffic_only=True,
            minimum_tls_version=storage.MinimumTlsVersion.TLS1_2,
            is_local_user_enabled=False,
            is_sftp_enabled=False,
            # Neither the stream job nor Azure ML runs in a virtual network here, so they have no private path to it.
            public_network_access=storage.PublicNetworkAccess.ENABLED,
            network_rule_set=storage.NetworkRuleSetArgs(
                default_action=storage.DefaultAction.ALLOW, bypass=storage.Bypass.AZURE_SERVICES
            ),
            encryption=storage.EncryptionArgs(
                key_source=storage.KeySource.MICROSOFT_STORAGE,
                require_infrastructure_encryption=True,
                services=storage.EncryptionServicesArgs(
                    blob=storage.EncryptionServiceArgs(enabled=True, key_type=storage.KeyType.ACCOUNT),
                    file=storage.EncryptionServiceArgs(enabled=True, key_type=storage.KeyType.ACCOUNT),
                ),
            ),
            sas_policy=storage.SasPolicyArgs(expiration_action="Log", sas_expiration_period="0.01:00:00"),
            key_policy=storage.KeyPolicyArgs(key_expiration_period_in_days=90),
            opts=self._placement.options(
                self, holds_data=True, delete_before_replace=True, hooks=self._redundancy_check
            ),
        )

    def _blob_service(self, name: str, account: storage.StorageAccount) -> storage.BlobServiceProperties:
        days = self._settings.soft_delete_days
        return storage.BlobServiceProperties(
            name,
            blob_services_name="default",
            account_name=account.name,
            resource_group_name=self._placement.group.name,
            is_versioning_enabled=True,
            delete_retention_policy=storage.DeleteRetentionPolicyArgs(enabled=True, days=days),
            container_delete_retention_policy=storage.DeleteRetentionPolicyArgs(enabled=True, days=days),
            opts=self._placement.options(self),
        )


def _rule(
    name: str,
    *,
    delete_after: int,
    cool_after: int | None = None,
    prefixes: Sequence[pulumi.Input[str]] = (),
    appended: bool = False,
) -> storage.ManagementPolicyRuleArgs:
    """Delete a container's blobs by age, or those under `prefixes`; versions that overwriting leaves after a week.

    Blobs that are `appended` to, as logs may be, take no other action than to be deleted.
    Source: https://learn.microsoft.com/azure/storage/blobs/lifecycle-management-policy-structure (rule actions)
    """
    cool = storage.DateAfterModificationArgs(days_after_modification_greater_than=cool_after) if cool_after else None
    return storage.ManagementPolicyRuleArgs(
        name=name,
        enabled=True,
        type=storage.RuleType.LIFECYCLE,
        definition=storage.ManagementPolicyDefinitionArgs(
            filters=storage.ManagementPolicyFilterArgs(
                blob_types=["appendBlob" if appended else "blockBlob"], prefix_match=[*prefixes] or [f"{name}/"]
            ),
            actions=storage.ManagementPolicyActionArgs(
                base_blob=storage.ManagementPolicyBaseBlobArgs(
                    tier_to_cool=cool,
                    delete=storage.DateAfterModificationArgs(days_after_modification_greater_than=delete_after),
                ),
                version=None
                if appended
                else storage.ManagementPolicyVersionArgs(
                    delete=storage.DateAfterCreationArgs(days_after_creation_greater_than=7)
                ),
            ),
        ),
    )
