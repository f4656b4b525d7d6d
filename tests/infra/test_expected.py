"""What the stacks declare of roles, alerts and days is, whole, what was written down and reviewed."""

import copy
import shutil
from pathlib import Path

import pytest

from tests.infra.expected.__main__ import declared, documents, expected
from tests.infra.expected.declared import ROLES, TABLES, alerts, differences, lifecycle, roles
from tests.infra.expected.documents import COMMAND, replaced
from tests.infra.expected.stacks import OVERRIDES, STACKS
from tests.support.recording import REPOSITORY, record

MORE = f"see whether that was meant; if so: {COMMAND}"


@pytest.mark.parametrize("name", TABLES)
def test_the_stacks_declare_what_is_expected_of_them(name: str):
    lines = differences(expected()[name], declared()[name])
    assert not lines, "\n".join([MORE, *lines])


def test_the_documents_tables_are_up_to_date():
    stale = [file.name for file, text in documents(declared()).items() if file.read_text(encoding="utf-8") != text]
    assert stale == [], MORE


def test_every_role_is_one_with_a_name_and_everything_else_a_declared_resource():
    for stack in STACKS:
        roles_used = set()
        for name, role in expected()["roles"][stack].items():
            assert not role["scope"].startswith("/") and "-" not in role["principal"].partition(" ")[0], name
            if role["scope"].startswith("Table "):
                assert set(role["role"].split(", ")) <= {"SELECT", "INSERT", "DELETE"}, name
            else:
                roles_used.add(role["role"])
        assert roles_used == set(ROLES.values())


def test_a_difference_is_told_line_by_line_however_many_there_are(monkeypatch: pytest.MonkeyPatch):
    table = expected()["roles"]
    changed = {stack: {name: {**role, "scope": "all"} for name, role in table[stack].items()} for stack in STACKS}
    monkeypatch.setattr("tests.infra.test_expected.declared", lambda: {"roles": changed})
    with pytest.raises(AssertionError) as told:
        test_the_stacks_declare_what_is_expected_of_them("roles")
    for stack in STACKS:
        assert all(f"{stack}.{name}.scope: 'all' is declared" in str(told.value) for name in table[stack])


# ---- Changes that must be seen

CLUSTER, DELETED = "'UserAssignedIdentity scoring-cluster'", "baseBlob.delete.daysAfterModificationGreaterThan"
ADDRESS = "operations@example.com"
DIMENSION = '[monitor.MetricDimensionArgs(name="Other", operator="Include", values=["a"])]'
PART = 'consumption.BudgetComparisonExpressionArgs(name="ResourceId", operator="In", values=["a"])'
FILTER = f"consumption.BudgetFilterArgs(dimensions={PART})"
SEEDED = {
    "a wrong role": (
        "stages/access.py",
        'Grant("cluster-pulls-image", ACR_PULL,',
        'Grant("cluster-pulls-image", BLOB_READER,',
        "roles cluster-pulls-image.role: 'Storage Blob Data Reader' is declared, 'AcrPull' expected",
    ),
    "a wider scope": (
        "stages/access.py",
        'Grant("stream-receives", EVENT_HUBS_RECEIVER, hub, job)',
        'Grant("stream-receives", EVENT_HUBS_RECEIVER, ingest.namespace.id, job)',
        "roles stream-receives.scope: 'Namespace scoring-events' is declared, 'EventHub scoring-readings' expected",
    ),
    "the resource group as scope": (
        "stages/access.py",
        'Grant("stream-archives", BLOB_CONTRIBUTOR, raw, job)',
        'Grant("stream-archives", BLOB_CONTRIBUTOR, placement.group.id, job)',
        "roles stream-archives.scope: 'ResourceGroup scoring' is declared, 'BlobContainer scoring-raw' expected",
    ),
    "a wrong principal": (
        "stages/access.py",
        'Grant("stream-rejects", BLOB_CONTRIBUTOR, rejects, job)',
        'Grant("stream-rejects", BLOB_CONTRIBUTOR, rejects, cluster)',
        f"roles stream-rejects.principal: {CLUSTER} is declared, 'StreamingJob scoring-stream' expected",
    ),
    "an inverted alert": (
        "watching/alert_table.py",
        'Metric("storage_percent", "Maximum", 80)',
        'Metric("storage_percent", "Maximum", 80, "LessThan")',
        "alerts database-full.operator: 'LessThan' is declared, 'GreaterThan' expected",
    ),
    "a threshold times 1000": (
        "watching/alert_table.py",
        'Metric("ResourceUtilization", "Maximum", 80)',
        'Metric("ResourceUtilization", "Maximum", 80_000)',
        "alerts stream-full.threshold: 80000 is declared, 80 expected",
    ),
    "another window": (
        "watching/alert_table.py",
        'Metric("ThrottledRequests", "Total", 0)',
        'Metric("ThrottledRequests", "Total", 0, window="PT5M")',
        "alerts hub-throttled.windowSize: 'PT5M' is declared, 'PT15M' expected",
    ),
    "another severity": (
        "watching/alert_table.py",
        'Metric("Errors", "Total", 0),\n        severity=1',
        'Metric("Errors", "Total", 0),\n        severity=4',
        "alerts stream-errors.severity: 4 is declared, 1 expected",
    ),
    "days swapped": (
        "stages/storage.py",
        "_rule(names.REJECTS, delete_after=settings.rejects_days)",
        "_rule(names.REJECTS, delete_after=settings.predictions_days)",
        f"lifecycle StorageAccount scoringdata: rejects.{DELETED}: 365 is declared, 30 expected",
    ),
    "backups for a day": (
        "stages/database.py",
        "retention_days=settings.backup_days",
        "retention_days=1",
        "lifecycle backups.retentionDays: 1 is declared, 7 expected",
    ),
    "nobody told": (
        "watching/observation.py",
        "enabled=True,\n            email_receivers",
        "enabled=False,\n            email_receivers",
        "alerts operators.enabled: False is declared, True expected",
    ),
    "somebody else told": (
        "watching/observation.py",
        "email_address=settings.alert_address",
        'email_address="nobody@example.com"',
        f"alerts operators.emailReceivers.0.emailAddress: 'nobody@example.com' is declared, {ADDRESS!r} expected",
    ),
    "alerts on logs that are silent for a day": (
        "watching/alerts.py",
        "skip_query_validation=True,",
        'skip_query_validation=True, mute_actions_duration="P1D",',
        *(
            f"alerts {name}.muteActionsDuration: 'P1D' is declared and not expected"
            for name, alert in expected()["alerts"]["dev"].items()
            if alert.get("kind") == "LogAlert"
        ),
    ),
    "a dimension": (
        "watching/alerts.py",
        "time_aggregation=check.aggregation,",
        f'time_aggregation=check.aggregation, dimensions={DIMENSION} if alert.name == "hub-throttled" else None,',
        "alerts hub-throttled.dimensions.0.name: 'Other' is declared and not expected",
        "alerts hub-throttled.dimensions.0.operator: 'Include' is declared and not expected",
        "alerts hub-throttled.dimensions.0.values: ['a'] is declared and not expected",
    ),
    "a budget without mail": (
        "watching/alerts.py",
        "contact_emails=[settings.alert_address]",
        "contact_emails=[]",
        *(
            f"alerts budget.notifications.{notice}.contactEmails: [] is declared, {[ADDRESS]!r} expected"
            for notice in ("spent-80", "forecast-100")
        ),
    ),
    "a budget for a part": (
        "watching/alerts.py",
        "time_grain=consumption.TimeGrainType.MONTHLY,",
        f"time_grain=consumption.TimeGrainType.MONTHLY, filter={FILTER},",
        "alerts budget.filter.dimensions.name: 'ResourceId' is declared and not expected",
        "alerts budget.filter.dimensions.operator: 'In' is declared and not expected",
        "alerts budget.filter.dimensions.values: ['a'] is declared and not expected",
    ),
    "hardly any logs": (
        "watching/observation.py",
        "daily_quota_gb=settings.daily_cap_gb",
        "daily_quota_gb=0.001",
        "lifecycle logs.workspaceCapping.dailyQuotaGb: 0.001 is declared, 1 expected",
    ),
    "a vault's name blocked for longer": (
        "stages/machine_learning.py",
        "soft_delete_retention_in_days=7",
        "soft_delete_retention_in_days=90",
        "lifecycle vault.properties.softDeleteRetentionInDays: 90 is declared, 7 expected",
    ),
    "one right more in the database": (
        "release/schema_record.py",
        '("SELECT", "DELETE")',
        '("SELECT", "DELETE", "ALTER")',
        "roles cluster-in-the-database.role: 'SELECT, DELETE, ALTER' is declared, 'SELECT, DELETE' expected",
    ),
    "a principal of no type": (
        "stages/access.py",
        "principal_type=grant.principal_type,",
        'principal_type=None if grant.name == "cluster-keeps-predictions" else grant.principal_type,',
        "roles cluster-keeps-predictions.principalType: 'User' is declared, 'ServicePrincipal' expected",
    ),
}
"""Name: module of `infra`, text there, what it becomes, and what is to be said, each line."""

