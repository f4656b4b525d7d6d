"""Runs that people start: the job is the schedule's, and one name is one run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.azure.arm import SUBSCRIPTION
from simulator.azure.cloud import Cloud, Fault
from simulator.azure.cloud.faults import FaultKind
from tests.scoring.publish.conftest import Published, Publisher
from tests.simulator.azure.cloud.small_stack import GROUP, WORKSPACE

pytestmark = pytest.mark.slow

INTERVAL = ["2018-08-29T02:00:00Z", "2018-08-29T03:00:00Z"]
NAME = "scoring-20180829T020000Z--20180829T030000Z"


def test_a_run_is_the_schedules_job_over_the_interval(publisher: Publisher, published: Published):
    run = publisher.call("submit", interval=INTERVAL)
    content = published.schedules()[0].body["properties"]["tags"]["content"]
    assert run["name"] == f"{NAME}-{content}-1" and run["outcome"] == "started, attempt 1"
    assert run["url"].startswith(f"https://ml.azure.com/runs/{run['name']}")
    (job,) = published.jobs()
    scheduled, started = published.job(), job.body["properties"]
    inputs = scheduled["inputs"] | {
        "interval": {"value": "2018-08-29 02:00:00/2018-08-29 03:00:00", "jobInputType": "literal"},
        "trigger_time": {"value": "2018-08-29 03:03:00", "jobInputType": "literal"},
    }
    assert started["inputs"] == inputs
    assert {name: started[name] for name in ("jobs", "settings", "experimentName")} == {
        name: scheduled[name] for name in ("jobs", "settings", "experimentName")
    }


def test_the_default_is_the_latest_interval_whose_windows_are_complete(publisher: Publisher, published: Published):
    run = publisher.call("submit", interval=None, now="2026-11-22T10:17:59+00:00")
    assert run["name"].startswith("scoring-20261122T094500Z--20261122T100000Z-")
    run = publisher.call("submit", interval=None, now="2026-11-22T10:18:00+00:00")
    assert run["name"].startswith("scoring-20261122T100000Z--20261122T101500Z-")


def test_submitting_twice_is_one_run(publisher: Publisher, published: Published):
    first = publisher.call("submit", interval=INTERVAL)
    second = publisher.call("submit", interval=INTERVAL)
    assert second["name"] == first["name"] and second["outcome"] == "is under way (NotStarted)"
    assert len(published.jobs()) == 1


@pytest.mark.parametrize("status", ["Completed", "Failed", "Canceled"])
def test_an_interval_whose_run_has_ended_can_be_run_again(publisher: Publisher, published: Published, status: str):
    first = publisher.call("submit", interval=INTERVAL)["name"]
    published.end_job(first, status)
    second = publisher.call("submit", interval=INTERVAL)["name"]
    assert second == f"{first[:-1]}2" and len(published.jobs()) == 2


def test_another_release_is_another_run(publisher: Publisher, published: Published):
    first = publisher.call("submit", interval=INTERVAL)["name"]
    publisher.publish(retries=3)
    second = publisher.call("submit", interval=INTERVAL)["name"]
    assert first != second and second.endswith("-1")


@pytest.mark.parametrize("kind", ["cut", "answer lost"])
def test_a_lost_answer_does_not_start_a_second_run(
    cloud: Cloud, publisher: Publisher, published: Published, kind: FaultKind
):
    cloud.faults.inject(Fault(kind, "PUT", "/jobs/"))
    run = publisher.call("submit", interval=INTERVAL)
    assert [job.name for job in published.jobs()] == [run["name"]]


def test_a_workspace_without_a_schedule_of_ours_is_told(cloud: Cloud, publisher: Publisher):
    assert "has no schedule scoring: deploy first" in publisher.refusal("submit", interval=INTERVAL)


def test_a_schedule_that_somebody_else_made_is_not_run(publisher: Publisher, published: Published):
    published.change_schedule(tags={})
    assert "was not published by this program" in publisher.refusal("submit", interval=INTERVAL)
    assert published.jobs() == []


def test_the_command_starts_a_run_of_a_deployed_stack(cloud: Cloud, published: Published, tmp_path: Path):
    pulumi = tmp_path / "bin/pulumi"
    pulumi.parent.mkdir()
    outputs = f'{{"subscriptionId": "{SUBSCRIPTION}", "resourceGroup": "{GROUP}", "workspace": "{WORKSPACE}"}}'
    pulumi.write_text(
        f"#!/bin/sh\ntest \"$*\" = 'stack output --json --non-interactive --stack dev' && echo '{outputs}'\n"
    )
    pulumi.chmod(0o755)
    environment = os.environ | cloud.environment | {"PATH": f"{pulumi.parent}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "scoring", "submit", "--stack", "dev", "--interval", *INTERVAL]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    name, url = done.stdout.splitlines()
    assert name.startswith(f"{NAME}-") and name.endswith("-1: started, attempt 1") and url.startswith("https://ml.")
    assert len(published.jobs()) == 1
