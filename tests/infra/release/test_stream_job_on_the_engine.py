"""The stream job's hooks on the real engine: whatever goes wrong around a change, the job runs in the end."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from simulator.azure.cloud import Fault as RequestFault
from simulator.azure.cloud.http.messages import Request
from simulator.azure.engine import EngineError
from simulator.azure.provider import Fault
from simulator.azure.stream_children import expanded, query_of
from simulator.azure.subscription import Subscription
from tests.support.azure.engine_stack import edited
from tests.support.release.deployed_stack import DeployedStack, Moment

pytestmark = pytest.mark.slow

JOB, DEFINITION, LATE = "scoring-stream", "scoring-stream-definition", {"stream": {"lateArrivalSeconds": 59}}
AGAIN = "then run `pulumi up` again, it goes on here"


@pytest.fixture
def changed_query(stack: DeployedStack) -> Iterator[None]:
    """The query is not the deployed one; whether it was deployed is seen in the job."""
    with edited(stack.tree / "stream_queries/sensor_windows.asaql", "SELECT", "SELECT /* changed */"):
        yield


def has_changed_query(stack: DeployedStack) -> bool:
    return "/* changed */" in query_of(stack.subscription, stack.job())


def lateness(stack: DeployedStack) -> float:
    return stack.job().inputs["eventsLateArrivalMaxDelayInSeconds"]


def test_a_job_changed_where_another_resource_fails_runs_also_when_the_change_is_taken_back(stack: DeployedStack):
    stack.faults.inject(Fault("error", "scoring-stream-behind", "update"))
    error = stack.failed_up(LATE)
    assert "scoring-stream-behind" in error and "release" not in error
    assert (lateness(stack), stack.job_state()) == (59, "Running")
    stack.up()
    assert (lateness(stack), stack.job_state()) == (60, "Running")


def test_a_job_whose_change_dropped_its_definition_gets_it_back_also_when_the_change_is_taken_back(
    stack: DeployedStack,
):
    """Whether a PUT of the job keeps inputs, outputs and query is not documented: it must be right either way."""
    before = expanded(stack.subscription, stack.job())
    stack.faults.inject(
        Fault("lost-children", JOB, "update", times=2), Fault("error", "scoring-stream-behind", "update")
    )
    stack.failed_up(LATE)
    (said,) = stack.said("stream job: start after")
    assert "transformation query put back, which the change had dropped; started from" in said
    assert (expanded(stack.subscription, stack.job()), stack.job_state()) == (before, "Running")
    stack.up()
    assert (expanded(stack.subscription, stack.job()), stack.problems(), lateness(stack)) == (before, [], 60)


def test_a_definition_that_is_changed_waits_for_a_new_role_too(stack: DeployedStack):
    """Another count of partitions makes another hub, on which the job's role is new."""
    stack.subscription.roles_arrive_after = 3.0
    stack.up({"ingest": {"partitions": 2}})
    assert stack.said("stream definition: input readings: waiting for the job's rights: ") and stack.problems() == []


def test_what_somebody_changed_in_the_job_is_named_by_the_next_release_and_can_be_deployed_again(
    stack: DeployedStack,
):
    """A refresh does not see it: a GET of the job leaves its definition out."""
    (query,) = stack.subscription.children(stack.job().id, "transformations")
    query.body["properties"] |= {"query": "SELECT * INTO archive FROM arrivals"}
    stack.subscription.put(query)
    found, job = stack.engine.refresh(), f"streamanalytics:StreamingJob {JOB}"
    others = {title for title in found.changes if not title.startswith("monitor:DiagnosticSetting ")}
    assert others == {job}
    assert {change.path for change in found.step(job).changes} == {"outputStartMode", "outputStartTime"}
    assert job not in stack.up().changes, "a start is no change that is to be taken back"
    error = stack.failed_up({"cluster": {"maxNodes": 3}})
    assert (
        "does not do what was deployed: transformation query: query: somebody changed it; `pulumi up --replace" in error
    )
    urn = stack.engine.preview().step(f"resources:Deployment {DEFINITION}").urn
    stack.last = stack.engine.up(settings={"cluster": {"maxNodes": 3}}, replace=[urn])
    assert "SELECT * INTO" not in query_of(stack.subscription, stack.job()) and stack.problems() == []


