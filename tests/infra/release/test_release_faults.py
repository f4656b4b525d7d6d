"""A release under faults: each request fails in each way, and the process dies at each step; see `release_cases`.

The table of all cases stands at the end of the tests' output.
"""

import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from simulator.azure.cloud import Fault
from simulator.azure.cloud.request_log import LoggedRequest
from tests.support.case_tables import Case
from tests.support.release.deployed_stack import DeployedStack, Difference, Moment
from tests.support.release.release_alone import ReleaseAlone, release_alone
from tests.support.release.release_cases import CASES, FAULTS, KILLS, REQUESTS, Request, numbered

pytestmark = pytest.mark.slow

TABLE = "release under faults"


@pytest.fixture(scope="session")
def alone(shared_stack: DeployedStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseAlone]:
    with release_alone(shared_stack, tmp_path_factory.mktemp("release")) as process:
        yield process


@pytest.fixture(scope="session")
def content(after_up: Moment) -> dict[str, Any]:
    """What the release's record holds."""
    return after_up.record


@pytest.fixture(scope="session")
def published(shared_stack: DeployedStack, after_up: Moment) -> Moment:
    """Everything is published; the stream job never ran, and an old cluster is left."""
    shared_stack.go_back(after_up)
    shared_stack.subscription.put(replace(shared_stack.job(), state={}))
    shared_stack.add_superseded_cluster()
    return shared_stack.moment()


@pytest.fixture(scope="session")
def unpublished(shared_stack: DeployedStack, after_up: Moment) -> Moment:
    """The same before anything was published."""
    shared_stack.go_back(after_up.without("release"))
    shared_stack.add_superseded_cluster()
    return shared_stack.moment()


@pytest.fixture(scope="session")
def undisturbed(
    shared_stack: DeployedStack, published: Moment, alone: ReleaseAlone, content: dict[str, Any]
) -> list[LoggedRequest]:
    """The requests of a release to which nothing happens."""
    shared_stack.go_back(published)
    assert alone.run(content).is_done and shared_stack.problems() == []
    return list(shared_stack.cloud.requests)


def test_the_cases_are_about_every_request_of_a_release(stack: DeployedStack, undisturbed: list[LoggedRequest]):
    assert [str(request) for request in undisturbed if not any(one.fits(request) for one in REQUESTS)] == []
    assert set(numbered(undisturbed)) == set(REQUESTS)


@pytest.mark.parametrize(("request_", "fault"), CASES, ids=lambda value: getattr(value, "purpose", value))
def test_a_release_completes_whatever_happens_to_a_request(
    stack: DeployedStack,
    published: Moment,
    undisturbed: list[LoggedRequest],
    alone: ReleaseAlone,
    content: dict[str, Any],
    request_: Request,
    fault: str,
    request: pytest.FixtureRequest,
):
    case = Case(request.node, TABLE, f"{REQUESTS.index(request_) + 1:2} {request_.purpose}", fault)
    number = numbered(undisturbed)[request_]
    stack.go_back(published)
    injected = [
        stack.cloud.faults.inject(replace(one, number=number + after)) for after, one in enumerate(FAULTS[fault])
    ]
    outcome = alone.run(content)
    assert all(one.hits for one in injected)
    assert outcome.is_done and stack.problems() == []
    case.came_to("done")


@pytest.mark.parametrize("step", KILLS, ids=lambda step: step.purpose)
def test_a_release_that_was_killed_in_a_step_is_completed_by_the_next(
    stack: DeployedStack,
    unpublished: Moment,
    alone: ReleaseAlone,
    content: dict[str, Any],
    step: Request,
    request: pytest.FixtureRequest,
):
    case = Case(request.node, "release killed", f"{KILLS.index(step) + 1:2} {step.purpose}", "next release")
    stack.go_back(unpublished)
    deadly = stack.cloud.faults.inject(Fault("answer lost", step.method, step.pattern, times=None))
    assert alone.kill_when(lambda: deadly.hits > 0, content).code == -signal.SIGKILL
    stack.cloud.faults.clear()
    assert alone.run(content).is_done and stack.problems() == []
    case.came_to("completes")


def test_a_release_done_again_only_looks(
    stack: DeployedStack, alone: ReleaseAlone, content: dict[str, Any], after_up: Moment
):
    outcome = alone.run(content)
    assert outcome.is_done and not [line for line in outcome.said if line.endswith((", done", ", changed"))]
    assert stack.written() == []
    assert Difference.between(after_up.subscription, stack.subscription.snapshot()) == Difference((), (), ())


def test_a_release_that_is_refused_says_where_and_what_to_do_and_the_next_completes(
    stack: DeployedStack, unpublished: Moment, alone: ReleaseAlone, content: dict[str, Any]
):
    stack.go_back(unpublished)
    stack.cloud.faults.inject(Fault("status", "PUT", "/schedules/", status=403, times=None))
    outcome = alone.run(content)
    assert outcome.error == (
        "step 'publish': schedule scoring: (AuthorizationFailed) an injected fault: 403 (tried for 15 minutes); "
        "give whoever deploys the rights in the `deployers` setting, then run `pulumi up` again, it goes on here"
    )
    assert stack.open_addresses() == set() and stack.job_state() == "Running"
    stack.cloud.faults.clear()
    assert alone.run(content).is_done and stack.problems() == []
