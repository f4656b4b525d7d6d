"""How failures of a parallel step are counted."""

from pathlib import Path
from typing import Any

import pytest

from simulator.azure.cloud.pipelines.parallel.mini_batches import Limits

FILES = [Path(f"{number}.txt") for number in range(5)]


def limits(arguments: str = "", **spec: Any) -> Limits:
    return Limits.read({"mini_batch_size": "2", **spec}, arguments.split())


def test_the_defaults_fail_nothing():
    batches = limits().cut(FILES)
    assert [len(batch.files) for batch in batches] == [2, 2, 1]
    assert limits().verdict(3, batches) is None
    assert (limits().retries, limits().timeout, limits().processes) == (2, 60, 1)


@pytest.mark.parametrize(
    ("stated", "verdict"),
    [
        (limits("--error_threshold 2"), None),
        (limits("--error_threshold 1 --other x"), "2 items failed, error_threshold is 1"),
        (limits(error_threshold=0), "2 items failed, error_threshold is 0"),
        (limits(mini_batch_error_threshold=2), None),
        (limits(mini_batch_error_threshold=1), "2 mini-batches failed, mini_batch_error_threshold is 1"),
        (limits("--allowed_failed_percent 67"), None),
        (limits("--allowed_failed_percent 66"), "2 of 3 mini-batches failed, allowed_failed_percent is 66"),
    ],
)
def test_a_threshold_says_how_much_may_fail(stated: Limits, verdict: str | None):
    first, _, last = stated.cut(FILES)
    first.returned = 1
    assert stated.verdict(3, [first, last]) == verdict


def test_processes_are_those_of_all_instances():
    assert limits(resources={"instance_count": 3}, max_concurrency_per_instance=4).processes == 12
