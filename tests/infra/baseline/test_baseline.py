import copy
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from simulator.azure import arm
from simulator.azure.arm.types import resource_type
from simulator.azure.arm.values import UNKNOWN
from tests.infra.baseline.rules_of_the_baseline import RULES, failures
from tests.support.recording import Recording
from tests.support.recording_monitor import Recorded

GROUP = {"resourceGroupName": "group"}
IDENTITY = {"type": "SystemAssigned"}
SCOPE = f"/subscriptions/{arm.SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.Storage/storageAccounts/account"
SOURCE = {"type": "Microsoft.EventHub/EventHub", "authenticationMode": "Msi"}
AZURE_SERVICES = str(IPv4Address(0))
TARGET = {"type": "Microsoft.Storage/Blob", "authenticationMode": "Msi"}

SAFE: dict[str, dict[str, Any]] = {
    "resources:ResourceGroup": {},
    "eventhub:Namespace": {
        "namespaceName": "namespace",
        "disableLocalAuth": True,
        "minimumTlsVersion": "1.2",
        "sku": {"name": "Standard"},
    },
    "storage:StorageAccount": {
        "accountName": "account",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "allowSharedKeyAccess": False,
        "allowBlobPublicAccess": False,
        "minimumTlsVersion": "TLS1_2",
        "enableHttpsTrafficOnly": True,
        "allowCrossTenantReplication": False,
        "isLocalUserEnabled": False,
        "networkRuleSet": {"bypass": "Logging, AzureServices", "defaultAction": "Allow"},
        "defaultToOAuthAuthentication": True,
        "encryption": {"requireInfrastructureEncryption": True},
    },
    "storage:BlobServiceProperties": {
        "accountName": "account",
        "blobServicesName": "default",
        "isVersioningEnabled": True,
        "deleteRetentionPolicy": {"enabled": True, "days": 7},
        "containerDeleteRetentionPolicy": {"enabled": True, "days": 7},
    },
    "storage:BlobContainer": {"accountName": "account", "containerName": "raw"},
    "sql:Server": {
        "serverName": "server",
        "administrators": {"azureADOnlyAuthentication": True},
        "minimalTlsVersion": "1.2",
    },
    "sql:Database": {"serverName": "server", "databaseName": "windows"},
    "sql:TransparentDataEncryption": {
        "serverName": "server",
        "databaseName": "windows",
        "tdeName": "current",
        "state": "Enabled",
    },
    "sql:FirewallRule": {
        "serverName": "server",
        "firewallRuleName": "azure",
        "startIpAddress": AZURE_SERVICES,
        "endIpAddress": AZURE_SERVICES,
    },
    "sql:ServerBlobAuditingPolicy": {
        "serverName": "server",
        "blobAuditingPolicyName": "default",
        "state": "Enabled",
        "isAzureMonitorTargetEnabled": True,
    },
    "sql:ServerSecurityAlertPolicy": {
        "serverName": "server",
        "securityAlertPolicyName": "Default",
        "state": "Enabled",
    },
    "keyvault:Vault": {
        "vaultName": "vault",
        "properties": {
            "tenantId": "tenant",
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": True,
            "enablePurgeProtection": True,
            "softDeleteRetentionInDays": 7,
            "networkAcls": {"bypass": "AzureServices"},
        },
    },
    "operationalinsights:Workspace": {
        "workspaceName": "logs",
        "features": {"disableLocalAuth": True},
        "retentionInDays": 30,
    },
    "applicationinsights:Component": {"resourceName": "insights", "workspaceResourceId": "/logs"},
    "containerregistry:Registry": {
        "registryName": "registry",
        "adminUserEnabled": False,
        "anonymousPullEnabled": False,
    },
    "machinelearningservices:Workspace": {
        "workspaceName": "workspace",
        "systemDatastoresAuthMode": "Identity",
        "identity": IDENTITY,
    },
    "machinelearningservices:Compute": {
        "workspaceName": "workspace",
        "computeName": "cluster",
        "identity": IDENTITY,
        "properties": {
            "computeType": "AmlCompute",
            "disableLocalAuth": True,
            "properties": {"remoteLoginPortPublicAccess": "Disabled", "scaleSettings": {"minNodeCount": 0}},
        },
    },
    "machinelearningservices:Datastore": {
        "workspaceName": "workspace",
        "name": "raw",
        "properties": {"datastoreType": "AzureBlob", "credentials": {"credentialsType": "None"}},
    },
    "streamanalytics:StreamingJob": {
        "jobName": "job",
        "identity": IDENTITY,
        "inputs": [{"name": "readings", "properties": {"type": "Stream", "datasource": SOURCE}}],
        "outputs": [{"name": "rejects", "datasource": TARGET}],
    },
    "authorization:RoleAssignment": {
        "scope": SCOPE,
        "roleAssignmentName": "assignment",
        "principalId": "principal",
        "principalType": "ServicePrincipal",
        "roleDefinitionId": "/roles/ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    },
}

BREACHES: list[tuple[str, str, str, Any]] = [
    ("EH-1", "eventhub:Namespace", "disableLocalAuth", False),
    ("EH-1", "eventhub:Namespace", "disableLocalAuth", None),
    ("EH-2", "eventhub:Namespace", "minimumTlsVersion", "1.0"),
    ("EH-3", "eventhub:Namespace", "sku.name", "Basic"),
    ("ST-1", "storage:StorageAccount", "allowSharedKeyAccess", True),
    ("ST-2", "storage:StorageAccount", "allowBlobPublicAccess", None),
    ("ST-3", "storage:StorageAccount", "minimumTlsVersion", "TLS1_0"),
    ("ST-4", "storage:StorageAccount", "enableHttpsTrafficOnly", False),
    ("ST-5", "storage:StorageAccount", "allowCrossTenantReplication", True),
    ("ST-6", "storage:StorageAccount", "isLocalUserEnabled", True),
    ("ST-7", "storage:StorageAccount", "networkRuleSet.bypass", "None"),
    ("ST-8", "storage:StorageAccount", "defaultToOAuthAuthentication", False),
    ("ST-9", "storage:StorageAccount", "encryption.requireInfrastructureEncryption", False),
    ("BL-0", "storage:BlobServiceProperties", "accountName", "other"),
    ("BL-1", "storage:BlobServiceProperties", "isVersioningEnabled", False),
    ("BL-2", "storage:BlobServiceProperties", "deleteRetentionPolicy.enabled", False),
    ("BL-3", "storage:BlobServiceProperties", "containerDeleteRetentionPolicy.enabled", False),
    ("BL-4", "storage:BlobServiceProperties", "deleteRetentionPolicy.days", 6),
    ("CO-1", "storage:BlobContainer", "publicAccess", "Blob"),
    ("SQL-1", "sql:Server", "administrators.azureADOnlyAuthentication", False),
    ("SQL-2", "sql:Server", "administratorLogin", "admin"),
    ("SQL-3", "sql:Server", "administratorLoginPassword", "word"),
    ("SQL-4", "sql:Server", "minimalTlsVersion", "1.1"),
    ("SQL-5", "sql:TransparentDataEncryption", "state", "Disabled"),
    ("SQL-6", "sql:FirewallRule", "endIpAddress", "255.255.255.255"),
    ("SQL-6", "sql:FirewallRule", "endIpAddress", "0.0.1.0"),
    ("SQL-7", "sql:ServerBlobAuditingPolicy", "state", "Disabled"),
    ("SQL-7", "sql:ServerBlobAuditingPolicy", "isAzureMonitorTargetEnabled", False),
    ("SQL-7", "sql:ServerBlobAuditingPolicy", "serverName", "other"),
    ("SQL-8", "sql:ServerSecurityAlertPolicy", "state", "Disabled"),
    ("KV-1", "keyvault:Vault", "properties.enableRbacAuthorization", False),
    ("KV-2", "keyvault:Vault", "properties.enablePurgeProtection", None),
    ("KV-3", "keyvault:Vault", "properties.enableSoftDelete", False),
    ("KV-4", "keyvault:Vault", "properties.softDeleteRetentionInDays", 5),
    ("KV-5", "keyvault:Vault", "properties.networkAcls.bypass", "None"),
    ("LAW-1", "operationalinsights:Workspace", "features.disableLocalAuth", False),
    ("LAW-2", "operationalinsights:Workspace", "retentionInDays", 29),
    ("AI-1", "applicationinsights:Component", "workspaceResourceId", None),
    ("ACR-1", "containerregistry:Registry", "adminUserEnabled", True),
    ("ACR-2", "containerregistry:Registry", "anonymousPullEnabled", True),
    ("ML-1", "machinelearningservices:Workspace", "systemDatastoresAuthMode", "AccessKey"),
    ("ML-2", "machinelearningservices:Workspace", "identity.type", "None"),
    ("ML-3", "machinelearningservices:Workspace", "v1LegacyMode", True),
    ("MC-1", "machinelearningservices:Compute", "properties.disableLocalAuth", False),
    ("MC-2", "machinelearningservices:Compute", "identity.type", "None"),
    ("MC-3", "machinelearningservices:Compute", "properties.properties.remoteLoginPortPublicAccess", "Enabled"),
    ("MC-4", "machinelearningservices:Compute", "properties.properties.scaleSettings.minNodeCount", 1),
    ("MD-1", "machinelearningservices:Datastore", "properties.credentials.credentialsType", "AccountKey"),
    ("ASA-1", "streamanalytics:StreamingJob", "identity.type", "UserAssigned"),
    ("ASA-2", "streamanalytics:StreamingJob", "outputStartMode", "JobStartTime"),
    ("ASA-3", "streamanalytics:StreamingJob", "inputs.0.properties.datasource.authenticationMode", None),
    ("ASA-3", "streamanalytics:StreamingJob", "outputs.0.datasource.authenticationMode", "ConnectionString"),
    ("SEC-1", "streamanalytics:StreamingJob", "outputs.0.datasource.password", "word"),
    ("RA-1", "authorization:RoleAssignment", "principalType", "User"),
    ("RA-2", "authorization:RoleAssignment", "roleDefinitionId", "/roles/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"),
    ("RA-3", "authorization:RoleAssignment", "scope", f"/subscriptions/{arm.SUBSCRIPTION}/resourceGroups/group"),
]
DIAGNOSED = [
    "eventhub:Namespace",
    "streamanalytics:StreamingJob",
    "keyvault:Vault",
    "containerregistry:Registry",
    "machinelearningservices:Workspace",
    "sql:Database",
    "storage:BlobServiceProperties",
]


def recorded(token: str, name: str, inputs: Mapping[str, Any]) -> Recorded:
    full, inputs = f"azure-native:{token}", GROUP | dict(inputs)
    id_ = arm.resource_id(full, name, inputs) if resource_type(full) is not None else f"/{name}"
    return Recorded(type=full, name=name, urn=f"urn:{name}", id=id_, inputs=inputs)


def diagnostics(name: str, target: str) -> Recorded:
    return recorded("monitor:DiagnosticSetting", name, {"name": "logs", "resourceUri": target})


def safe_recording(resources: Mapping[str, Mapping[str, Any]] = SAFE) -> Recording:
    """A recording that keeps every rule: one resource of each type, with diagnostic settings where they belong."""
    declared = [recorded(token, token.lower(), inputs) for token, inputs in resources.items()]
    logged = [diagnostics(f"logs of {one.name}", str(one.id)) for one in declared]
    master = [
        diagnostics("master", f"{one.id}/databases/master") for one in declared if one.type.endswith(":sql:Server")
    ]
    return Recording(stack="dev", resources=(*declared, *logged, *master))


def changed(token: str, path: str, value: Any) -> Recording:
    """The safe recording with one input of one resource replaced, or removed when `value` is None."""
    resources = copy.deepcopy(SAFE)
    holder: Any = resources[token]
    *containers, last = path.split(".")
    for key in containers:
        holder = holder[int(key) if isinstance(holder, list) else key]
    if value is None:
        del holder[last]
    else:
        holder[last] = value
    return safe_recording(resources)


def broken(recording: Recording) -> set[str]:
    return {failure.split()[0] for failure in failures(recording)}


def test_resources_that_keep_every_rule_have_no_failures() -> None:
    assert failures(safe_recording()) == []


@pytest.mark.parametrize(("rule", "token", "path", "value"), BREACHES)
def test_each_rule_fails_on_a_resource_that_breaks_it(rule: str, token: str, path: str, value: Any) -> None:
    assert rule in broken(changed(token, path, value))


@pytest.mark.parametrize("token", DIAGNOSED)
def test_a_resource_whose_logs_go_nowhere_fails(token: str) -> None:
    safe = safe_recording()
    target = safe.one(token).id
    resources = tuple(one for one in safe.resources if one.inputs.get("resourceUri") != target)

    assert broken(replace(safe, resources=resources)) == {"DIAG-1"}


def test_a_server_whose_audit_logs_do_not_arrive_fails() -> None:
    safe = safe_recording()
    resources = tuple(one for one in safe.resources if one.name != "master")

    assert broken(replace(safe, resources=resources)) == {"SQL-9"}


@pytest.mark.parametrize("token", ["eventhub:NamespaceAuthorizationRule", "eventhub:EventHubAuthorizationRule"])
def test_a_shared_access_rule_fails(token: str) -> None:
    safe = safe_recording()

    assert broken(replace(safe, resources=(*safe.resources, recorded(token, "rule", {})))) == {"EH-4"}


def test_every_rule_is_broken_by_some_test_here() -> None:
    assert {rule.id for rule in RULES} == {breach[0] for breach in BREACHES} | {"DIAG-1", "SQL-9", "EH-4"}


def test_a_value_that_is_not_known_yet_breaks_no_rule_about_it() -> None:
    assert failures(changed("eventhub:Namespace", "minimumTlsVersion", UNKNOWN)) == []


def test_a_failure_names_rule_resource_value_and_demand() -> None:
    (failure,) = failures(changed("eventhub:Namespace", "minimumTlsVersion", "1.0"))

    assert failure == (
        "EH-2 Event Hubs speaks TLS 1.2 or newer: eventhub:Namespace 'eventhub:namespace': "
        "properties.minimumTlsVersion is '1.0', must be '1.2'"
    )
