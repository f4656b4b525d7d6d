"""Rules of the security baseline that look at several resources, or at every place in one."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address

from simulator.azure.arm.values import UNKNOWN
from tests.infra.baseline.rules import Rule, named, value_at, walk
from tests.support.recording import Recording

BROAD_ROLES = {
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": "Key Vault Administrator",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "f526a384-b230-433a-b45c-95f59c4a2dec": "Azure Event Hubs Data Owner",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
}
KEYS = frozenset(
    {
        "accountKey",
        "administratorLoginPassword",
        "apiKey",
        "contextAccessToken",
        "password",
        "refreshToken",
        "sasToken",
        "sharedAccessPolicyKey",
    }
)
WITH_DIAGNOSTICS = (
    "eventhub:Namespace",
    "streamanalytics:StreamingJob",
    "keyvault:Vault",
    "containerregistry:Registry",
    "machinelearningservices:Workspace",
    "sql:Database",
    "storage:BlobServiceProperties",
)
WIDEST_RANGE = 2**16
"""Addresses in the widest range that a firewall rule may let in."""

SAS_RULES = ("eventhub:NamespaceAuthorizationRule", "eventhub:EventHubAuthorizationRule")
ASSIGNMENT = "authorization:RoleAssignment"
DIAGNOSTICS = "monitor:DiagnosticSetting"

Faults = Iterator[tuple[str, str]]


def _shared_access_rules(recording: Recording) -> Faults:
    for resource in recording.of_type(*SAS_RULES):
        yield named(resource), "is a shared access rule"


def _open_firewalls(recording: Recording) -> Faults:
    """Rules that let in more than a site's own addresses; 0.0.0.0 alone means services of Azure."""
    for resource in recording.of_type("sql:FirewallRule"):
        first, last = resource.inputs.get("startIpAddress"), resource.inputs.get("endIpAddress")
        if isinstance(first, str) and isinstance(last, str):
            start, end = IPv4Address(first), IPv4Address(last)
            if (start.is_unspecified and end != start) or int(end) - int(start) >= WIDEST_RANGE:
                yield named(resource), f"lets in {first} to {last}"


def _unaudited_servers(recording: Recording) -> Faults:
    audited = {
        resource.inputs.get("serverName")
        for resource in recording.of_type("sql:ServerBlobAuditingPolicy")
        if resource.inputs.get("state") == "Enabled" and resource.inputs.get("isAzureMonitorTargetEnabled") is True
    }
    yield from _servers_outside(recording, audited, "has no enabled auditing policy that targets Azure Monitor")


def _servers_without_alerts(recording: Recording) -> Faults:
    watched = {
        resource.inputs.get("serverName")
        for resource in recording.of_type("sql:ServerSecurityAlertPolicy")
        if resource.inputs.get("state") == "Enabled"
    }
    yield from _servers_outside(recording, watched, "has no enabled security alert policy")


def _servers_without_audit_logs(recording: Recording) -> Faults:
    targets = _diagnosed(recording)
    for server in recording.of_type("sql:Server"):
        if f"{server.id}/databases/master".lower() not in targets:
            yield named(server), "has no diagnostic setting on its database master, where audit logs pass"


def _servers_outside(recording: Recording, names: set[object], fault: str) -> Faults:
    for server in recording.of_type("sql:Server"):
        if not _name(server.id) & names and UNKNOWN not in names:
            yield named(server), fault


def _accounts_without_blob_settings(recording: Recording) -> Faults:
    settled = {resource.inputs.get("accountName") for resource in recording.of_type("storage:BlobServiceProperties")}
    for account in recording.of_type("storage:StorageAccount"):
        if not _name(account.id) & settled and UNKNOWN not in settled:
            yield named(account), "has no blob service settings, so deleted blobs are lost"


def _keys_in_stream_jobs(recording: Recording) -> Faults:
    """A job's inputs and outputs may stand in its own body or in a template."""
    for job in recording.of_type("streamanalytics:StreamingJob", "resources:Deployment"):
        for path, value in walk(job.body):
            if path[-1] == "datasource" and isinstance(value, Mapping):
                mode = value_at(value, "properties.authenticationMode")
                if mode != "Msi":
                    yield (
                        named(job),
                        f"{'.'.join(path)} of type {value.get('type')} does not say authenticationMode Msi",
                    )


def _keys_in_bodies(recording: Recording) -> Faults:
    for resource in recording.azure():
        for path, value in walk(resource.inputs):
            if path[-1] in KEYS and value not in (None, ""):
                yield named(resource), f"{'.'.join(path)} is given"


def _broad_roles(recording: Recording) -> Faults:
    for resource in recording.of_type(ASSIGNMENT):
        role = BROAD_ROLES.get(str(resource.inputs.get("roleDefinitionId")).rsplit("/", 1)[-1])
        if role is not None:
            yield named(resource), f"grants {role}"


def _wide_scopes(recording: Recording) -> Faults:
    for resource in recording.of_type(ASSIGNMENT):
        scope = resource.inputs.get("scope")
        if scope is not UNKNOWN and "/providers/" not in str(scope).lower():
            yield named(resource), f"has the scope {scope}"


def _undiagnosed(recording: Recording) -> Faults:
    targets = _diagnosed(recording)
    for resource in recording.of_type(*WITH_DIAGNOSTICS):
        if str(resource.id).lower() not in targets:
            yield named(resource), "has no diagnostic setting"


def _diagnosed(recording: Recording) -> set[str]:
    return {str(resource.inputs.get("resourceUri")).lower() for resource in recording.of_type(DIAGNOSTICS)}


def _name(resource_id: str | None) -> set[object]:
    return {str(resource_id).rsplit("/", 1)[-1]}


RELATIONS = (
    Rule("EH-4", "Event Hubs has no shared access rules", SAS_RULES, _shared_access_rules),
    Rule("SQL-6", "the server's firewall is not open to the world", ("sql:FirewallRule",), _open_firewalls),
    Rule("SQL-7", "the server is audited", ("sql:Server",), _unaudited_servers),
    Rule("SQL-8", "the server raises threat alerts", ("sql:Server",), _servers_without_alerts),
    Rule("SQL-9", "audit logs of the server arrive", ("sql:Server",), _servers_without_audit_logs),
    Rule(
        "BL-0",
        "every storage account keeps deleted blobs",
        ("storage:StorageAccount",),
        _accounts_without_blob_settings,
    ),
    Rule("ASA-3", "every hop of the stream job is keyless", ("streamanalytics:StreamingJob",), _keys_in_stream_jobs),
    Rule("SEC-1", "no request holds a key or password", ("resources:ResourceGroup",), _keys_in_bodies),
    Rule("RA-2", "nobody gets a broad role", (ASSIGNMENT,), _broad_roles),
    Rule("RA-3", "roles end below the resource group", (ASSIGNMENT,), _wide_scopes),
    Rule("DIAG-1", "every resource that has logs sends them", WITH_DIAGNOSTICS, _undiagnosed),
)
