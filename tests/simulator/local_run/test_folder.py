import subprocess
import sys
from pathlib import Path

import pytest

from simulator.local_run import folder as run_folder
from simulator.local_run.folder import RunFolder
from stream_queries.errors import UserError

SOURCE, PROGRAM = {"options": ["--reference"], "content": ""}, {"query": "one"}


def opened(root: Path, *, source: dict = SOURCE, program: dict = PROGRAM, fresh: bool = False) -> RunFolder:
    return RunFolder.open(root, source=source, program=program, fresh=fresh)


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """The folder of a run that has sent something and made something of it."""
    root = tmp_path / "out"
    folder = opened(root)
    for name in ("state/hub", "state/stream", "archive", "rejects", "undecodable", "fleet"):
        (root / name).mkdir(parents=True)
        (root / name / "content").touch()
    (root / "windows.db").touch()
    folder.close()
    return root


def kept(root: Path) -> set[str]:
    names = ("state/hub/content", "state/stream/content", "archive/content", "fleet/content", "windows.db")
    return {name for name in names if (root / name).exists()}


def test_the_same_run_finds_everything_as_it_was(used: Path):
    opened(used).close()
    assert len(kept(used)) == 5


def test_another_query_makes_the_results_anew_from_what_was_sent(used: Path, capsys: pytest.CaptureFixture[str]):
    opened(used, program={"query": "two"}).close()
    assert kept(used) == {"state/hub/content"}
    assert "made anew" in capsys.readouterr().out


def test_other_readings_are_refused_and_nothing_is_removed(used: Path):
    with pytest.raises(UserError, match="holds a run of other readings: choose another --out, or --fresh"):
        opened(used, source={"options": ["--seed", "2"], "content": ""})
    assert len(kept(used)) == 5


def test_fresh_removes_the_older_run(used: Path):
    opened(used, source={"options": ["--seed", "2"], "content": ""}, fresh=True).close()
    assert kept(used) == set()


def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("years of work")
    for fresh in (False, True):
        with pytest.raises(UserError, match="holds something that is not a run"):
            opened(tmp_path, fresh=fresh)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write to"):
        opened(tmp_path / "file" / "out")


def test_a_run_that_was_killed_before_it_wrote_its_identity_starts_anew(tmp_path: Path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "lock").touch()
    opened(tmp_path).close()
    opened(tmp_path).close()


def test_a_second_run_waits_for_the_processes_of_the_first_and_then_gives_up(
    used: Path, monkeypatch: pytest.MonkeyPatch
):
    """The lock is held by whoever inherited it, also when the process that took it is gone."""
    monkeypatch.setattr(run_folder, "_PATIENCE_SECONDS", 0.3)
    folder = opened(used)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[folder.lock])
    folder.close()
    with pytest.raises(UserError, match="another run is using"):
        opened(used)
    child.communicate(b"\n")
    opened(used).close()


@pytest.mark.parametrize("lost", ["windows.db", "archive"])
def test_lost_outputs_are_made_anew_from_what_was_sent(used: Path, lost: str, capsys: pytest.CaptureFixture[str]):
    path = used / lost
    if path.is_dir():
        (path / "content").unlink()
        path.rmdir()
    else:
        path.unlink()
    opened(used).close()
    assert kept(used) == {"state/hub/content"}
    assert "has lost outputs" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["{", "{}", "[]"])
def test_a_damaged_identity_is_said_in_one_line_and_fresh_starts_anew(used: Path, content: str):
    (used / "state" / "run.json").write_text(content)
    with pytest.raises(UserError, match=r"run\.json is damaged .*--fresh"):
        opened(used)
    opened(used, fresh=True).close()
    assert kept(used) == set()


def test_work_that_a_killed_run_left_is_cleared_away(used: Path):
    (used / "state" / "work" / "scoring-abc").mkdir(parents=True)
    folder = opened(used)
    folder.close()
    assert list(folder.work.iterdir()) == []
