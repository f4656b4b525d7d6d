"""A stream job's way from created to running and back, and what it refuses on the way."""

from dataclasses import replace

import pytest

from simulator.azure.cloud import Cloud
from simulator.azure.subscription import StoredResource
from tests.simulator.azure.cloud.management import Management
from tests.simulator.azure.cloud.small_stack import stream_job


@pytest.fixture
def job(cloud: Cloud) -> StoredResource:
    return stream_job(cloud.subscription)


def state(management: Management, job: StoredResource) -> str:
    return management.ask("GET", job.id).json()["properties"]["jobState"]


def test_it_starts_and_stops_after_a_while(cloud: Cloud, management: Management, job: StoredResource):
    cloud.settings.polls = 2
    assert state(management, job) == "Created"
    started = management.ask("POST", f"{job.id}/start", {"outputStartMode": "JobStartTime"})
    assert started.status_code == 202
    assert [management.session.get(started.headers["Location"]).status_code for _ in range(3)] == [202, 202, 200]
    assert state(management, job) == "Running"
    assert management.ask("POST", f"{job.id}/stop").status_code == 202
    assert [state(management, job) for _ in range(3)] == ["Stopping", "Stopping", "Stopped"]


def test_a_start_may_fail_and_be_tried_again(cloud: Cloud, management: Management, job: StoredResource):
    cloud.settings.failing_starts = True
    for end in ("Failed", "Running"):
        management.ask("POST", f"{job.id}/start", {"outputStartMode": "JobStartTime"})
        assert [state(management, job) for _ in range(2)] == ["Starting", end]
        cloud.settings.failing_starts = False


def test_a_running_job_cannot_be_started_nor_a_stopped_one_stopped(management: Management, job: StoredResource):
    assert management.ask("POST", f"{job.id}/stop").status_code == 409
    for _ in range(2):
        started = management.ask("POST", f"{job.id}/start", {"outputStartMode": "JobStartTime"})
    assert (started.status_code, started.json()["error"]["message"]) == (
        409,
        "the job is Starting: it cannot be started",
    )


def test_it_goes_on_from_its_last_output_only_if_it_has_one(cloud: Cloud, management: Management, job: StoredResource):
    body = {"outputStartMode": "LastOutputEventTime"}
    refused = management.ask("POST", f"{job.id}/start", body)
    assert (refused.status_code, state(management, job)) == (400, "Created")
    cloud.subscription.put(replace(job, state={"jobState": "Stopped", "lastOutputEventTime": "2018-01-01T00:00:00Z"}))
    assert management.ask("POST", f"{job.id}/start", body).status_code == 202
    assert management.ask("GET", job.id).json()["properties"]["lastOutputEventTime"] == "2018-01-01T00:00:00Z"


def test_its_identity_is_found_after_some_misses(cloud: Cloud, management: Management, job: StoredResource):
    cloud.settings.identity_misses = 2
    identity = f"{job.id}/providers/Microsoft.ManagedIdentity/identities/default"
    answers = [management.ask("GET", identity) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [404, 404, 200]
    properties = answers[-1].json()["properties"]
    assert properties["principalId"] == job.outputs["identity"]["principalId"] != properties["clientId"]


def test_a_query_that_writes_where_no_output_is_does_not_start(
    cloud: Cloud, management: Management, job: StoredResource
):
    (query,) = cloud.subscription.children(job.id, "transformations")
    (output, *_) = cloud.subscription.children(job.id, "outputs")
    for into, status in (
        ("INTO elsewhere", 400),
        ("into [else where]", 400),
        ("/* that one */ Into [elsewhere]", 400),
        (f"INTO {output.name.upper()} -- INTO nothing", 202),
    ):
        query.body["properties"]["query"] = f"SELECT 'INTO text' AS it {into}\nFROM readings"
        cloud.subscription.put(query)
        started = management.ask("POST", f"{job.id}/start", {"outputStartMode": "JobStartTime"})
        assert started.status_code == status


def test_a_count_that_is_written_with_a_point_is_no_integer(management: Management, job: StoredResource):
    path = f"{job.id}/transformations/query"
    for units, status in ((3.0, 400), (0.0, 400), (3, 200)):
        assert (
            management.ask("PUT", path, {"properties": {"query": "1", "streamingUnits": units}}).status_code == status
        )
