"""Which tests one worker runs, in what order workers take them, and which a fast run leaves out."""

import os
import sys
from typing import Any

import pytest
from _pytest.nodeid import NodeId

ONE_WORKER = ("shared_stack", "dev_stack", "prod_stack", "shared_cloud", "shared_account")
"""Fixtures of the session that take long to make: all tests that use one go to the same worker, which makes it once.

Of several, the first decides. A module of tests with such a fixture of its own has `pytest.mark.xdist_group` instead.
"""

STARTS = ("subprocess.Popen", "os.fork", "os.posix_spawn")


def group(items: list[pytest.Item]) -> None:
    """Keep together what shares a fixture, for `--dist loadgroup`; what is slow and alone comes before what is quick.

    Else the last test that is taken might be the longest, and the other worker would wait for it.
    """
    for item in items:
        used = [name for name in ONE_WORKER if name in getattr(item, "fixturenames", ())]
        if used and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(used[0]))
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)
        for item in items:
            _name_group(item)


def _name_group(item: pytest.Item) -> None:
    """Write the group into the test's id, by which xdist keeps a group together.

    It does so itself, but pytest 9.2 has the id elsewhere (pytest-xdist 3.8.0 sets `_nodeid`). Once xdist knows that,
    tests/repository/test_selection.py says that this can go.
    """
    group = item.get_closest_marker("xdist_group")
    if group is not None and "@" not in item.nodeid.rpartition("]")[2]:
        item._id = NodeId.parse(f"{item.nodeid}@{group.args[0]}")


def leave_out_what_is_slow(items: list[pytest.Item]) -> None:
    """Skip what is marked, and whatever starts a process, at the moment when it does: so it holds for new tests too."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip("slow"))
    sys.addaudithook(_skip_what_starts_a_process)


def _skip_what_starts_a_process(event: str, arguments: tuple[Any, ...]) -> None:
    if event in STARTS and "PYTEST_CURRENT_TEST" in os.environ:
        pytest.skip("starts a process")
