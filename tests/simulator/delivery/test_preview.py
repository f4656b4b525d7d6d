"""What a preview tells a reviewer, and how it ends."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import simulator.__main__
from simulator.azure.engine import Change, Engine, Step
from simulator.delivery.preview import trees, values
from simulator.delivery.preview.comparison import Comparison, Finding, ResourceChange, read_comparison
from simulator.delivery.preview.consequences.consequences import HOLDS_DATA
from simulator.delivery.preview.masking import KNOWN_LATER, Masks
from simulator.delivery.preview.reports import MARKDOWN_BYTES, as_json, as_markdown, as_text, marker
from simulator.delivery.preview.two_trees import unprotect
from stream_queries.errors import UserError
from tests.support.azure.deployment import Deployment
from tests.support.azure.engine_stack import REPOSITORY, copy_tree, edited, require_cli, write_tree
from tests.support.connections import trace_connections

QUERY = "stream_queries/sensor_windows.asaql"
NEW_CONTAINER = """storage.BlobContainer(
            f"{name}-drafts",
            container_name="drafts",
            account_name=self.data.name,
            resource_group_name=placement.group.name,
            opts=placement.options(self),
        )
        self.predictions_url ="""

RECORDS = """
import pulumi

def publish(arguments):
    raise RuntimeError("a preview publishes nothing")

hook = pulumi.ResourceHook("publish", publish)
hooks = pulumi.ResourceHookBinding(before_create=[hook], before_update=[hook])
options = pulumi.ResourceOptions(hooks=hooks)
pulumi.Stash("schema", input={"tables": ["sensor_windows"]}, opts=options)
release = {"code": "0123", "cluster": {"nodes": 4}, "query": "SELECT 1\\nINTO windows\\n"}
pulumi.Stash("release", input=release, opts=options)
"""


def compared(engine: Engine, settings: Mapping[str, Any] | None = None) -> Comparison:
    """The tree as it is now, against what was deployed."""
    return read_comparison(engine.preview(settings=settings), "dev", "the base")


def command(*arguments: str) -> int:
    """Run `python -m simulator preview` in this process; a mistake in the arguments ends it too."""
    try:
        return simulator.__main__.main(["preview", *arguments])
    except SystemExit as end:
        return int(end.code or 0)


GROUP = """
import pulumi
from pulumi_azure_native import resources
resources.ResourceGroup("kept", location="westeurope", opts=pulumi.ResourceOptions(protect=True))
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
    run = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return run.stdout.strip()


def repository(folder: Path) -> Path:
    """Make a folder a repository with one commit of all that is in it, on a branch that is not the main one."""
    git(folder, "init", "--quiet", "--initial-branch", "work")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Base")
    return folder


# ---- The real program, changed
def test_nothing_changed_is_no_change(deployed: Engine):
    comparison = compared(deployed)
    assert not comparison.changes and not comparison.loses_data
    assert comparison.summary() == f"no changes; {comparison.unchanged} unchanged" and comparison.unchanged > 50


def test_one_letter_of_the_query_changes_the_stream_job_and_the_release_record_and_nothing_else(deployed: Engine):
    with edited(deployed.tree / QUERY, "AS partition_id", "AS partition_ix"):
        comparison = compared(deployed)
    (change,) = comparison.resources
    assert (change.kind, change.type, change.name) == ("changed", "resources:Deployment", "scoring-stream-definition")
    assert [one.path for one in change.properties] == ["properties.template.resources[5].properties.query"]
    assert [(record.kind, record.name) for record in comparison.records] == [("changed", "release")]
    assert [one.path for one in comparison.records[0].properties] == ["streamJob.definition"]
    text = as_text(comparison)
    assert "    -        PartitionId AS partition_id,\n    +        PartitionId AS partition_ix,\n" in text
    assert len(text.splitlines()) < 25
    assert not comparison.loses_data


