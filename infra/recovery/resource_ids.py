"""The id that Azure gives each resource of the program, from its inputs: by it Azure can be asked what is there.

The state of a creation that came to no end holds inputs and no id. Types, names and API versions are those of
pulumi-azure-native's resources, as https://learn.microsoft.com/azure/templates lists them too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PACKAGE = "azure-native:"
GROUP_TYPE = "Microsoft.Resources/resourceGroups"
RANDOM_NAME = "__createBeforeDelete"
"""An input by which azure-native marks a name that it made up: the logical name and eight hexadecimal digits.
Source: https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/provider/provider.go (getDefaultName)"""

_GROUP = "/subscriptions/{subscription}/resourceGroups/{resourceGroupName}"
_NAMES = re.compile(r"\{(\w+)\}")
_HIDDEN = ("04da6b54-80e4-46f7-96ec-b56ff0331ba9", "[secret]")
"""What a preview has in the place of a value that is not known yet (pulumi.runtime.rpc.UNKNOWN), or is a secret."""


@dataclass(frozen=True)
class Kind:
    """A type of resource: the API version that it is asked for with, and where it is, with inputs by name.

    A type that is made `once` refuses the request that made it when that is sent once more.
    """

    api_version: str
    place: str
    once: bool = False

    def resource_id(self, subscription: str, inputs: Mapping[str, Any]) -> str | None:
        """The resource's id; None as long as a part of it is not known."""
        place = self.place if self.place.startswith(("/", "{")) else f"{_GROUP}/providers/{self.place}"
        values = {**inputs, "subscription": subscription}
        parts = {name: values.get(name) for name in _NAMES.findall(place)}
        if all(isinstance(part, str) and part and not is_hidden(part) for part in parts.values()):
            return place.format(**parts)
        return None

    @property
    def name_input(self) -> str:
        """The input that is the resource's name."""
        return _NAMES.findall(self.place)[-1]

    @property
    def arm_type(self) -> str:
        """Azure's name of a type that is a resource group or lies directly in one; "" for all others."""
        *kind, _ = self.place.split("/")
        return GROUP_TYPE if self.place == _GROUP else "/".join(kind) if len(kind) == 2 and "{" not in kind[0] else ""


def kind_of(token: str) -> Kind | None:
    """The type that Pulumi calls `token`; None for what does not exist in Azure or is not known here."""
    return KINDS.get(token.removeprefix(PACKAGE)) if token.startswith(PACKAGE) else None


def is_hidden(value: object) -> bool:
    """Whether a preview does not show a value, or a part of it."""
    if isinstance(value, Mapping):
        return any(is_hidden(one) for one in value.values())
    if isinstance(value, list):
        return any(is_hidden(one) for one in value)
    return isinstance(value, str) and any(hidden in value for hidden in _HIDDEN)


