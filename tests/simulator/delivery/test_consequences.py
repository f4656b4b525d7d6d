"""What a preview says a change means: data that is lost, the stream job that stops, a table that needs a migration."""

from collections.abc import Mapping
from typing import Any

import pytest

from infra.release.sql.schema import definition
from simulator.azure.engine import Change, Result, Step
from simulator.azure.engine.steps import differences
from simulator.delivery.preview.comparison import Comparison, ResourceChange, read_comparison
from simulator.delivery.preview.consequences.keeping import shortened

WORDS = 20
"""The longest that one thing lost, or one note, may be."""

RECORD = "pulumi:index:Stash"
JOB = "azure-native:streamanalytics:StreamingJob"

QUERY = "SELECT device\nINTO windows\nFROM readings\n"
TEMPLATE = {"resources": [{"name": "job/readings"}, {"name": "job/query", "properties": {"query": QUERY}}]}


def step(
    type_: str,
    name: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    operation: str = "update",
    *,
    whole: str = "",
) -> Step:
    """One resource's step; `whole` names an input that the engine compares as one value."""
    changes = [Change(path, was, is_) for path, was, is_ in differences(old, new)]
    if whole:
        changes = [Change(whole, old[whole], new[whole])]
    urn = f"urn:pulumi:dev::batch-scoring::{type_}::{name}"
    return Step(operation, urn, type_, "done", tuple(changes), old_inputs=old, new_inputs=new)


def compared(*steps: Step, protected: frozenset[str] = frozenset()) -> Comparison:
    return read_comparison(Result("preview", steps, {}, (), (), 0.0), "dev", "the base", protected)


def only(*steps: Step) -> ResourceChange:
    (change,) = (comparison := compared(*steps)).resources or comparison.records
    return change