def test_other_partitions_replace_the_hub_lose_data_and_leave_the_query_to_be_read(deployed: Engine):
    with edited(deployed.tree / QUERY, "AS partition_id", "AS partition_ix"):
        comparison = compared(deployed, {"ingest": {"partitions": 2}})
    assert "    +        PartitionId AS partition_ix,\n" in as_text(comparison), (
        "although the hub's name is not known yet"
    )
    hub = next(change for change in comparison.resources if change.type == "eventhub:EventHub")
    assert hub.kind == "replaced" and hub.lost and comparison.loses_data
    assert Change("partitionCount", 4, 2, replaces=True) in hub.properties
    assert "partitionCount: 4 → 2  (this replaces it)" in as_text(comparison)
    assert comparison.resources[0].kind == "replaced", "what is dangerous comes first"
    assert "> **Data would be lost.**\n> - `eventhub:EventHub" in as_markdown(comparison)


def test_a_new_container_is_shown_without_random_names(deployed: Engine):
    with edited(deployed.tree / "infra/stages/storage.py", "self.predictions_url =", NEW_CONTAINER):
        comparison = compared(deployed)
    (change,) = comparison.resources
    assert (change.kind, change.type, change.name) == ("added", "storage:BlobContainer", "scoring-drafts")
    properties = {one.path: one.new for one in change.properties}
    assert properties["containerName"] == "drafts"
    assert properties["accountName"] == "scoringdata********"
    assert not re.search(r"[0-9a-f]{8}", as_text(comparison))


def test_another_address_is_one_property_of_one_resource_each(deployed: Engine):
    settings = {"monitoring": {"alertAddress": "night@example.com", "budget": {"amount": 150, "start": "2026-12-01"}}}
    comparison = compared(deployed, settings)
    told = {(change.kind, change.type): [one.new for one in change.properties] for change in comparison.resources}
    assert told == {
        ("changed", "consumption:Budget"): ["night@example.com"] * 2,
        ("changed", "monitor:ActionGroup"): ["night@example.com"],
    }


def test_another_tag_is_one_block_and_says_that_the_stream_job_stops(deployed: Engine):
    text = as_text(compared(deployed, {"tags": {"cost-center": "42"}}))
    assert re.search(r"^~ changed  \d\d resources alike$", text, re.MULTILINE) and text.count("cost-center") == 1
    assert "! the stream job is stopped for it and started" in text
    assert len(text.splitlines()) < 15


def test_another_region_is_one_block_with_all_that_is_lost(deployed: Engine):
    comparison = compared(deployed, {"region": "northeurope"})
    first, *rest = as_text(comparison).partition("The release would publish:")[0].strip().splitlines()[2:]
    assert first == f"± replaced {len(comparison.resources)} resources alike"
    assert rest[-1] == '    location: "westeurope" → "northeurope"'
    assert "    ! DATA LOSS: its rows (sql:Database scoring-windows)" in rest and len(rest) < 20


def test_production_says_what_is_kept_for_a_shorter_time_and_what_is_no_longer_protected(prod: Deployment):
    days = {"storage.rawDays": 40, "storage.predictionsDays": 30, "monitoring.logRetentionDays": 30}
    others = {"ingest.retentionHours": 24, "database.backupDays": 7, "storage.softDeleteDays": 7, "protect": False}
    settings, protected = prod.settings(days | others), unprotect(prod.engine)
    comparison = read_comparison(prod.engine.preview(settings=settings), "prod", "the base", protected)
    told = {change.title: change.lost for change in comparison.resources}
    assert told["eventhub:EventHub scoring-readings"] == "events older than 24 hours, kept 168 hours until now"
    assert told["operationalinsights:Workspace scoring-logs"] == "logs older than 30 days, kept 90 days until now"
    assert told["sql:BackupShortTermRetentionPolicy scoring-backups"].startswith("restore points older than 7 days")
    assert told["storage:BlobServiceProperties scoring-data-blobs"].startswith("deleted blobs older than 7 days")
    blobs = told["storage:ManagementPolicy scoring-life-cycle"]
    assert "blobs in raw/ older than 40 days" in blobs and "blobs in predictions/ older than 30 days" in blobs
    (finding,) = comparison.findings
    assert finding.about == "protection" and f"and {len(protected) - 5} more" in finding.text