@pytest.mark.usefixtures("changed_query")
def test_a_job_whose_change_is_refused_is_started_again(stack: DeployedStack):
    stack.faults.inject(Fault("error", DEFINITION, "update"))
    error = stack.failed_up()
    assert "An injected fault." in error and stack.job_state() == "Running" and not has_changed_query(stack)
    assert [line.partition(" from ")[0] for line in stack.said("stream job")] == [
        "stream job: stop before a change: stopped",
        "stream job: rights: inputs, outputs and query are accepted (6)",
        "stream job: put back after a failed change: transformation query put back",
        "stream job: start after a failed change: started",
    ]
    stack.up()
    assert has_changed_query(stack) and stack.problems() == []


@pytest.mark.usefixtures("changed_query")
def test_a_definition_that_azure_refuses_leaves_the_former_one_running_also_when_it_is_taken_back(stack: DeployedStack):
    """Also what a change only added is taken back: the time window."""
    before, outputs = expanded(stack.subscription, stack.job()), stack.tree / "infra/stages/stream_definition.py"
    rejects = "_blob(storage, names.REJECTS),"
    query = stack.tree / "stream_queries/sensor_windows.asaql"
    stack.cloud.faults.inject(RequestFault("status", "PUT", "/transformations/query$", status=400, times=None))
    with (
        edited(outputs, '"maxBatchCount": 1000', '"maxBatchCount": 500'),
        edited(outputs, rejects, f'{rejects} "sizeWindow": 7,'),
    ):
        assert stack.failed_up().endswith(f"step 'rights': (Fault) an injected fault: 400; mend that, {AGAIN}")
        assert (expanded(stack.subscription, stack.job()), stack.job_state()) == (before, "Running")
        stopped, put_back, started = stack.said("stream job")
        assert stopped.endswith("stopped") and put_back.endswith(": output rejects, output sensor_windows put back")
        assert "start after a failed change: started from" in started
    with edited(query, "SELECT /* changed */", "SELECT"):
        assert stack.up().changes == {} and stack.problems() == []
    stack.cloud.faults.clear()
    stack.up()
    assert has_changed_query(stack) and stack.problems() == []


@pytest.mark.usefixtures("changed_query")
@pytest.mark.parametrize("action", ["stop", "start"])
def test_a_job_whose_deployment_is_killed_before_or_after_its_change_runs_after_the_next(
    stack: DeployedStack, action: str
):
    stack.kill_up(RequestFault("answer lost" if action == "stop" else "cut", "POST", f"/{action}$", times=None))
    assert stack.job_state() != "Running" and has_changed_query(stack) is (action == "start")
    stack.up()
    assert has_changed_query(stack) and stack.problems() == []


@pytest.mark.usefixtures("changed_query")
def test_a_job_that_cannot_be_started_is_told_with_what_to_do_and_started_by_the_next_deployment(
    stack: DeployedStack,
):
    stack.cloud.faults.inject(RequestFault("status", "POST", "/start$", status=400, times=None))
    reason = f"(Fault) an injected fault: 400; mend that, {AGAIN}"
    assert stack.failed_up().endswith(f"step 'start after a change': {reason}")
    assert stack.failed_up().endswith(f"step 'stream job': {reason}")
    assert has_changed_query(stack) and stack.job_state() == "Stopped"
    stack.cloud.faults.clear()
    stack.up()
    assert stack.problems() == []


@pytest.mark.usefixtures("changed_query")
def test_both_errors_are_told_when_neither_the_change_nor_the_start_after_it_succeeds(stack: DeployedStack):
    stack.faults.inject(Fault("error", DEFINITION, "update"))
    stack.cloud.faults.inject(RequestFault("status", "POST", "/start$", status=400, times=None))
    error = stack.failed_up()
    assert "An injected fault." in error and "step 'start after a failed change': (Fault) an injected fault" in error
    stack.cloud.faults.clear()
    stack.up()
    assert has_changed_query(stack) and stack.problems() == []