KINDS: Mapping[str, Kind] = {
    "applicationinsights:Component": Kind("2020-02-02", "Microsoft.Insights/components/{resourceName}"),
    "applicationinsights:Workbook": Kind("2023-06-01", "Microsoft.Insights/workbooks/{resourceName}"),
    "authorization:RoleAssignment": Kind(
        "2022-04-01", "{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}"
    ),
    "consumption:Budget": Kind("2024-08-01", "{scope}/providers/Microsoft.Consumption/budgets/{budgetName}"),
    "containerregistry:Registry": Kind("2023-01-01-preview", "Microsoft.ContainerRegistry/registries/{registryName}"),
    "containerregistry:TaskRun": Kind(
        "2019-06-01-preview", "Microsoft.ContainerRegistry/registries/{registryName}/taskRuns/{taskRunName}"
    ),
    "eventhub:ConsumerGroup": Kind(
        "2024-01-01",
        "Microsoft.EventHub/namespaces/{namespaceName}/eventhubs/{eventHubName}/consumergroups/{consumerGroupName}",
    ),
    "eventhub:EventHub": Kind("2024-01-01", "Microsoft.EventHub/namespaces/{namespaceName}/eventhubs/{eventHubName}"),
    "eventhub:Namespace": Kind("2024-01-01", "Microsoft.EventHub/namespaces/{namespaceName}"),
    "eventhub:NamespaceNetworkRuleSet": Kind(
        "2024-01-01", "Microsoft.EventHub/namespaces/{namespaceName}/networkRuleSets/default"
    ),
    "keyvault:Vault": Kind("2024-11-01", "Microsoft.KeyVault/vaults/{vaultName}"),
    "machinelearningservices:Compute": Kind(
        "2025-12-01", "Microsoft.MachineLearningServices/workspaces/{workspaceName}/computes/{computeName}"
    ),
    "machinelearningservices:Datastore": Kind(
        "2025-12-01", "Microsoft.MachineLearningServices/workspaces/{workspaceName}/datastores/{name}"
    ),
    "machinelearningservices:Workspace": Kind(
        "2025-12-01", "Microsoft.MachineLearningServices/workspaces/{workspaceName}"
    ),
    "managedidentity:UserAssignedIdentity": Kind(
        "2023-01-31", "Microsoft.ManagedIdentity/userAssignedIdentities/{resourceName}"
    ),
    "monitor:ActionGroup": Kind("2024-10-01-preview", "Microsoft.Insights/actionGroups/{actionGroupName}"),
    "monitor:ActivityLogAlert": Kind("2020-10-01", "Microsoft.Insights/activityLogAlerts/{activityLogAlertName}"),
    "monitor:DiagnosticSetting": Kind(
        "2021-05-01-preview", "{resourceUri}/providers/Microsoft.Insights/diagnosticSettings/{name}"
    ),
    "monitor:MetricAlert": Kind("2018-03-01", "Microsoft.Insights/metricAlerts/{ruleName}"),
    "monitor:ScheduledQueryRule": Kind("2025-01-01-preview", "Microsoft.Insights/scheduledQueryRules/{ruleName}"),
    "operationalinsights:Workspace": Kind("2023-09-01", "Microsoft.OperationalInsights/workspaces/{workspaceName}"),
    "resources:Deployment": Kind("2024-03-01", "Microsoft.Resources/deployments/{deploymentName}"),
    "resources:ResourceGroup": Kind("2024-03-01", _GROUP),
    "sql:BackupShortTermRetentionPolicy": Kind(
        "2023-08-01",
        "Microsoft.Sql/servers/{serverName}/databases/{databaseName}/backupShortTermRetentionPolicies/{policyName}",
    ),
    "sql:Database": Kind("2023-08-01", "Microsoft.Sql/servers/{serverName}/databases/{databaseName}"),
    "sql:FirewallRule": Kind("2023-08-01", "Microsoft.Sql/servers/{serverName}/firewallRules/{firewallRuleName}"),
    # With Entra logins only: https://github.com/Azure/bicep-types-az/issues/2320
    "sql:Server": Kind("2023-08-01", "Microsoft.Sql/servers/{serverName}", once=True),
    "sql:ServerBlobAuditingPolicy": Kind(
        "2023-08-01", "Microsoft.Sql/servers/{serverName}/auditingSettings/{blobAuditingPolicyName}"
    ),
    "sql:ServerSecurityAlertPolicy": Kind(
        "2023-08-01", "Microsoft.Sql/servers/{serverName}/securityAlertPolicies/{securityAlertPolicyName}"
    ),
    "sql:SqlVulnerabilityAssessmentsSetting": Kind(
        "2023-08-01", "Microsoft.Sql/servers/{serverName}/sqlVulnerabilityAssessments/{vulnerabilityAssessmentName}"
    ),
    "sql:TransparentDataEncryption": Kind(
        "2023-08-01", "Microsoft.Sql/servers/{serverName}/databases/{databaseName}/transparentDataEncryption/{tdeName}"
    ),
    "storage:BlobContainer": Kind(
        "2024-01-01", "Microsoft.Storage/storageAccounts/{accountName}/blobServices/default/containers/{containerName}"
    ),
    "storage:BlobServiceProperties": Kind(
        "2024-01-01", "Microsoft.Storage/storageAccounts/{accountName}/blobServices/{blobServicesName}"
    ),
    "storage:ManagementPolicy": Kind(
        "2024-01-01", "Microsoft.Storage/storageAccounts/{accountName}/managementPolicies/{managementPolicyName}"
    ),
    "storage:StorageAccount": Kind("2024-01-01", "Microsoft.Storage/storageAccounts/{accountName}"),
    "streamanalytics:StreamingJob": Kind("2020-03-01", "Microsoft.StreamAnalytics/streamingjobs/{jobName}"),
}
