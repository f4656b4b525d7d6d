"""How collected results are kept: whole or not at all, whoever ends, reads or writes at the same time."""

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from scoring.cluster.collect import Run, collect, read_predictions
from scoring.cluster.model.fleet import Fleet
from stream_queries.errors import UserError
from stream_queries.window_store import WindowStore
from tests.scoring.places import Place, Watched, folder_place
from tests.scoring.steps import SECOND_HOUR, ScoredRun, score_run

FOLDER = SECOND_HOUR.folder


def content(place: Place) -> dict[str, bytes]:
    return {name: found for name, (found, _) in place.files().items()}


def manifest_in(place: Place) -> dict:
    stored = place.store.read_manifest(FOLDER)
    assert stored is not None
    return json.loads(stored.content)


def is_whole(place: Place, *candidates: dict) -> bool:
    """Whether what a reader gets now is exactly what one of these manifests stands for."""
    manifest, predictions = manifest_in(place), read_predictions(place.store, SECOND_HOUR)
    assert predictions is not None
    return (
        manifest in candidates
        and predictions.num_rows == manifest["counts"]["predictions"]
        and set(predictions["model_version"].to_pylist()) == {manifest["model_version"]}
    )


# ---- What is kept.


def test_parts_are_named_by_their_content_and_the_manifest_names_them_all(scored_run: ScoredRun, place: Place, mocker):
    mocker.patch("scoring.cluster.collect.ROWS_PER_PART", 300)
    manifest = scored_run.collect(place.store)
    parts = {name: found for name, found in content(place).items() if not name.endswith("manifest.json")}
    assert [part["name"].split("-")[0] for part in manifest["parts"]] == ["part"] * 3
    assert {f"{FOLDER}/{part['name']}": part["bytes"] for part in manifest["parts"]} == {
        name: len(found) for name, found in parts.items()
    }
    assert all(hashlib.sha256(found).hexdigest()[:32] in name for name, found in parts.items())
    assert is_whole(place, manifest)


def test_the_manifest_is_written_last(scored_run: ScoredRun, place: Place):
    operations = []
    scored_run.collect(Watched(place.store, lambda operation, _: operations.append(operation)))
    assert operations[-1] == "write_manifest" and operations.count("write_manifest") == 1
    assert "write_part" in operations


def test_collecting_again_changes_no_file(scored_run: ScoredRun, place: Place):
    scored_run.collect(place.store)
    before = place.files()
    scored_run.collect(place.store)
    assert place.files() == before and len(before) == 2


def test_scoring_again_gives_the_same_bytes(
    scored_run: ScoredRun, database: str, fleet: Fleet, tmp_path: Path, place: Place
):
    scored_run.collect(place.store)
    before = place.files()
    with WindowStore(database) as store:
        score_run(store, fleet, tmp_path / "again").collect(place.store)
    assert place.files() == before


def test_another_result_replaces_the_manifest_under_a_readers_feet_without_harm(
    scored_run: ScoredRun, other_run: ScoredRun, place: Place
):
    old = scored_run.collect(place.store)
    before = read_predictions(place.store, SECOND_HOUR)
    collected = []

    def replaced(operation: str, _: str) -> None:
        if operation == "read_part" and not collected:
            collected.append(other_run.collect(place.store))

    slow_reader = Watched(place.store, replaced)
    assert read_predictions(slow_reader, SECOND_HOUR) == before
    assert is_whole(place, *collected) and manifest_in(place) != old


def test_a_part_that_no_manifest_names_is_not_read(scored_run: ScoredRun, place: Place, other_run: ScoredRun):
    """What a run leaves that was ended before its manifest; also before any run has finished."""
    orphan = next((other_run.scored).glob("scores-*.parquet")).read_bytes()
    place.store.write_part(FOLDER, "part-orphan.parquet", orphan)
    assert read_predictions(place.store, SECOND_HOUR) is None
    manifest = scored_run.collect(place.store)
    assert f"{FOLDER}/part-orphan.parquet" in content(place)
    assert is_whole(place, manifest)


# ---- Runs that are ended, and runs that meet.


class Ended(BaseException):
    """The process was ended here."""


def ended_before(last: str) -> Callable[[str, str], None]:
    def before(operation: str, _: str) -> None:
        if operation == last:
            raise Ended(operation)

    return before