REMOVED = (
    "watching/alert_table.py",
    "return (*running, *_stream_problems(settings), *_ingest()",
    "return (*running, *_ingest()",
)
"""A change of its own, for it takes others with it."""


def mutated(tmp_path: Path, *changes: tuple[str, str, str]) -> list[str]:
    """What is said of the development stack of a program with these changes."""
    shutil.copytree(REPOSITORY / "infra", tmp_path / "infra", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "scoring").symlink_to(REPOSITORY / "scoring")
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    for module, before, after in changes:
        file = tmp_path / "infra" / module
        text = file.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{module} holds {before!r} {text.count(before)} times: change this test"
        file.write_text(text.replace(before, after), encoding="utf-8")
    found = record("dev", OVERRIDES, folder=tmp_path)
    assert found.error is None
    lines = []
    for name, table in TABLES.items():
        lines += [f"{name} {line}" for line in differences(expected()[name]["dev"], table(found))]
    return lines


def test_seeded_changes_of_the_program_are_each_seen_and_nothing_else_is(tmp_path: Path):
    changes = [(module, before, after) for module, before, after, *_ in SEEDED.values()]
    assert sorted(mutated(tmp_path, *changes)) == sorted(line for _, _, _, *lines in SEEDED.values() for line in lines)


def test_alerts_that_were_removed_are_missed(tmp_path: Path):
    lines = mutated(tmp_path, REMOVED)
    assert "alerts stream-errors.threshold: 0 is not declared any more" in lines
    assert all(line.startswith("alerts stream-") and line.endswith("is not declared any more") for line in lines)


def test_what_is_new_is_seen_too():
    table = copy.deepcopy(expected()["roles"]["dev"])
    del table["stream-receives"]
    (line, *_) = differences(table, expected()["roles"]["dev"])
    assert line == "stream-receives.principal: 'StreamingJob scoring-stream' is declared and not expected"


def test_a_document_without_a_place_for_its_table_is_refused():
    with pytest.raises(ValueError, match="0 places for the table of roles"):
        replaced("# Nothing", "roles", "| a |")


def test_tables_are_not_empty():
    assert all(len(table[stack]) > 5 for table in expected().values() for stack in STACKS)
    assert {alerts, lifecycle, roles} == set(TABLES.values())
