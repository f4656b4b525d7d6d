"""What a recorded stack declares of roles, alerts and days, as tables that a person can read and compare.

Nothing is chosen here: every value that decides who may do what, when somebody is told, and how long something is kept
is in a table, so that a change of any of them is a change of a file under review.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from simulator.azure.arm import answers
from tests.infra.expected.stacks import DEPLOYER
from tests.infra.recording import Recording
from tests.infra.recording_monitor import Recorded

RECORD = "pulumi:index:Stash"

Table = dict[str, Any]

ROLES = {
    "2b629674-e913-4c01-ae53-ef4638d8f975": "Azure Event Hubs Data Sender",
    "a638d3c7-ab3a-418d-83e6-5f17a39d4fde": "Azure Event Hubs Data Receiver",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "f6c7c914-8db3-469d-8ca1-694a8f32e121": "AzureML Data Scientist",
}
"""Built-in roles, written down a second time: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles"""


def roles(recording: Recording) -> Table:
    """Every role assignment: who, which role by its name in Azure, and on what."""
    principals = {DEPLOYER: "deployer", **_principals(recording)}
    return {
        role.name.replace(DEPLOYER, "deployer"): {
            "principal": principals.get(role.inputs["principalId"], role.inputs["principalId"]),
            "role": ROLES.get(role.inputs["roleDefinitionId"].rpartition("/")[2], role.inputs["roleDefinitionId"]),
            "scope": _label(recording, role.inputs["scope"]),
        }
        for role in recording.of_type("authorization:RoleAssignment")
    }


def alerts(recording: Recording) -> Table:
    """Every alert, and the budget's notices."""
    found = {each.name: _metric(recording, each) for each in recording.of_type("monitor:MetricAlert")}
    found |= {each.name: _query(recording, each) for each in recording.of_type("monitor:ScheduledQueryRule")}
    found |= {each.name: _activity(recording, each) for each in recording.of_type("monitor:ActivityLogAlert")}
    found |= {each.name: _budget(recording, each) for each in recording.of_type("consumption:Budget")}
    return {name.removeprefix("scoring-"): value for name, value in found.items()}


def lifecycle(recording: Recording) -> Table:
    """For how long what is kept, in days unless the key says hours."""
    (hub,) = recording.of_type("eventhub:EventHub")
    found: Table = {
        "hub": hub.inputs["retentionDescription"],
        "windows": int(recording.one(RECORD, "release").inputs["input"]["pipeline"]["windowDays"]),
        "backups": recording.one("sql:BackupShortTermRetentionPolicy").inputs["retentionDays"],
        "audit": recording.one("sql:ServerBlobAuditingPolicy").inputs["retentionDays"],
        "logs": recording.one("operationalinsights:Workspace").inputs["retentionInDays"],
    }
    for service in recording.of_type("storage:BlobServiceProperties"):
        kept = ("isVersioningEnabled", "deleteRetentionPolicy", "containerDeleteRetentionPolicy")
        found[service.name] = {key: service.inputs[key] for key in kept}
    for policy in recording.of_type("storage:ManagementPolicy"):
        account = _label(recording, str(policy.id).partition("/managementPolicies")[0])
        for rule in policy.inputs["policy"]["rules"]:
            found[f"{account}: {rule['name']}"] = {
                "enabled": rule["enabled"],
                **rule["definition"]["filters"],
                **dict(flat(rule["definition"]["actions"])),
            }
    return found


TABLES = {"roles": roles, "alerts": alerts, "lifecycle": lifecycle}


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no mapping, by its path."""
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
    """The declared resource behind each principal."""
    found = {}
    for resource in recording.azure():
        told = answers.outputs(resource.type, resource.name, resource.inputs, str(resource.id), known=True)
        identity = told.get("identity")
        for holder in (told, identity if isinstance(identity, Mapping) else {}):
            if "principalId" in holder and "principalId" not in resource.inputs:
                found[holder["principalId"]] = f"{resource.type.rpartition(':')[2]} {resource.name}"
    return found


def _label(recording: Recording, resource_id: str) -> str:
    """A declared resource by type and name; an id that is none's as it is."""
    resource = recording.by_id(resource_id)
    return f"{resource.type.rpartition(':')[2]} {resource.name}" if resource else resource_id


def _metric(recording: Recording, alert: Recorded) -> Table:
    (criterion,) = alert.inputs["criteria"]["allOf"]
    keys = ("metricNamespace", "metricName", "timeAggregation", "operator", "threshold")
    return {
        **{key: criterion[key] for key in keys},
        **_common(alert, "windowSize", "evaluationFrequency", "severity", "enabled", "autoMitigate"),
        "scopes": [_label(recording, each) for each in alert.inputs["scopes"]],
        "actions": [_label(recording, each["actionGroupId"]) for each in alert.inputs["actions"]],
    }


def _query(recording: Recording, alert: Recorded) -> Table:
    (criterion,) = alert.inputs["criteria"]["allOf"]
    return {
        **criterion,
        **_common(alert, "windowSize", "evaluationFrequency", "severity", "enabled", "autoMitigate"),
        "scopes": [_label(recording, each) for each in alert.inputs["scopes"]],
        "actions": [_label(recording, each) for each in alert.inputs["actions"]["actionGroups"]],
    }


def _activity(recording: Recording, alert: Recorded) -> Table:
    conditions = alert.inputs["condition"]["allOf"]
    return {
        "condition": {
            _field(each): each.get("equals") or [one["equals"] for one in each["anyOf"]] for each in conditions
        },
        **_common(alert, "enabled"),
        "scopes": [_label(recording, each) for each in alert.inputs["scopes"]],
        "actions": [_label(recording, each["actionGroupId"]) for each in alert.inputs["actions"]["actionGroups"]],
    }


def _field(condition: Mapping[str, Any]) -> str:
    return condition.get("field") or "|".join(sorted({one["field"] for one in condition["anyOf"]}))


def _budget(recording: Recording, budget: Recorded) -> Table:
    keys = ("threshold", "thresholdType", "operator", "enabled")
    notices = {
        name: {key: notice[key] for key in keys}
        | {"tells": [_label(recording, each) for each in notice["contactGroups"]]}
        for name, notice in budget.inputs["notifications"].items()
    }
    return _common(budget, "amount", "category", "timeGrain") | {"notices": notices}


def _common(resource: Recorded, *keys: str) -> Table:
    return {key: resource.inputs[key] for key in keys}
