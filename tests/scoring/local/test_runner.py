"""Whole runs with worker processes, and what becomes of them when processes are killed."""

import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from scoring.cluster.collect import read_predictions
from scoring.cluster.interval import Interval
from scoring.cluster.model.fleet import Fleet
from scoring.cluster.stores.result_store import FolderStore
from scoring.local.parallel import ParallelSettings
from scoring.local.runner import Runner
from stream_queries.window_store import WindowStore
from tests.scoring.samples import MINUTE, SERIES
from tests.scoring.steps import SECOND_HOUR, score_run
from tests.support.deadline import ENOUGH_SECONDS

HALVES = SECOND_HOUR.split(30 * MINUTE)


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, those that a kill may have left included."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def run_in_process(database: str, fleet: Fleet, predictions: Path) -> Runner:
    settings = ParallelSettings(processes=2, timeout_seconds=ENOUGH_SECONDS)
    return Runner(WindowStore(database), fleet, FolderStore(predictions), "test", settings)


@pytest.mark.slow
def test_worker_processes_give_the_bytes_that_one_process_gives_and_tell_their_progress(
    tmp_path: Path, database: str, fleet: Fleet
):
    runner, done = run_in_process(database, fleet, tmp_path / "predictions"), []
    with runner.store as store:
        manifest = runner.score(SECOND_HOUR, on_progress=done.append)
        score_run(store, fleet, tmp_path / "alone").collect(FolderStore(tmp_path / "expected"))
    assert manifest["counts"]["scored"] == len(SERIES) and sum(done) == fleet.shards
    assert content(tmp_path / "predictions") == content(tmp_path / "expected")


@pytest.mark.slow
def test_killed_worker_processes_change_nothing_in_the_result(tmp_path: Path, database: str, fleet: Fleet):
    """When the first shard is done, one worker has nothing to do and the other is at work."""
    runner, killed = run_in_process(database, fleet, tmp_path / "predictions"), []

    def kill(_: int) -> None:
        workers = [] if killed else multiprocessing.active_children()
        for worker in workers:
            worker.kill()
            worker.join()
        killed.extend(workers)

    with runner.store as store:
        runner.score(SECOND_HOUR, on_progress=kill)
        score_run(store, fleet, tmp_path / "alone").collect(FolderStore(tmp_path / "expected"))
    assert len(killed) == 2
    assert content(tmp_path / "predictions") == content(tmp_path / "expected")


# ---- The command in a process of its own.


@contextmanager
def score_process(tmp_path: Path, database: str, fleet: Fleet, predictions: Path) -> Generator[subprocess.Popen[str]]:
    """`python -m scoring score` of two half hours; whatever it started is ended with the context."""
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    options = {"--database": database, "--fleet": str(fleet.folder), "--predictions": str(predictions)}
    interval = ["--interval", *SECOND_HOUR.to_json().values(), "--every", "30", "--release", "test"]
    process = subprocess.Popen(
        [sys.executable, "-m", "scoring", "score", *(word for pair in options.items() for word in pair), *interval],
        env=os.environ | {"TMPDIR": str(work)},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def is_absent_or_whole(predictions: Path, interval: Interval) -> bool:
    store = FolderStore(predictions)
    stored = store.read_manifest(interval.folder)
    if stored is None:
        return True
    counts, found = json.loads(stored.content)["counts"], read_predictions(store, interval)
    return found is not None and counts["scored"] == len(SERIES) and found.num_rows == counts["predictions"] == 360


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_with_the_bytes_of_an_undisturbed_one(
    tmp_path: Path, database: str, fleet: Fleet
):
    predictions, undisturbed = tmp_path / "predictions", tmp_path / "undisturbed"
    with WindowStore(database) as store:
        for number, half in enumerate(HALVES):
            work = tmp_path / f"half-{number}"
            score_run(store, fleet, work, interval=half).collect(FolderStore(undisturbed))
    began = time.monotonic()
    with score_process(tmp_path, database, fleet, predictions) as process:
        assert process.stdout is not None and process.stdout.readline().startswith(HALVES[0].folder)
        process.kill()
        process.wait()
    until_the_first = time.monotonic() - began
    manifests = [FolderStore(predictions).read_manifest(half.folder) for half in HALVES]
    assert [manifest is not None for manifest in manifests] == [True, False]

    shutil.rmtree(predictions)
    moments = random.Random(3)
    for _ in range(4):
        with score_process(tmp_path, database, fleet, predictions) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=moments.uniform(0.5, 1.5) * until_the_first)
            process.kill()
            process.wait()
            assert all(is_absent_or_whole(predictions, half) for half in HALVES)
    with score_process(tmp_path, database, fleet, predictions) as process:
        assert process.wait(timeout=ENOUGH_SECONDS) == 0
    assert content(predictions) == content(undisturbed) and len(content(predictions)) == 4


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("moment", [0.03, 0.06, 0.1])
def test_interrupting_a_run_ends_it_and_its_workers_with_one_line(
    tmp_path: Path, database: str, fleet: Fleet, moment: float
):
    """A worker that is interrupted while it starts would print a traceback."""
    with score_process(tmp_path, database, fleet, tmp_path / "predictions") as process:
        deadline = time.monotonic() + ENOUGH_SECONDS
        while not list((tmp_path / "work").glob("*/prepared/*")):  # from here on its workers start
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=moment)
        os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C does: every process of the group gets it
        _, errors = process.communicate(timeout=ENOUGH_SECONDS)
    assert process.returncode == 130 and errors.endswith("scoring: interrupted\n") and "Traceback" not in errors
    assert list((tmp_path / "work").iterdir()) == []
