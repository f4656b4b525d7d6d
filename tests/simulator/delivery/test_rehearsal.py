"""The dress rehearsal, run as a person runs it and watched for connections; and what makes it fail."""

import argparse
import json
import sys
from pathlib import Path

import pytest

from scoring.cluster.interval import Interval
from scoring.cluster.stores.result_store import FolderStore
from simulator.delivery.rehearsal import command
from simulator.delivery.rehearsal.changed_tree import change_query, copy_program
from simulator.delivery.rehearsal.report import RehearsalError, Report
from simulator.delivery.rehearsal.results import compare, local_intervals
from stream_queries.engine import Query
from stream_queries.errors import UserError
from tests.support.azure.engine_stack import require_cli
from tests.support.connections import trace_connections

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_a_rehearsal_goes_from_up_to_destroy_and_nothing_leaves_this_machine(tmp_path: Path):
    require_cli()
    out = tmp_path / "rehearsal"
    traced = trace_connections([sys.executable, "-m", "simulator", "rehearse", "--out", str(out)], cwd=ROOT)
    assert traced.returncode == 0, traced.stdout + traced.stderr
    assert traced.off_loopback == []
    acts = json.loads((out / "rehearsal.json").read_text())["acts"]
    assert [act["title"] for act in acts] == [
        "the reference, as `make run`",
        "pulumi up",
        "readings through the deployed query",
        "5 ticks of the schedule",
        "predictions in Blob Storage",
        "a changed query and a new fleet",
        "pulumi up",
        "tick, and a submitted run",
        "predictions of the new fleet",
        "pulumi destroy",
        "connections",
    ]
    said = {act["title"]: act["lines"] for act in acts}
    same = "bit for bit those of the local run"
    assert said["predictions in Blob Storage"][-1].startswith("1,088 predictions") and same in traced.stdout
    assert "nothing is left in the subscription" in said["pulumi destroy"]
    assert "Everything went as it should" in traced.stdout


# What is compared


@pytest.fixture
def stores(tmp_path: Path) -> tuple[FolderStore, FolderStore]:
    """The same predictions twice; only the name of the release differs."""
    for name in ("theirs", "ours"):
        folder = tmp_path / name / INTERVAL.folder
        folder.mkdir(parents=True)
        (folder / "part-1.parquet").write_bytes(b"content")
        manifest = {
            "release": name,
            "interval": INTERVAL.to_json(),
            "counts": {"predictions": 3, "anomalies": 1},
            "parts": [{"name": "part-1.parquet"}],
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))
    return FolderStore(tmp_path / "theirs"), FolderStore(tmp_path / "ours")


INTERVAL = Interval.parse("2018-08-29T02:00:00Z", "2018-08-29T02:15:00Z")


def test_predictions_that_differ_only_in_the_releases_name_are_the_same(stores, tmp_path: Path):
    found = compare(*stores, local_intervals(tmp_path / "ours"))
    assert (found.intervals, found.parts, found.predictions, found.anomalies) == (1, 1, 3, 1)


def test_one_other_byte_in_a_part_is_a_difference(stores, tmp_path: Path):
    (tmp_path / "theirs" / INTERVAL.folder / "part-1.parquet").write_bytes(b"conteNt")
    with pytest.raises(RehearsalError, match=r"part-1\.parquet differs"):
        compare(*stores, [INTERVAL])


def test_another_count_in_a_manifest_is_a_difference(stores, tmp_path: Path):
    file = tmp_path / "theirs" / INTERVAL.folder / "manifest.json"
    file.write_text(file.read_text().replace('"anomalies": 1', '"anomalies": 2'))
    with pytest.raises(RehearsalError, match=r"the manifests of .* differ"):
        compare(*stores, [INTERVAL])


def test_an_interval_that_was_not_written_is_an_error(stores):
    later = Interval.parse("2018-08-29T02:15:00Z", "2018-08-29T02:30:00Z")
    with pytest.raises(RehearsalError, match="nothing was written"):
        compare(*stores, [later])


# The rest


def test_the_changed_query_is_another_query_that_runs(tmp_path: Path):
    tree = copy_program(tmp_path / "tree")
    text = change_query(tree)
    Query.parse(text, name="changed.asaql")
    assert text != (ROOT / "stream_queries" / "sensor_windows.asaql").read_text()
    assert not list(tree.rglob("__pycache__"))


def test_a_step_that_fails_is_printed_with_its_reason(capsys: pytest.CaptureFixture[str]):
    report = Report()

    def step() -> None:
        with report.act("a step") as act:
            act.require(True, "this holds")
            act.require(False, "that holds")

    with pytest.raises(RehearsalError):
        step()
    printed = capsys.readouterr().out
    assert "FAILED" in printed and "this holds" in printed and "does not hold: that holds" in printed
    assert report.acts[0].failed


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path):
    require_cli()
    (tmp_path / "mine.txt").write_text("mine")
    parser = argparse.ArgumentParser()
    command.configure(parser)
    with pytest.raises(UserError, match="holds something that is not a rehearsal"):
        command.run(parser.parse_args(["--out", str(tmp_path)]))
    assert (tmp_path / "mine.txt").read_text() == "mine"
