"""Publishing where requests fail, answers are lost and processes die: the next publication completes it."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.azure.cloud import Cloud, Fault
from tests.scoring.publish.conftest import FirstPublication, Published, Publisher, publication, reset, running_publisher
from tests.support.deadline import ENOUGH_SECONDS

pytestmark = pytest.mark.slow

COMPLETE = {"models": 1, "codes": 1, "environments": 1, "components": 4}


def is_complete(cloud: Cloud) -> bool:
    """Whether everything is there exactly once, and the schedule uses it."""
    published = Published(cloud)
    used = {node["componentId"] for node in published.job()["jobs"].values()}
    return (
        published.counts() == COMPLETE
        and len(published.schedules()) == 1
        and used < {one.id for one in published.versions("components")}
        and published.schedule()["provisioningState"] == "Succeeded"
    )


def management_requests(publication: FirstPublication) -> Iterator[tuple[str, str]]:
    """Every different request of a publication to Azure's management, as method and pattern of its path."""
    requests = [(one.method, one.path) for one in publication.requests if one.host == "management.azure.com"]
    for method, path in dict.fromkeys(requests):
        random_names = re.sub(r"/(codes|mfeOperationsStatus)/[^/]+", r"/\1/[^/]+", path)
        yield method, f"^management.azure.com{random_names}$"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=500),
        Fault("status", status=429, headers={"Retry-After": "0"}),
        Fault("status", status=403),
        Fault("cut"),
        Fault("answer lost"),
    ],
    ids=["500", "429", "403", "cut", "answer lost"],
)
def test_each_request_may_fail_once(
    cloud: Cloud, publisher: Publisher, first_publication: FirstPublication, fault: Fault
):
    requests = list(management_requests(first_publication))
    assert len(requests) > 25
    reset(cloud)
    faults = [
        cloud.faults.inject(Fault(fault.kind, method, path, status=fault.status, headers=fault.headers))
        for method, path in requests
    ]
    publisher.publish()
    hit = sum(one.hits for one in faults)
    assert is_complete(cloud) and hit > 20, hit
    cloud.faults.clear()
    assert set(publisher.publish().values()) == {"unchanged"}


def test_a_publication_that_ended_after_any_step_goes_on_there(cloud: Cloud, publisher: Publisher):
    steps = 7
    for step in range(1, steps):
        publisher.refusal(**publication(), end_after=step)
        assert publisher.reported == ["unchanged"] * (step - 1) + ["done"]
    assert list(publisher.publish().values()) == ["unchanged"] * (steps - 1) + ["done"]
    assert is_complete(cloud)


@pytest.mark.parametrize(
    "request_path",
    ["/code/scoring/cluster/model/fleet.py", "/codes/.*/versions/1$", "/schedules/scoring$"],
    ids=["code is uploaded", "code is registered", "schedule is put"],
)
def test_a_publication_that_was_killed_in_a_step_is_completed(
    cloud: Cloud, publisher: Publisher, tmp_path: Path, request_path: str
):
    """It dies while it waits for the answer of a request that writes."""
    hanging = cloud.faults.inject(Fault("answer lost", "PUT", request_path, times=None))
    with running_publisher(cloud, tmp_path) as killed:
        killed.send(**publication())
        deadline = time.monotonic() + ENOUGH_SECONDS
        while not hanging.hits:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        killed.process.kill()
    cloud.faults.clear()
    publisher.publish()
    assert is_complete(cloud)


def test_roles_that_are_not_yet_known_are_waited_for(cloud: Cloud, publisher: Publisher):
    cloud.faults.inject(Fault("status", "PUT", "/models/", status=403, times=2))
    cloud.faults.inject(Fault("status", "PUT", "testsml.blob.*/code/", status=403, times=3))
    publisher.publish()
    assert is_complete(cloud)
    assert len(publisher.slept) >= 3 and sorted(publisher.slept[:2]) == publisher.slept[:2] and min(publisher.slept) > 0


def test_roles_that_are_never_known_are_reported_with_the_step_and_what_to_do(cloud: Cloud, publisher: Publisher):
    cloud.faults.inject(Fault("status", "PUT", "/environments/", status=403, times=None))
    refusal = publisher.refusal(**publication())
    assert re.match(r"environment scoring [0-9a-f]{12}: .* \(tried for 15 minutes\); .* `deployers`", refusal)
    assert 900 <= sum(publisher.slept) < 1000


def test_what_is_refused_for_good_is_not_tried_again(cloud: Cloud, publisher: Publisher):
    cloud.faults.inject(Fault("status", "PUT", "/components/scoring_score/", status=400, times=None))
    refusal = publisher.refusal(**publication())
    assert refusal.startswith("step scoring_score") and publisher.slept == []
    assert Published(cloud).schedules() == []