def rule(container: str, days: int | None, **more: Any) -> dict[str, Any]:
    actions = {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": days}}} if days else {}
    return {
        "name": container,
        "definition": {"filters": {"prefixMatch": [f"{container}/"]}, "actions": actions},
        **more,
    }


def rules(*those: dict[str, Any], account: str = "data") -> dict[str, Any]:
    return {"accountName": account, "policy": {"rules": list(those)}}


def soft_delete(days: int, *, enabled: bool = True) -> dict[str, Any]:
    return {
        "deleteRetentionPolicy": {"enabled": enabled, "days": days},
        "containerDeleteRetentionPolicy": {"enabled": True, "days": 7},
        "isVersioningEnabled": True,
    }


# ---- What is kept for a shorter time
@pytest.mark.parametrize(
    ("type_", "old", "new", "told"),
    [
        (
            "eventhub:EventHub",
            {"retentionDescription": {"retentionTimeInHours": 168}},
            {"retentionDescription": {"retentionTimeInHours": 24}},
            ["events older than 24 hours, kept 168 hours until now"],
        ),
        (
            "eventhub:EventHub",
            {"messageRetentionInDays": 7},
            {"retentionDescription": {"retentionTimeInHours": 48}},
            ["events older than 48 hours, kept 168 hours until now"],
        ),
        (
            "storage:ManagementPolicy",
            rules(rule("raw", 365), rule("predictions", 730)),
            rules(rule("predictions", 30), rule("raw", 40)),  # in another order: they are found by what they are about
            [
                "blobs in predictions/ older than 30 days, kept 730 days until now",
                "blobs in raw/ older than 40 days, kept 365 days until now",
            ],
        ),
        (
            "storage:ManagementPolicy",
            rules(rule("raw", 365, enabled=False), rule("rejects", None)),
            rules(rule("raw", 365), rule("rejects", 30)),
            [
                "blobs in raw/ older than 365 days, kept for ever until now",
                "blobs in rejects/ older than 30 days, kept for ever until now",
            ],
        ),
        (
            "storage:BlobServiceProperties",
            soft_delete(30),
            soft_delete(7),
            ["deleted blobs older than 7 days, kept 30"],
        ),
        (
            "storage:BlobServiceProperties",
            soft_delete(30),
            soft_delete(30, enabled=False),
            ["all deleted blobs, kept 30 days until now"],
        ),
        (
            "storage:BlobServiceProperties",
            soft_delete(7),
            soft_delete(7) | {"isVersioningEnabled": False},
            ["all overwritten blobs, kept for ever until now"],
        ),
        (
            "sql:BackupShortTermRetentionPolicy",
            {"retentionDays": 35},
            {"retentionDays": 7},
            ["restore points older than 7 days, kept 35 days until now"],
        ),
        (
            "operationalinsights:Workspace",
            {"retentionInDays": 90},
            {"retentionInDays": 30},
            ["logs older than 30 days, kept 90 days until now"],
        ),
        (
            RECORD,
            {"input": {"x": {"windowDays": 0}}},
            {"input": {"x": {"windowDays": 90}}},
            ["windows older than 90 d"],
        ),
        (RECORD, {"input": {"windowDays": 90}}, {"input": {"windowDays": 30}}, ["windows older than 30 days, kept 90"]),
    ],
)
def test_what_is_kept_for_a_shorter_time_is_lost_and_what_longer_is_not(
    type_: str, old: dict[str, Any], new: dict[str, Any], told: list[str]
):
    said = list(shortened(type_, old, new))
    assert len(said) == len(told) and all(one.startswith(start) for one, start in zip(said, told, strict=True)), said
    assert list(shortened(type_, new, old)) == list(shortened(type_, old, old)) == []
    assert all(len(one.split()) <= WORDS for one in said)


def test_what_is_lost_by_shorter_keeping_ends_like_a_resource_that_goes():
    old, new = ({"retentionDescription": {"retentionTimeInHours": hours}} for hours in (168, 24))
    comparison = compared(step("azure-native:eventhub:EventHub", "hub", old, new))
    assert comparison.loses_data and "1 changed; DATA LOSS in 1 of them" in comparison.summary()
    windows = compared(step(RECORD, "release", {"input": {"windowDays": 90}}, {"input": {"windowDays": 30}}))
    assert windows.loses_data and "1 to publish; DATA LOSS in 1 of them" in windows.summary()


def test_a_policy_that_goes_leaves_the_default():
    policy = "azure-native:sql:BackupShortTermRetentionPolicy"
    assert only(step(policy, "backups", {"retentionDays": 35}, {}, "delete")).lost.startswith("restore points older")
    assert not only(step(policy, "backups", {"retentionDays": 5}, {}, "delete")).lost


@pytest.mark.parametrize(
    ("made", "lost"),
    [
        ((), True),
        ((step("azure-native:storage:StorageAccount", "a", {}, {"accountName": "data"}, "create"),), False),
        ((step("azure-native:storage:BlobContainer", "c", {}, {"containerName": "drafts"}, "create"),), False),
    ],
    ids=["there before", "new account", "new container"],
)
def test_a_first_life_cycle_deletes_what_is_there_and_nothing_of_what_is_new(made: tuple[Step, ...], lost: bool):
    added = step("azure-native:storage:ManagementPolicy", "life-cycle", {}, rules(rule("drafts", 30)), "create")
    assert compared(added, *made).loses_data == lost


# ---- The stream job
def test_any_change_of_the_stream_job_stops_it():
    change = only(step(JOB, "scoring-stream", {"tags": {"a": "b"}}, {"tags": {"a": "c"}}))
    (note,) = change.notes
    assert "stopped" in note and "started from its last output" in note and len(note.split()) <= WORDS


def test_a_definition_beside_the_job_stops_it_and_its_query_is_compared_line_by_line():
    name, type_ = "scoring-stream-definition", "azure-native:resources:Deployment"
    other = {"resources": [TEMPLATE["resources"][0], {"name": "job/query", "properties": {"query": QUERY + "LIMIT\n"}}]}
    old, new = ({"properties": {"template": template, "mode": "Incremental"}} for template in (TEMPLATE, other))
    for whole in ("", "properties"):
        change = only(step(type_, name, old, new, whole=whole))
        (query,) = change.properties
        assert (query.path, query.new) == ("properties.template.resources[1].properties.query", QUERY + "LIMIT\n")
        assert "stopped" in change.notes[0]
    assert not only(step(type_, "another", old, new)).notes


@pytest.mark.parametrize(
    ("type_", "word"),
    [
        ("sql:ServerSecurityAlertPolicy", "attacks"),
        ("sql:ServerBlobAuditingPolicy", "noted"),
        ("monitor:DiagnosticSetting", "log"),
        ("monitor:ActionGroup", "told"),
        ("monitor:ScheduledQueryRule", "watches"),
        ("monitor:ActivityLogAlert", "watches"),
        ("monitor:MetricAlert", "watches"),
        ("consumption:Budget", "spent"),
    ],
)
def test_what_watches_over_others_is_missed(type_: str, word: str):
    (note,) = only(step(f"azure-native:{type_}", "guard", {"state": "Enabled"}, {}, "delete")).notes
    assert word in note and len(note.split()) <= WORDS


@pytest.mark.parametrize(
    ("before", "after", "is_lost"),
    [
        ("Standard_GRS", "Standard_LRS", True),
        ("Standard_RAGZRS", "Standard_ZRS", True),
        ("Standard_GZRS", "Standard_RAGZRS", False),
        ("Standard_LRS", "Standard_GRS", False),
        ("Standard_ZRS", "Standard_LRS", False),
    ],
)
def test_an_account_that_leaves_its_second_region_loses_its_copy_there(before: str, after: str, is_lost: bool):
    old, new = ({"sku": {"name": name}} for name in (before, after))
    comparison = compared(step("azure-native:storage:StorageAccount", "scoringdata", old, new))
    assert comparison.loses_data is is_lost


@pytest.mark.parametrize("operation", ["replace", "create"])
def test_another_job_is_not_said_to_go_on_from_the_last_output_of_the_former(operation: str):
    old, new = ({"properties": {"template": TEMPLATE, "mode": mode}} for mode in ("Incremental", "Complete"))
    definition = step("azure-native:resources:Deployment", "scoring-stream-definition", old, new, "replace")
    job = step(JOB, "scoring-stream", {"location": "a"}, {"location": "b"}, operation)
    notes = [note for change in compared(definition, job).resources for note in change.notes]
    assert not [note for note in notes if "last output" in note]
    assert len(notes) == (operation == "replace")


def test_a_job_that_rests_is_not_said_to_be_stopped():
    record = {"input": {"streamJob": {"running": False}}}
    resting = step(RECORD, "release", record, record, "same")
    assert only(step(JOB, "scoring-stream", {"sku": 1}, {"sku": 2}), resting).notes == ()


def test_the_job_is_said_to_be_stopped_by_its_setting():
    old, new = ({"input": {"streamJob": {"running": running}}} for running in (True, False))
    assert only(step(RECORD, "release", old, new)).notes == ("the stream job is stopped: no windows are made",)


# ---- The window table
def table(columns: Mapping[str, str], *migrations: str, order: str | None = None) -> dict[str, Any]:
    before = definition()
    columns = before["windowTable"]["columns"] | columns
    windows = before["windowTable"] | {"columns": columns, "order": order or ", ".join(columns)}
    return {"input": before | {"windowTable": windows, "migrations": [*before["migrations"], *migrations]}}


@pytest.mark.parametrize(
    ("columns", "migrations", "told"),
    [
        ({"humidity": "DOUBLE PRECISION NULL"}, [], "column humidity is added to the deployed table"),
        ({"humidity": "BIGINT NOT NULL"}, [], "column humidity: the release will refuse it without a migration"),
        ({"mean_value": "REAL NOT NULL"}, [], "column mean_value: the release will refuse it without a migration"),
        ({"humidity": "BIGINT NOT NULL"}, ["2: humidity"], "a migration changes the deployed table"),
    ],
)
def test_a_column_is_said_to_be_added_or_to_need_a_migration(columns: dict[str, str], migrations: list[str], told: str):
    (note,) = only(step(RECORD, "schema", table({}), table(columns, *migrations))).notes
    assert note.startswith(told)


def test_a_column_that_is_not_the_last_one_is_said_to_be_refused():
    names = list(definition()["windowTable"]["columns"])
    between = ", ".join([*names[:4], "humidity", *names[4:]])
    added = table({"humidity": "DOUBLE PRECISION NULL"}, order=between)
    (note,) = only(step(RECORD, "schema", table({}), added)).notes
    assert note.startswith("column humidity is not the last one: the release will refuse it")
    swapped = table({}, order=", ".join([*names[:4], names[5], names[4], *names[6:]]))
    (note,) = only(step(RECORD, "schema", table({}), swapped)).notes
    assert note.startswith("the columns come in another order: the release will refuse it")


# ---- The database
def test_a_database_that_becomes_smaller_or_loses_its_distant_backups_is_said_so():
    old = {"maxSizeBytes": 250 * 1024**3, "requestedBackupStorageRedundancy": "Geo"}
    new = {"maxSizeBytes": 32 * 1024**3, "requestedBackupStorageRedundancy": "Local"}
    smaller = only(step("sql:Database", "windows", old, new))
    assert smaller.notes == ("Azure refuses it if the database holds more than 32 GB",)
    assert smaller.lost == "its backups in another region"
    larger = only(step("sql:Database", "windows", new, old))
    assert (larger.notes, larger.lost) == ((), "")


# ---- Protection
def test_protection_that_is_taken_off_or_put_on_is_a_change_though_azure_knows_nothing_of_it():
    kept, freed, new = (f"urn:pulumi:dev::p::azure-native:sql:Server::{name}" for name in ("kept", "freed", "new"))
    states = ((kept, True), (freed, False), (new, True))
    steps = [Step("same", urn, "azure-native:sql:Server", "done", protect=on) for urn, on in states]
    comparison = compared(*steps, protected=frozenset({kept, freed}))
    assert [finding.text for finding in comparison.findings] == [
        "protection is taken off, so that they may be deleted: sql:Server freed",
        "protection is put on: sql:Server new",
    ]
    assert comparison.changes and not comparison.loses_data
    assert comparison.summary() == "no changes; 2 things to know; 3 unchanged"
