"""The security baseline: what every deployment of the stack keeps to, rule by rule.

Most rules follow Microsoft's cloud security benchmark and the defaults of Azure Verified Modules
(https://azure.github.io/Azure-Verified-Modules); the rest are decisions of this project.
"""

from tests.infra.baseline.relations import RELATIONS
from tests.infra.baseline.rules import (
    GIVEN,
    NOT_GIVEN,
    Rule,
    at_least,
    containing,
    equal,
    left_at,
    one_of,
    property_rule,
)
from tests.support.recording import Recording

EVENT_HUBS = "eventhub:Namespace"
ACCOUNT = "storage:StorageAccount"
BLOBS = "storage:BlobServiceProperties"
SERVER = "sql:Server"
VAULT = "keyvault:Vault"
REGISTRY = "containerregistry:Registry"
ML = "machinelearningservices:Workspace"
COMPUTE = "machinelearningservices:Compute"
JOB = "streamanalytics:StreamingJob"
LOGS = "operationalinsights:Workspace"

PROPERTIES = tuple(
    property_rule(*rule)
    for rule in (
        ("EH-1", "Event Hubs takes no shared access keys", EVENT_HUBS, "properties.disableLocalAuth", equal(True)),
        ("EH-2", "Event Hubs speaks TLS 1.2 or newer", EVENT_HUBS, "properties.minimumTlsVersion", equal("1.2")),
        (
            "EH-3",
            "Event Hubs has a tier with consumer groups and network rules",
            EVENT_HUBS,
            "sku.name",
            one_of("Standard", "Premium"),
        ),
        ("ST-1", "storage takes no account keys", ACCOUNT, "properties.allowSharedKeyAccess", equal(False)),
        ("ST-2", "no blob is public", ACCOUNT, "properties.allowBlobPublicAccess", equal(False)),
        (
            "ST-3",
            "storage speaks TLS 1.2 or newer",
            ACCOUNT,
            "properties.minimumTlsVersion",
            one_of("TLS1_2", "TLS1_3"),
        ),
        ("ST-4", "storage speaks HTTPS only", ACCOUNT, "properties.supportsHttpsTrafficOnly", equal(True)),
        (
            "ST-5",
            "storage replicates to no other tenant",
            ACCOUNT,
            "properties.allowCrossTenantReplication",
            equal(False),
        ),
        ("ST-6", "storage has no local users", ACCOUNT, "properties.isLocalUserEnabled", equal(False)),
        (
            "ST-7",
            "trusted services pass the storage firewall",
            ACCOUNT,
            "properties.networkAcls.bypass",
            containing("AzureServices"),
        ),
        (
            "ST-8",
            "the portal reads storage as its user",
            ACCOUNT,
            "properties.defaultToOAuthAuthentication",
            equal(True),
        ),
        (
            "ST-9",
            "storage is encrypted twice",
            ACCOUNT,
            "properties.encryption.requireInfrastructureEncryption",
            equal(True),
        ),
        ("BL-1", "blobs are versioned", BLOBS, "properties.isVersioningEnabled", equal(True)),
        ("BL-2", "deleted blobs are kept", BLOBS, "properties.deleteRetentionPolicy.enabled", equal(True)),
        (
            "BL-3",
            "deleted containers are kept",
            BLOBS,
            "properties.containerDeleteRetentionPolicy.enabled",
            equal(True),
        ),
        ("BL-4", "deleted blobs are kept for a week", BLOBS, "properties.deleteRetentionPolicy.days", at_least(7)),
        ("CO-1", "containers are private", "storage:BlobContainer", "properties.publicAccess", left_at("None")),
        (
            "SQL-1",
            "only Entra identities enter the server",
            SERVER,
            "properties.administrators.azureADOnlyAuthentication",
            equal(True),
        ),
        ("SQL-2", "the server has no SQL login", SERVER, "properties.administratorLogin", NOT_GIVEN),
        ("SQL-3", "the server has no password", SERVER, "properties.administratorLoginPassword", NOT_GIVEN),
        ("SQL-4", "the server speaks TLS 1.2 or newer", SERVER, "properties.minimalTlsVersion", one_of("1.2", "1.3")),
        (
            "SQL-5",
            "the database is encrypted",
            "sql:TransparentDataEncryption",
            "properties.state",
            left_at("Enabled"),
        ),
        ("KV-1", "the vault is opened by roles", VAULT, "properties.enableRbacAuthorization", equal(True)),
        ("KV-2", "a deleted vault cannot be purged", VAULT, "properties.enablePurgeProtection", equal(True)),
        ("KV-3", "a deleted vault is kept", VAULT, "properties.enableSoftDelete", left_at(True)),
        ("KV-4", "a deleted vault is kept for a week", VAULT, "properties.softDeleteRetentionInDays", at_least(7)),
        (
            "KV-5",
            "trusted services pass the vault's firewall",
            VAULT,
            "properties.networkAcls.bypass",
            equal("AzureServices"),
        ),
        ("LAW-1", "logs are read by role, not by key", LOGS, "properties.features.disableLocalAuth", equal(True)),
        ("LAW-2", "logs are kept for a month", LOGS, "properties.retentionInDays", at_least(30)),
        (
            "AI-1",
            "Application Insights writes to the log workspace",
            "applicationinsights:Component",
            "properties.WorkspaceResourceId",
            GIVEN,
        ),
        ("ACR-1", "the registry has no admin user", REGISTRY, "properties.adminUserEnabled", equal(False)),
        ("ACR-2", "nobody pulls without a name", REGISTRY, "properties.anonymousPullEnabled", equal(False)),
        (
            "ML-1",
            "the workspace's own data stores work by identity",
            ML,
            "properties.systemDatastoresAuthMode",
            equal("Identity"),
        ),
        ("ML-2", "the workspace has a managed identity", ML, "identity.type", containing("Assigned")),
        ("ML-3", "the workspace is not in legacy mode", ML, "properties.v1LegacyMode", left_at(False)),
        ("MC-1", "nobody signs in to the cluster with a key", COMPUTE, "properties.disableLocalAuth", equal(True)),
        ("MC-2", "the cluster has a managed identity", COMPUTE, "identity.type", containing("Assigned")),
        (
            "MC-3",
            "the cluster has no public SSH port",
            COMPUTE,
            "properties.properties.remoteLoginPortPublicAccess",
            equal("Disabled"),
        ),
        (
            "MC-4",
            "the cluster scales to zero",
            COMPUTE,
            "properties.properties.scaleSettings.minNodeCount",
            equal(0),
        ),
        (
            "MD-1",
            "data stores hold no credentials",
            "machinelearningservices:Datastore",
            "properties.credentials.credentialsType",
            equal("None"),
        ),
        ("ASA-1", "the stream job has its own identity", JOB, "identity.type", equal("SystemAssigned")),
        ("ASA-2", "the deployment does not start the stream job", JOB, "properties.outputStartMode", NOT_GIVEN),
        (
            "RA-1",
            "a role assignment says what kind of principal it is for",
            "authorization:RoleAssignment",
            "properties.principalType",
            one_of("ServicePrincipal", "Group"),
        ),
    )
)

RULES: tuple[Rule, ...] = (*PROPERTIES, *RELATIONS)


def failures(recording: Recording) -> list[str]:
    """One line for each resource that breaks a rule, of an update: a preview does not know which id is whose."""
    return [failure for rule in RULES for failure in rule.failures(recording)]