def test_ids_that_the_stand_in_made_up_are_masked_and_given_ones_are_not():
    given, made_up = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
    identity = Step(
        "same", "urn", "azure-native:a:B", "done", new_inputs={"id": given}, new_outputs={"p": [made_up, given]}
    )
    assert Masks.of([identity]).apply({"principals": [f"{made_up} and {given}"]}) == {
        "principals": [f"******** and {given}"]
    }


def test_every_type_that_holds_data_is_one_of_azures():
    tables = {path.stem.replace(".", ":") for path in (REPOSITORY / "simulator/azure/arm/tables").glob("*.*.json")}
    assert set(HOLDS_DATA) <= tables


# ---- The command
def test_the_command_tells_what_would_be_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    require_cli()
    tree = repository(write_tree(tmp_path / "tree", RECORDS))
    monkeypatch.chdir(tree)
    program = (tree / "infra/__main__.py").read_text()
    (tree / "infra/__main__.py").write_text(program.replace("SELECT 1", "SELECT 2").replace("4", "8"))
    assert command("--format", "json") == 2
    content = json.loads(capsys.readouterr().out)
    (record,) = content["records"]
    assert (record["name"], record["kind"]) == ("release", "changed")
    assert [one["path"] for one in record["properties"]] == ["cluster.nodes", "query"]
    assert content["resources"] == [] and content["unchanged"] == 1 and content["changes"] is True


def test_a_protected_resource_that_would_go_is_told_and_ends_in_data_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    require_cli()
    tree = repository(write_tree(tmp_path / "tree", GROUP))
    (tree / "infra/__main__.py").write_text("")
    monkeypatch.chdir(tree)
    assert command() == 3
    text = capsys.readouterr().out
    assert "- deleted  resources:ResourceGroup kept\n    ! DATA LOSS: everything in it\n    ! protected: " in text


def test_protection_taken_off_and_a_setting_without_effect_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    require_cli()
    used = GROUP.replace('"westeurope"', '"westeurope", tags={"amount": str(pulumi.Config().get("amount"))}')
    tree = repository(write_tree(tmp_path / "tree", used))
    (tree / "infra/__main__.py").write_text(used.replace("protect=True", "protect=False"))
    (tree / "Pulumi.dev.yaml").write_text("config: {small:amount: 2, small:colour: red}\n")
    monkeypatch.chdir(tree)
    assert command() == 2
    assert capsys.readouterr().out.splitlines()[2:] == [
        "! protection is taken off, so that they may be deleted: resources:ResourceGroup kept",
        '! colour: (none) → "red": without effect on any resource or publication',
        "",
        "~ changed  resources:ResourceGroup kept",
        '    tags.amount: "None" → "2"',
        "",
        "1 changed; 2 things to know; 0 unchanged",
    ]


def test_a_stack_that_the_base_has_not_is_all_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    require_cli()
    tree = repository(write_tree(tmp_path / "tree", RECORDS))
    (tree / "Pulumi.prod.yaml").write_text("config: {}\n")
    monkeypatch.chdir(tree / "infra")
    assert command("--stack", "prod") == 2
    text = capsys.readouterr().out
    assert "which has no stack prod" in text and "+ release" in text and "+ schema" in text


