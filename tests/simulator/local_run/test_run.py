"""The whole path end to end, as processes: what it leaves, what a second run changes, and what a kill costs."""

import random
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.local_run.run_results import (
    SMALL_FLEET,
    command,
    contents,
    descendant,
    kill,
    results,
    run,
    wait_for,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("local run")]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run that nothing disturbed: its folder and what it printed."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    done = run(*SMALL_FLEET, "--out", out)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_a_run_accounts_for_every_event_and_prints_what_it_found(undisturbed: tuple[Path, str]):
    out, printed = undisturbed
    summary: dict[str, Any] = results(out)["summary"]
    counts = summary["accounting"]
    assert counts["adds_up"] and counts["sent"] == counts["undecodable"] + counts["archived"]
    assert counts["archived"] == counts["in_windows"] + counts["duplicates"] + sum(counts["rejected"].values())
    assert counts["undecodable"] and counts["duplicates"] and all(counts["rejected"].values())
    assert summary["predictions"] == 12 * 60 and summary["fleet"]["models"] == 12
    assert summary["evaluation"]["true_positives"] > 0
    assert "precision" in printed and "recall" in printed and "DOES NOT ADD UP" not in printed


def test_a_second_run_changes_no_result(undisturbed: tuple[Path, str]):
    out, _ = undisturbed
    before, files = results(out), contents(out / "archive") | contents(out / "rejects")
    again = run(*SMALL_FLEET, "--out", out)
    assert again.returncode == 0, again.stderr
    assert results(out) == before and contents(out / "archive") | contents(out / "rejects") == files


@pytest.mark.parametrize(
    "victim",
    ["simulator send", "simulator event-hubs", "simulator stream", "scoring train", "scoring score", "simulator run"],
)
def test_killing_any_process_and_running_again_loses_nothing_and_doubles_nothing(
    undisturbed: tuple[Path, str], tmp_path: Path, victim: str
):
    """The victim is killed at a random moment of its life; the same command is then given again."""
    out = tmp_path / "out"
    running = subprocess.Popen(command(*SMALL_FLEET, "--out", out), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process = running.pid if victim == "simulator run" else wait_for(lambda: descendant(running.pid, victim), victim)
    delay = random.uniform(0, 10 if victim in ("simulator run", "simulator event-hubs") else 3)
    time.sleep(delay)  # when to kill, not a wait for anything
    kill(process)
    _, errors = running.communicate(timeout=120)
    assert b"Traceback" not in errors, errors.decode()
    done = run(*SMALL_FLEET, "--out", out)
    assert done.returncode == 0, f"killed after {delay:.2f} s: {done.stderr}"
    expected, found = results(undisturbed[0]), results(out)
    for name in expected:
        assert found[name] == expected[name], f"{name} differs; killed after {delay:.2f} s"


def test_a_folder_keeps_its_run_unless_told_otherwise(undisturbed: tuple[Path, str]):
    out, _ = undisturbed
    before = contents(out)
    other = run(*SMALL_FLEET, "--seed", "4", "--out", out)
    assert other.returncode == 2
    assert other.stderr.strip() == (
        f"simulator: {out} holds a run of other readings: choose another --out, or --fresh to replace it"
    )
    assert contents(out) == before
