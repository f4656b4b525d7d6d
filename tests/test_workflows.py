"""The workflows of `.github` are what GitHub takes, as far as actionlint knows."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def test_actionlint_finds_nothing():
    built = ROOT / ".cache/actionlint/actionlint"
    program = str(built) if built.is_file() else shutil.which("actionlint")
    if program is None:
        pytest.skip("actionlint is not installed: install Go, then run `make test`")
    # Without the checkers that it would call where they happen to be installed.
    command = [program, "-no-color", "-shellcheck=", "-pyflakes=", *map(str, WORKFLOWS)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert WORKFLOWS and (run.returncode, run.stdout + run.stderr) == (0, "")