@pytest.mark.parametrize("broken", ["base", "working tree"])
def test_a_wrong_program_is_told_with_its_tree(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    require_cli()
    tree = write_tree(tmp_path / "tree", "raise ValueError('wrong')\n" if broken == "base" else RECORDS)
    repository(tree)
    (tree / "infra/__main__.py").write_text("raise ValueError('wrong')\n" if broken != "base" else RECORDS)
    monkeypatch.chdir(tree)
    assert command("--format", "markdown") == 1
    printed = capsys.readouterr()
    commit = git(tree, "rev-parse", "HEAD")[:10]
    told = (
        f"{commit} (the last commit, for there is no main branch) cannot"
        if broken == "base"
        else "the working tree cannot"
    )
    for text in (printed.err, printed.out):
        assert told in text and "infra/__main__.py, line 1: ValueError: wrong" in text and "Traceback" not in text
    assert printed.out.startswith(marker("dev"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--base", "no-such-branch"], "--base no-such-branch: no such commit here"),
        (["--stack", "test"], "has no Pulumi.test.yaml; there is dev, prod"),
        (["--format", "pdf"], "invalid choice: 'pdf'"),
        (["--no-such-option"], "unrecognized arguments"),
    ],
)
def test_a_wrong_call_is_told_from_a_change_by_its_exit_code(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    require_cli()
    monkeypatch.chdir(REPOSITORY)
    assert command(*arguments) == 64
    assert told in capsys.readouterr().err


def test_a_missing_tool_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("simulator.azure.engine.cli.CACHE", tmp_path / "cache")
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "pulumi").write_text("#!/bin/sh\necho v3.1.0\n")
    (tmp_path / "pulumi").chmod(0o755)
    assert command() == 64
    (line,) = capsys.readouterr().err.splitlines()
    assert "is not installed" in line and "pulumi is 3.1.0" in line and "install Go" in line


@pytest.mark.slow
def test_a_preview_of_the_real_program_reaches_for_nothing_off_this_machine(tmp_path: Path):
    require_cli()
    tree = repository(copy_tree(tmp_path))
    settings = tree / "Pulumi.dev.yaml"
    settings.write_text(settings.read_text() + "  batch-scoring:ingest:\n    partitions: 2\n")
    preview = [sys.executable, "-m", "simulator", "preview", "--format", "json"]
    traced = trace_connections(preview, cwd=tree, environment={"PYTHONPATH": str(REPOSITORY)})
    assert traced.returncode == 3, traced.stderr
    assert json.loads(traced.stdout)["losesData"] is True
    assert traced.addresses and traced.off_loopback == []


# ---- The base
def test_the_base_is_where_the_branch_left_the_main_branch(tmp_path: Path):
    (tmp_path / "file").touch()
    tree = repository(tmp_path)
    left = git(tree, "rev-parse", "HEAD")
    git(tree, "branch", "main")
    git(tree, "commit", "--quiet", "--allow-empty", "--message", "More")
    assert trees.find_base(tree, None) == trees.Base(left, "where this branch left main")
    assert trees.find_base(tree, "HEAD").commit != left
    (tree / "file").write_text("uncommitted")
    assert (trees.extract(tree, left, tmp_path / "base") / "file").read_text() == ""


def test_a_history_without_a_common_commit_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    tree = repository(tmp_path)
    git(tree, "checkout", "--quiet", "--orphan", "main")
    git(tree, "commit", "--quiet", "--message", "Other")
    git(tree, "checkout", "--quiet", "work")
    with pytest.raises(UserError, match="fetch the whole history"):
        trees.find_base(tree, None)


def test_a_folder_outside_a_repository_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="in no Git repository"):
        trees.working_tree(tmp_path)


# ---- Reports
def comparison_of(*changes: ResourceChange) -> Comparison:
    return Comparison("dev", "the base", changes, (), unchanged=7)


def test_markdown_that_is_too_long_keeps_its_head_and_says_what_is_missing():
    long = [tuple(Change(f"p{index}", "a" * 90, f"{n}" * 90) for index in range(300)) for n in range(9)]
    text = as_markdown(comparison_of(*(ResourceChange("changed", "a:B", f"c{n}", long[n]) for n in range(9))))
    assert len(text.encode()) <= MARKDOWN_BYTES
    assert text.startswith(f"{marker('dev')}\n### Infrastructure of `dev`: 9 changed; 7 unchanged\n")
    shown = text.count("<details open>")
    assert shown and f"{9 - shown} more did not fit here" in text and text.count("</details>") == shown


def test_markdown_is_not_broken_by_what_it_shows():
    odd = Change("query", "SELECT 1\nFROM a", "```\n</details>\nSELECT 2\nFROM a")
    text = as_markdown(comparison_of(ResourceChange("changed", "a:B", "<b>", (odd,))))
    assert "````diff\n" in text and "<code>a:B &lt;b&gt;</code>" in text