class WhileStopping(RequestFault):
    """Strikes while the job is on its way to rest: the stop was taken."""

    stack: ClassVar[DeployedStack]

    def fits(self, request: Request, number: int) -> bool:
        return super().fits(request, number) and self.stack.job_state() == "Stopping"


@pytest.mark.parametrize("what", ["definition", "job"])
def test_a_job_runs_on_whose_stop_was_taken_and_then_failed_also_when_the_change_is_taken_back(
    stack: DeployedStack, what: str
):
    """While it is on its way to rest, it takes nothing: what somebody had deleted is put back when it has arrived."""
    WhileStopping.stack = stack
    stack.cloud.settings.polls = 3
    (rejects,) = [one for one in stack.subscription.children(stack.job().id, "outputs") if one.name == "rejects"]
    stack.subscription.delete(rejects.id)
    stack.cloud.faults.inject(WhileStopping("status", "GET", "/streamingjobs/[^/]*$", status=400))
    with edited(stack.tree / "stream_queries/sensor_windows.asaql", "SELECT", "SELECT /* changed */"):
        error = stack.failed_up(LATE if what == "job" else None)
    assert "step 'stop before a change': (Fault) an injected fault" in error and stack.job_state() == "Running"
    stack.up()
    assert not has_changed_query(stack) and stack.problems() == []


@pytest.mark.usefixtures("changed_query")
def test_a_job_that_cannot_be_stopped_is_not_changed_and_runs_on(stack: DeployedStack):
    stack.cloud.faults.inject(RequestFault("status", "POST", "/stop$", status=400, times=None))
    error = stack.failed_up()
    assert error.endswith(f"step 'stop before a change': (Fault) an injected fault: 400; mend that, {AGAIN}")
    assert stack.job_state() == "Running" and not has_changed_query(stack)


@pytest.mark.usefixtures("changed_query")
def test_a_change_that_azure_took_without_an_answer_is_put_back_in_what_azure_says_was_deployed_too(
    stack: DeployedStack,
):
    """Later starts and releases look there for what the job is to do."""
    before = expanded(stack.subscription, stack.job())
    stack.cloud.settings.polls = 1
    stack.faults.inject(Fault("lost-answer", DEFINITION, "update"))
    assert "the connection was lost" in stack.failed_up()
    stack.cloud.settings.polls = 0
    assert "/* changed */" not in str(stack.subscription.list("Microsoft.Resources/deployments")[0].inputs)
    (put_back,) = stack.said("stream job: put back")
    assert put_back.endswith("transformation query put back, the deployment stream-definition made again")
    assert (expanded(stack.subscription, stack.job()), stack.job_state()) == (before, "Running")
    with edited(stack.tree / "stream_queries/sensor_windows.asaql", "SELECT /* changed */", "SELECT"):
        stack.up({"cluster": {"maxNodes": 3}})
        assert (expanded(stack.subscription, stack.job()), stack.job_state()) == (before, "Running")


@pytest.mark.usefixtures("changed_query")
def test_a_change_that_is_refused_leaves_a_job_running_that_was_to_rest_after_it(stack: DeployedStack):
    stack.cloud.faults.inject(RequestFault("status", "PUT", "/transformations/query$", status=400, times=None))
    stack.failed_up({"stream": {"running": False}})
    assert stack.job_state() == "Running"
    with edited(stack.tree / "stream_queries/sensor_windows.asaql", "SELECT /* changed */", "SELECT"):
        assert stack.up().changes == {} and stack.problems() == []


def test_a_job_whose_change_is_refused_runs_on(stack: DeployedStack):
    stack.faults.inject(Fault("error", JOB, "update"))
    assert "An injected fault." in stack.failed_up(LATE)
    assert (lateness(stack), stack.job_state()) == (60, "Running")


