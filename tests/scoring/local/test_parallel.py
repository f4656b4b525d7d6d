"""The worker processes run a stand-in for the scoring module, which misbehaves as its items' names say."""

import os
import signal
import subprocess
import sys
import time
from multiprocessing import Pipe
from multiprocessing.context import SpawnProcess
from pathlib import Path
from threading import Thread

import pytest
from pytest_mock import MockerFixture

from scoring.cluster import score
from scoring.local.parallel import ParallelSettings, _serve, run_parallel
from tests.support.deadline import ENOUGH_SECONDS

SCORE = """
import os, sys, time
from pathlib import Path

def init():
    if "--broken" in sys.argv:
        raise RuntimeError("broken on purpose")

def run(mini_batch):
    lines = []
    for item in map(Path, mini_batch):
        tries = item.with_suffix(".tries")
        with tries.open("a") as file:
            file.write(f"{os.getpid()}\\n")
        first = len(tries.read_text().splitlines()) == 1
        if item.stem.startswith("dies") or (item.stem.startswith("once") and first):
            os.kill(os.getpid(), 9)
        if item.stem.startswith("hangs"):
            time.sleep(600)
        if item.stem.startswith("raises"):
            raise ValueError("no such item")
        if not item.stem.startswith("skipped"):
            lines.append(item.stem)
    return lines
"""

SETTINGS = ParallelSettings(processes=2, max_retries=1, timeout_seconds=ENOUGH_SECONDS)


@pytest.fixture
def items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Make item files; worker processes import the stand-in instead of `scoring.cluster.score`."""
    package = tmp_path / "code" / "scoring" / "cluster"
    package.mkdir(parents=True)
    (package / "score.py").write_text(SCORE)
    real = Path(__file__).parents[3] / "scoring" / "cluster"
    for folder, original in ((package, real), (package.parent, real.parent)):
        (folder / "__init__.py").write_text(f"__path__.append({str(original)!r})\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "code"))
    monkeypatch.syspath_prepend(str(tmp_path / "code"))

    def make(*names: str) -> list[Path]:
        return [tmp_path / f"{name}.item" for name in names]

    return make


def tries(item: Path) -> int:
    return len(item.with_suffix(".tries").read_text().splitlines())


def test_every_item_is_scored_once_when_nothing_goes_wrong(items):
    files = items(*(f"good-{n}" for n in range(7)))
    done = []
    result = run_parallel(files, [], ParallelSettings(processes=2, mini_batch_size=3), on_progress=done.append)
    assert sorted(result.lines) == [file.stem for file in files] and not result.failed
    assert all(tries(file) == 1 for file in files) and sorted(done) == [1, 3, 3]


def test_a_killed_process_costs_a_retry_and_no_item(items):
    files = items("once-0", "good-1", "good-2")
    result = run_parallel(files, [], SETTINGS)
    assert sorted(result.lines) == ["good-1", "good-2", "once-0"] and not result.failed
    assert tries(files[0]) == 2


@pytest.mark.parametrize("trouble", ["dies", "raises", "skipped"])
def test_an_item_that_always_fails_fails_alone_after_its_tries(items, trouble: str):
    files = items("good-0", f"{trouble}-1", "good-2")
    result = run_parallel(files, [], SETTINGS)
    assert sorted(result.lines) == ["good-0", "good-2"] and result.failed == [files[1]]
    assert tries(files[1]) == 2


@pytest.mark.slow
def test_an_item_that_takes_too_long_is_ended_and_fails_alone(items):
    files = items("good-0", "hangs-1", "good-2")
    began = time.monotonic()
    result = run_parallel(files, [], ParallelSettings(processes=2, max_retries=0, timeout_seconds=8))
    assert sorted(result.lines) == ["good-0", "good-2"] and result.failed == [files[1]]
    assert time.monotonic() - began < ENOUGH_SECONDS


def test_processes_that_cannot_start_fail_every_item_and_end(items):
    files = items("good-0", "good-1")
    result = run_parallel(files, ["--broken"], SETTINGS)
    assert not result.lines and sorted(result.failed) == files


def test_no_items_need_no_process():
    assert run_parallel([], [], SETTINGS).failed == []


def test_a_worker_ends_when_its_parent_is_killed(items, tmp_path: Path):
    (file,) = items("good-0")
    script = tmp_path / "parent.py"
    script.write_text(PARENT_THAT_STOPS_LISTENING)
    parent = subprocess.Popen([sys.executable, str(script), str(file)])
    marks = file.with_suffix(".tries")
    wait_for(lambda: marks.exists() and marks.read_text().endswith("\n"))
    worker = int(marks.read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    wait_for(lambda: not Path(f"/proc/{worker}/exe").exists())


PARENT_THAT_STOPS_LISTENING = """
import signal, sys
from pathlib import Path
from scoring.cluster import score
from scoring.local.parallel import ParallelSettings, _serve, run_parallel

if __name__ == "__main__":
    run_parallel([Path(sys.argv[1])], [], ParallelSettings(processes=1), on_progress=lambda _: signal.pause())
"""


def wait_for(condition, seconds: float = ENOUGH_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_a_worker_ends_without_a_word_when_its_parent_was_killed_with_an_answer_unread(mocker: MockerFixture):
    """Its connection is then reset and not ended."""
    mocker.patch.object(score, "init")
    mocker.patch.object(sys, "argv", [])
    mocker.patch.dict(os.environ)
    parents, own = Pipe()
    own.send("nobody reads this")
    parents.close()
    _serve(own, [])


def test_a_worker_ends_without_a_word_when_its_parent_was_killed_in_the_middle_of_a_mini_batch(mocker: MockerFixture):
    mocker.patch.object(score, "init")
    mocker.patch.object(sys, "argv", [])
    mocker.patch.dict(os.environ)
    parents, own = Pipe()
    os.write(parents.fileno(), (100).to_bytes(4) + b"of a hundred bytes only these")
    parents.close()
    _serve(own, [])


# ---- Ctrl-C while a process starts
@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_that_another_thread_takes_while_a_process_starts_is_raised_after_it(
    items, mocker: MockerFixture, capfd: pytest.CaptureFixture[str]
):
    """As those of Arrow and BLAS do. In the middle of its start, a process would get half of what it is to run."""
    start, started = SpawnProcess.start, []

    def take_it() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.raise_signal(signal.SIGINT)

    def interrupted_start(process: SpawnProcess) -> None:
        other = Thread(target=take_it)
        other.start()
        other.join()
        start(process)
        started.append(process)

    mocker.patch.object(SpawnProcess, "start", interrupted_start)
    with pytest.raises(KeyboardInterrupt):
        run_parallel(items("good-0"), [], SETTINGS)
    (process,) = started
    assert process.exitcode == -signal.SIGKILL and "Traceback" not in capfd.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_outside_the_main_thread_processes_start_too(items):
    """Only the main thread may have handlers of signals, and only it is interrupted."""
    lines: list[str] = []
    other = Thread(target=lambda: lines.extend(run_parallel(items("good-0"), [], SETTINGS).lines))
    other.start()
    other.join()
    assert lines == ["good-0"]
