"""What a recorded stack declares of roles, alerts and days, as tables that a person can read and compare.

Nothing is chosen here: a resource that decides who may do what, when somebody is told, or how long something is kept
is in a table with all its inputs but `LEFT_OUT`, so that a change of any, or a new one, is a change of a file that is
reviewed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from simulator.azure.arm import answers
from stream_queries.schema import WINDOW_TABLE
from tests.infra.expected.stacks import DEPLOYER
from tests.support.recording import Recording
from tests.support.recording_monitor import Recorded

RECORD = "pulumi:index:Stash"

LEFT_OUT = frozenset(
    {
        *("resourceGroupName", "location", "tags", "description"),
        *("accountName", "databaseName", "namespaceName", "serverName"),
        *("blobAuditingPolicyName", "blobServicesName", "eventHubName", "managementPolicyName", "policyName"),
        "roleAssignmentName",
        "timePeriod.startDate",  # of the budget: it is made in this month
    }
)
"""Inputs that are in no table: names, places, labels and texts for people."""

WITH_CRITERIA = ("monitor:MetricAlert", "monitor:ScheduledQueryRule")

Table = dict[str, Any]

ROLES = {
    "2b629674-e913-4c01-ae53-ef4638d8f975": "Azure Event Hubs Data Sender",
    "a638d3c7-ab3a-418d-83e6-5f17a39d4fde": "Azure Event Hubs Data Receiver",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "f6c7c914-8db3-469d-8ca1-694a8f32e121": "AzureML Data Scientist",
}
"""Built-in roles, written down a second time: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles"""


def roles(recording: Recording) -> Table:
    """Every role assignment and every right in the database: who, which role by its name in Azure, and on what."""
    principals = {DEPLOYER: "deployer", **_principals(recording)}
    found = {}
    for assignment in recording.of_type("authorization:RoleAssignment"):
        rest = _whole(recording, assignment)
        principal, role = rest.pop("principalId"), rest.pop("roleDefinitionId")
        found[assignment.name.replace(DEPLOYER, "deployer")] = {
            "principal": principals.get(principal, principal),
            "role": ROLES.get(role.rpartition("/")[2], role),
            **rest,
        }
    schema = recording.one(RECORD, "schema").inputs["input"]
    writer, reader = schema["writer"], schema["reader"]
    for name, principal, user in (
        ("stream-in-the-database", principals[writer["principal"]], writer),
        ("cluster-in-the-database", principals[reader["clientId"]], reader),
    ):
        found[name] = {"principal": principal, "role": ", ".join(user["rights"]), "scope": f"Table {WINDOW_TABLE}"}
    return found


def alerts(recording: Recording) -> Table:
    """Every alert, the budget with its notices, and who is told."""
    found = {each.name: _with_criterion(recording, each) for each in recording.of_type(*WITH_CRITERIA)}
    for other in recording.of_type("monitor:ActivityLogAlert", "monitor:ActionGroup", "consumption:Budget"):
        found[other.name] = _whole(recording, other)
    return {name.removeprefix("scoring-"): value for name, value in found.items()}


def lifecycle(recording: Recording) -> Table:
    """For how long and how much of what is kept, in days unless the key says otherwise."""
    kept = {
        "hub": "eventhub:EventHub",
        "backups": "sql:BackupShortTermRetentionPolicy",
        "audit": "sql:ServerBlobAuditingPolicy",
        "logs": "operationalinsights:Workspace",
        "vault": "keyvault:Vault",
    }
    found: Table = {name: _whole(recording, recording.one(token)) for name, token in kept.items()}
    found["windows"] = int(recording.one(RECORD, "release").inputs["input"]["pipeline"]["windowDays"])
    for service in recording.of_type("storage:BlobServiceProperties"):
        found[service.name] = _whole(recording, service)
    for policy in recording.of_type("storage:ManagementPolicy"):
        account = _label(recording, str(policy.id).partition("/managementPolicies")[0])
        for rule in policy.inputs["policy"]["rules"]:
            definition = rule["definition"]
            found[f"{account}: {rule['name']}"] = {
                **{key: value for key, value in rule.items() if key not in ("name", "definition")},
                **definition["filters"],
                **dict(flat({key: value for key, value in definition.items() if key not in ("filters", "actions")})),
                **dict(flat(definition["actions"])),
            }
    return found


TABLES = {"roles": roles, "alerts": alerts, "lifecycle": lifecycle}


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no mapping and no list of mappings, by its path."""
    if isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        value = dict(enumerate(value))
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, f"{path}.{key}".removeprefix("."))
    else:
        yield path, value


def differences(expected: Mapping[str, Any], declared: Mapping[str, Any]) -> list[str]:
    """Each value that differs, is missing or is new, a line each; the same names lead to the same lines."""
    before, after = dict(flat(expected)), dict(flat(declared))
    lines = []
    for path in sorted(before.keys() | after.keys()):
        if path not in after:
            lines.append(f"{path}: {before[path]!r} is not declared any more")
        elif path not in before:
            lines.append(f"{path}: {after[path]!r} is declared and not expected")
        elif before[path] != after[path]:
            lines.append(f"{path}: {after[path]!r} is declared, {before[path]!r} expected")
    return lines


def _principals(recording: Recording) -> dict[str, str]:
    """The declared resource behind each principal and each client id."""
    found = {}
    for resource in recording.azure():
        told = answers.outputs(resource.type, resource.name, resource.inputs, str(resource.id), known=True)
        identity = told.get("identity")
        for holder in (told, identity if isinstance(identity, Mapping) else {}):
            for key in ("principalId", "clientId"):
                if key in holder and key not in resource.inputs:
                    found[holder[key]] = f"{resource.type.rpartition(':')[2]} {resource.name}"
    return found


def _label(recording: Recording, resource_id: str) -> str:
    """A declared resource by type and name; an id that is none's as it is."""
    resource = recording.by_id(resource_id)
    return f"{resource.type.rpartition(':')[2]} {resource.name}" if resource else resource_id


def _whole(recording: Recording, resource: Recorded) -> Table:
    """All inputs but `LEFT_OUT`, with declared resources for their ids."""
    return _plain(recording, resource.inputs)


def _plain(recording: Recording, value: Any, path: str = "") -> Any:
    if isinstance(value, Mapping):
        paths = {key: f"{path}.{key}".removeprefix(".") for key in value}
        return {key: _plain(recording, value[key], inner) for key, inner in paths.items() if inner not in LEFT_OUT}
    if isinstance(value, list | tuple):
        return [_plain(recording, each, f"{path}[]") for each in value]
    return _label(recording, value) if isinstance(value, str) else value


def _with_criterion(recording: Recording, alert: Recorded) -> Table:
    """Its one criterion beside its other inputs, which have other names."""
    rest = _whole(recording, alert)
    criteria = rest.pop("criteria")
    (criterion,) = criteria.pop("allOf")
    criterion.pop("name", None)
    assert not rest.keys() & (criterion.keys() | criteria.keys()), alert.name
    return {**rest, **criteria, **criterion}
