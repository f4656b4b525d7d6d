"""Clusters that a newer one has taken the place of are removed, when nothing uses them any more."""

import pytest

from simulator.azure.cloud import Cloud, Fault
from simulator.azure.cloud.faults import FaultKind
from tests.scoring.publish.conftest import Published, Publisher
from tests.simulator.azure.cloud.small_stack import CLUSTER

pytestmark = pytest.mark.slow

OLD, NEW = "scoring-00000001", "scoring-00000002"


@pytest.fixture(autouse=True)
def clusters(published: Published) -> None:
    """Two clusters of ours beside one of somebody else's, and a schedule that uses the newer."""
    published.add_cluster(OLD)
    published.add_cluster(NEW)


def delete(publisher: Publisher) -> list[str]:
    return [f"{one['what']} ({one['outcome']})" for one in publisher.call("delete clusters", keep=NEW)]


def test_a_superseded_cluster_is_deleted_and_no_other(publisher: Publisher, published: Published):
    publisher.publish(cluster=NEW)
    assert delete(publisher) == [f"{OLD} deleted (changed)"]
    assert published.clusters() == {CLUSTER, NEW}
    assert delete(publisher) == []


def test_a_cluster_that_the_schedule_still_names_is_kept(publisher: Publisher, published: Published):
    publisher.publish(cluster=OLD)
    assert delete(publisher) == [f"{OLD} kept: it is still in use (unchanged)"]
    assert published.clusters() == {CLUSTER, OLD, NEW}


@pytest.mark.parametrize("status", ["NotStarted", "Running"])
def test_a_cluster_on_which_a_job_runs_or_waits_is_kept_until_that_has_ended(
    publisher: Publisher, published: Published, status: str
):
    publisher.publish(cluster=OLD)
    run = publisher.call("submit", interval=None, now="2026-11-22T10:00:00+00:00")
    publisher.publish(cluster=NEW)
    published.end_job(run["name"], status)
    assert delete(publisher) == [f"{OLD} kept: it is still in use (unchanged)"]
    published.end_job(run["name"], "Completed")
    assert delete(publisher) == [f"{OLD} deleted (changed)"]
    assert published.clusters() == {CLUSTER, NEW}


@pytest.mark.parametrize("kind", ["cut", "answer lost"])
def test_a_lost_answer_does_not_keep_a_cluster(
    cloud: Cloud, publisher: Publisher, published: Published, kind: FaultKind
):
    publisher.publish(cluster=NEW)
    cloud.faults.inject(Fault(kind, "DELETE"))
    assert len(delete(publisher)) == 1
    assert published.clusters() == {CLUSTER, NEW}