@pytest.mark.parametrize("earlier", [False, True], ids=["first run", "with an earlier result"])
def test_wherever_a_run_ends_the_earlier_result_stays_and_the_next_run_completes(
    scored_run: ScoredRun, other_run: ScoredRun, place: Place, tmp_path: Path, earlier: bool
):
    undisturbed = folder_place(tmp_path / "undisturbed")
    old = other_run.collect(place.store) if earlier else None
    if earlier:
        other_run.collect(undisturbed.store)
    new = scored_run.collect(undisturbed.store)
    for operation in ("has_part", "write_part", "read_manifest", "write_manifest"):
        with pytest.raises(Ended, match=operation):
            scored_run.collect(Watched(place.store, ended_before(operation)))
        assert is_whole(place, old) if old else read_predictions(place.store, SECOND_HOUR) is None
    scored_run.collect(place.store)
    assert is_whole(place, new) and content(place) == content(undisturbed)


KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from scoring import __main__

remaining = int(sys.argv[1])
synchronise = os.fsync

def synchronise_or_die(handle):
    global remaining
    if not remaining:
        os.kill(os.getpid(), signal.SIGKILL)
    remaining -= 1
    synchronise(handle)

os.fsync = synchronise_or_die
sys.exit(__main__.main(sys.argv[2:]))
"""


def collect_command(steps: ScoredRun, predictions: Path) -> list[str]:
    start, end = steps.run.interval.to_json().values()
    places = ["--prepared", str(steps.prepared), "--scored", str(steps.scored), "--predictions", str(predictions)]
    return ["collect", "--fleet", str(steps.run.fleet.folder), "--interval", start, end, *places, "--release", "test"]


def test_a_run_that_is_killed_with_half_a_file_written_leaves_no_trace_after_the_next(
    scored_run: ScoredRun, other_run: ScoredRun, tmp_path: Path
):
    place, undisturbed = folder_place(tmp_path / "predictions"), folder_place(tmp_path / "undisturbed")
    for each in (place, undisturbed):
        old = other_run.collect(each.store)
    new = scored_run.collect(undisturbed.store)
    for files_written in range(2):  # the part, the manifest
        command = collect_command(scored_run, tmp_path / "predictions")
        killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(files_written), *command], check=False)
        assert killed.returncode == -signal.SIGKILL
        assert is_whole(place, old)
    scored_run.collect(place.store)
    assert is_whole(place, new) and content(place) == content(undisturbed)
    names = {path.name for path in (tmp_path / "predictions" / FOLDER).iterdir()}
    assert names == {path.name for path in (tmp_path / "undisturbed" / FOLDER).iterdir()}


def test_two_runs_that_meet_between_reading_and_writing_leave_the_later_one_whole(
    scored_run: ScoredRun, other_run: ScoredRun, place: Place
):
    others = []

    def let_the_other_finish(operation: str, _: str) -> None:
        if operation == "write_manifest" and not others:
            others.append(other_run.collect(place.store))

    manifest = scored_run.collect(Watched(place.store, let_the_other_finish))
    assert others and is_whole(place, manifest)


def test_two_runs_at_the_same_time_leave_one_result_whole(scored_run: ScoredRun, other_run: ScoredRun, place: Place):
    for _ in range(5):
        together = Barrier(2)

        def run(steps: ScoredRun, together: Barrier = together) -> dict:
            together.wait()
            return steps.collect(place.store)

        with ThreadPoolExecutor(2) as threads:
            manifests = list(threads.map(run, [scored_run, other_run]))
        assert is_whole(place, *manifests)


def test_two_processes_at_the_same_time_leave_one_result_whole(
    scored_run: ScoredRun, other_run: ScoredRun, tmp_path: Path
):
    place = folder_place(tmp_path / "predictions")
    commands = [collect_command(steps, tmp_path / "predictions") for steps in (scored_run, other_run)]
    started = [
        subprocess.Popen([sys.executable, "-m", "scoring", *command], stdout=subprocess.DEVNULL) for command in commands
    ]
    assert [process.wait() for process in started] == [0, 0]
    alone = [folder_place(tmp_path / name) for name in ("one", "two")]
    manifests = [steps.collect(each.store) for steps, each in zip((scored_run, other_run), alone, strict=True)]
    assert is_whole(place, *manifests)


def test_a_run_among_others_that_never_stop_gives_up_with_a_line(
    scored_run: ScoredRun, other_run: ScoredRun, place: Place
):
    releases = iter(range(100))

    def write_again(operation: str, _: str) -> None:
        if operation == "write_manifest":
            newest = Run(SECOND_HOUR, other_run.run.fleet, f"release-{next(releases)}")
            collect(newest, other_run.prepared, other_run.scored, place.store)

    with pytest.raises(UserError, match=r"manifest\.json was replaced 5 times while this run tried"):
        scored_run.collect(Watched(place.store, write_again))
    assert manifest_in(place)["release"] == "release-4"