def test_a_protected_resource_is_told_to_be_one():
    text = as_text(comparison_of(ResourceChange("deleted", "sql:Server", "a", (), lost="its rows", protected=True)))
    assert "- deleted  sql:Server a\n    ! DATA LOSS: its rows\n    ! protected: " in text
    assert text.endswith("1 deleted; DATA LOSS in 1 of them; 7 unchanged\n")


def alike(count: int, kind: Any = "changed") -> list[ResourceChange]:
    tag = (Change("tags.a", None, "b"),)
    return [ResourceChange(kind, "a:B", f"c{index}", tag, notes=("careful",)) for index in range(count)]


def test_resources_with_the_same_change_are_one_block_and_one_with_more_is_not():
    other = ResourceChange("changed", "a:B", "z", (Change("tags.a", None, "b"), Change("size", 1, 2)))
    text = as_text(comparison_of(*alike(6), other))
    assert "~ changed  6 resources alike\n    ! careful (a:B c0, a:B c1, a:B c2, a:B c3, a:B c4 and 1 more)\n" in text
    assert "    6 a:B\n    tags.a: (none)" in text and "~ changed  a:B z\n" in text
    assert "alike" not in as_text(comparison_of(*alike(4))) and "alike" not in as_text(
        comparison_of(*alike(9, "added"))
    )
    assert len(json.loads(as_json(comparison_of(*alike(6), other)))["resources"]) == 7


def test_what_is_replaced_because_of_others_goes_with_them_and_what_is_not_stays_alone():
    follows = (Change("template", {"a": 1}, KNOWN_LATER, replaces=True),)
    followers = [ResourceChange("replaced", "a:C", f"d{index}", follows) for index in range(7)]
    own = ResourceChange("replaced", "a:D", "e", (*follows, Change("size", {"of": [1]}, {"of": [2]}, replaces=True)))
    text = as_text(comparison_of(*alike(5, "replaced"), *followers, own))
    assert "± replaced 12 resources alike" in text and "± replaced a:D e\n" in text


def test_what_is_to_be_known_is_told_in_every_format():
    found = comparison_of().with_findings([Finding("fleet", "14 series have a model, 15 until now")])
    assert found.changes and "\n\n! 14 series have a model, 15 until now\n\n" in as_text(found)
    assert "> [!WARNING]\n> - 14 series have a model" in as_markdown(found)
    (finding,) = json.loads(as_json(found))["findings"]
    assert finding == {"about": "fleet", "text": "14 series have a model, 15 until now"}


def test_json_has_every_property():
    change = ResourceChange("changed", "a:B", "c", (Change("path", {"old": 1}, None),))
    (resource,) = json.loads(as_json(comparison_of(change)))["resources"]
    assert resource["properties"] == [{"path": "path", "old": {"old": 1}, "new": None, "replaces": False}]


def test_long_values_are_shortened_and_still_told_apart():
    one, other = (values.one_line("x" * 300 + letter + "x" * 300) for letter in "ab")
    assert len(one) < 220 and one != other
    assert values.one_line("short") == '"short"' and values.one_line(None) == "(none)"
    assert values.one_line(KNOWN_LATER) == KNOWN_LATER


def test_json_and_base64_are_compared_by_lines():
    requirements = [base64.b64encode(f"numpy=={one}\npandas==3.1.1\npyarrow==23.0.1\n".encode()) for one in "12"]
    tasks = [base64.b64encode(f"steps:\n  file: {text.decode()}\n".encode()).decode() for text in requirements]
    told = values.line_difference(*tasks)
    assert told[1:] == [
        " steps:",
        "   file:",
        "-    numpy==1",
        "+    numpy==2",
        "     pandas==3.1.1",
        "     pyarrow==23.0.1",
    ]
    told = values.line_difference('{"a": 1, "b": 2}', '{"a": 1, "b": 3}')
    assert told[1:] == [" {", '   "a": 1,', '-  "b": 2', '+  "b": 3', " }"]