@pytest.mark.usefixtures("changed_query")
def test_a_change_that_fails_twice_leaves_what_ran(stack: DeployedStack):
    """After the first time, the state holds what was to be: it is not what ran."""
    before = expanded(stack.subscription, stack.job())
    for fault in (Fault("lost-answer", DEFINITION, "update"), Fault("error", DEFINITION, "update")):
        stack.faults.inject(fault)
        stack.failed_up()
        assert (expanded(stack.subscription, stack.job()), stack.job_state()) == (before, "Running")


@pytest.mark.usefixtures("changed_query")
def test_a_job_that_rests_half_changed_is_given_what_was_declared(stack: DeployedStack):
    """As a deployment that was killed in the middle leaves it."""
    before = expanded(stack.subscription, stack.job())
    job = stack.job()
    stack.subscription.put(replace(job, state=job.state | {"jobState": "Stopped"}))
    (archive,) = [one for one in stack.subscription.children(job.id, "outputs") if one.name == "archive"]
    archive.body["properties"] |= {"sizeWindow": 7}
    stack.subscription.put(archive)
    stack.cloud.faults.inject(RequestFault("status", "PUT", "/transformations/query$", status=400, times=None))
    stack.failed_up()
    assert (expanded(stack.subscription, stack.job()), stack.job_state()) == (before, "Running")


@pytest.mark.usefixtures("changed_query")
def test_a_job_runs_though_something_cannot_be_deleted_that_nobody_declares(stack: DeployedStack):
    (archive,) = [one for one in stack.subscription.children(stack.job().id, "outputs") if one.name == "archive"]
    extra = replace(archive, id=archive.id.replace("/archive", "/extra"), body=archive.body | {"name": "extra"})
    stack.subscription.put(extra)
    stack.cloud.faults.inject(RequestFault("status", "DELETE", "/outputs/extra$", status=409, times=None))
    assert "step 'start after a change': (Fault) an injected fault: 409" in stack.failed_up()
    assert stack.job_state() == "Running" and has_changed_query(stack)


def test_a_definition_that_is_deployed_again_and_refused_leaves_the_job_running_as_it_was(stack: DeployedStack):
    urn = stack.engine.preview().step(f"resources:Deployment {DEFINITION}").urn
    before = expanded(stack.subscription, stack.job())
    stack.cloud.faults.inject(RequestFault("status", "PUT", "/transformations/query$", status=400, times=None))
    with edited(stack.tree / "infra/stages/stream_definition.py", '"maxBatchCount": 1000', '"maxBatchCount": 500'):
        with pytest.raises(EngineError, match=r"step 'rights': \(Fault\) an injected fault: 400; mend that"):
            stack.engine.up(replace=[urn])
        assert (expanded(stack.subscription, stack.job()), stack.job_state()) == (before, "Running")
    stack.cloud.faults.clear()
    stack.up()
    assert (expanded(stack.subscription, stack.job()), stack.problems()) == (before, [])


def test_a_definition_that_is_deployed_again_where_the_deployment_fails_leaves_the_job_running(stack: DeployedStack):
    urn = stack.engine.preview().step(f"resources:Deployment {DEFINITION}").urn
    stack.faults.inject(Fault("error", DEFINITION, "create"))
    with pytest.raises(EngineError, match="An injected fault"):
        stack.engine.up(replace=[urn])
    assert stack.job_state() == "Running"
    stack.up()
    assert stack.problems() == []


def test_a_job_that_cannot_be_made_is_not_started_and_is_made_by_the_next_deployment(
    stack: DeployedStack, after_up: Moment, tmp_path: Path
):
    stack.go_back(Moment(Subscription().snapshot(), after_up.stack))
    with stack.another_engine(tmp_path) as engine:
        stack.faults.inject(Fault("error", JOB, "create"))
        with pytest.raises(EngineError, match=r"StreamingJob scoring-stream: .*An injected fault") as failure:
            engine.up()
        assert "hook" not in str(failure.value) and not [request for request in stack.written() if "start" in request]
        engine.up()
    assert stack.problems() == []
