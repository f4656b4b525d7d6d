"""`python -m infra COMMAND` and the Pulumi program are one file: who is started is told by how, never by arguments."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from infra.commands import command_line

ROOT = Path(__file__).parents[3]


@pytest.fixture
def program_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the program end with a word of its own where it reads its settings, its first act."""

    def stop() -> None:
        raise RuntimeError("the program ran")

    monkeypatch.setattr("infra.settings.stack.Settings.from_stack", stop)
    monkeypatch.setattr(sys, "argv", ["capture.py", "doctor", "--stack", "dev"])


def test_started_as_a_module_it_runs_a_command():
    run = subprocess.run(
        [sys.executable, "-m", "infra", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert all(name in run.stdout for name in command_line.COMMANDS)


@pytest.mark.usefixtures("program_stops")
@pytest.mark.parametrize("place", ["infra/__main__.py", "infra"])
def test_run_by_another_tool_that_has_arguments_it_is_the_program(place: str):
    with pytest.raises(RuntimeError, match="the program ran"):
        runpy.run_path(str(ROOT / place), run_name="__main__")


@pytest.mark.usefixtures("program_stops")
def test_run_as_a_package_by_another_tool_it_is_the_program():
    with pytest.raises(RuntimeError, match="the program ran"):
        runpy.run_module("infra", run_name="__main__")


def test_an_unknown_command_is_a_mistake(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        command_line.main(["heal"])
    assert ended.value.code == 2 and "'heal'" in capsys.readouterr().err
