"""A fast run leaves out what starts a process, marked or not, and what deploys a stack stays on one worker."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.selection import ONE_WORKER

ROOT = Path(__file__).parents[2]
QUICK, STARTS_PROCESSES = "tests/scoring/cluster/test_interval.py", "tests/repository/test_connections.py"


@pytest.mark.parametrize(("options", "left_out"), [(["--fast"], True), ([], False)])
def test_a_fast_run_leaves_out_what_starts_a_process_and_runs_the_rest(options: list[str], left_out: bool):
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *options, QUICK, STARTS_PROCESSES]
    environment = {**os.environ, "CI": "", "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    results = re.findall(r"^(\S+?)::.* (PASSED|SKIPPED|FAILED|ERROR) ", done.stdout, re.MULTILINE)
    assert {result for name, result in results if name == QUICK} == {"PASSED"}
    others = {result for name, result in results if name == STARTS_PROCESSES}
    assert others and (others == {"SKIPPED"}) == left_out


def test_a_group_stays_on_one_worker(tmp_path: Path):
    (tmp_path / "conftest.py").write_text(
        "from tests.support import selection\ndef pytest_collection_modifyitems(items):\n    selection.group(items)\n"
    )
    (tmp_path / "test_group.py").write_text(
        "import pytest\n@pytest.mark.xdist_group('one stack')\n@pytest.mark.parametrize('n', range(8))\n"
        "def test_it(n):\n    pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-v", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider", "."]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert len(set(re.findall(r"^\[(gw[0-9])\] .*PASSED", done.stdout, re.MULTILINE))) == 1, done.stdout


def test_what_shares_a_deployed_stack_runs_on_one_worker(request: pytest.FixtureRequest):
    for item in request.session.items:
        used = [name for name in ONE_WORKER if name in getattr(item, "fixturenames", ())]
        group = item.get_closest_marker("xdist_group")
        assert not used or (group is not None and group.args == (used[0],)), item.nodeid


def test_each_fixture_that_is_named_exists():
    text = "".join(file.read_text() for file in (ROOT / "tests").rglob("conftest.py"))
    assert [name for name in ONE_WORKER if f"def {name}(" not in text] == []
