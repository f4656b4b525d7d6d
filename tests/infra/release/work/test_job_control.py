"""Start and stop of the stream job, against a job that behaves as Azure's documentation says."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ServiceResponseError

from infra.release.work.job_control import JobControl, StreamJobError
from infra.release.work.resource_manager import ResourceManager
from scoring.patience import SECONDS_FOR_RIGHTS, Patience

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def http_error(status: int) -> HttpResponseError:
    error = HttpResponseError(f"simulated {status}")
    error.status_code = status
    return error


class Job(ResourceManager):
    """A stream job that takes a few looks to start or stop. `faults` are raised by requests, one each, if not None."""

    def __init__(self, state: str, *, last_output: str | None = None, looks: int = 2) -> None:
        self.state, self.last_output, self.looks = state, last_output, looks
        self.asked: list[tuple[str, Mapping[str, Any] | None]] = []
        self.before: list[Exception | None] = []
        self.after: list[Exception | None] = []
        self.refused_looks: list[Exception | None] = []
        self.failing_starts = 0
        self._left = looks if state in ("Starting", "Stopping") else 0

    def get(self, resource_id: str, api_version: str, *, expand: str | None = None) -> dict[str, Any] | None:
        if "/deployments/" in resource_id:
            return None
        if self.refused_looks and (error := self.refused_looks.pop()) is not None:
            raise error
        if self.state == "Missing":
            return None
        self._left -= 1
        if self._left < 0:
            ends = {"Starting": "Failed" if self.failing_starts else "Running", "Stopping": "Stopped"}
            self.failing_starts -= self.state == "Starting" and self.failing_starts > 0
            self.state = ends.get(self.state, self.state)
        last = {"lastOutputEventTime": self.last_output} if self.last_output else {}
        return {"properties": {"jobState": self.state, **last}}

    def post(
        self, resource_id: str, action: str, api_version: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        if self.before and (error := self.before.pop(0)) is not None:
            raise error
        self.asked.append((action, body))
        if (action == "start") is (self.state in ("Running", "Starting")):
            raise http_error(409)
        self.state, self._left = ("Starting" if action == "start" else "Stopping"), self.looks
        if self.after and (error := self.after.pop(0)) is not None:
            raise error
        return {}


@pytest.fixture
def control() -> Callable[[Job], JobControl]:
    def make(job: Job, seconds: float = 60) -> JobControl:
        patience = Patience(
            seconds=seconds, first_wait=0.002, longest_wait=0.002, say=lambda line: None, sleep=lambda s: None
        )
        return JobControl(job, "/job", timedelta(hours=24), patience, now=lambda: NOW)

    return make


def test_a_job_that_never_wrote_starts_from_now(control):
    job = Job("Created")
    assert control(job).start() == "started from now on, it never wrote before"
    assert job.state == "Running" and job.asked == [("start", {"outputStartMode": "JobStartTime"})]


def test_a_job_that_wrote_goes_on_where_its_output_ended(control):
    job = Job("Stopped", last_output="2026-11-22T11:00:00Z")
    assert control(job).start() == "started from its last output, 2026-11-22T11:00:00Z"
    assert job.asked == [("start", {"outputStartMode": "LastOutputEventTime"})]


def test_a_stop_that_outlasted_the_hub_starts_from_now_and_reports_the_gap(control):
    job = Job("Stopped", last_output="2026-11-21T09:00:00.1234567Z")
    assert "there are no windows of the 2:59:59.876544 after it" in control(job).start()
    assert job.asked == [("start", {"outputStartMode": "JobStartTime"})]


@pytest.mark.parametrize("state", ["Running", "Degraded", "Restarting", "Scaling"])
def test_a_job_that_runs_is_not_started(control, state):
    job = Job(state)
    assert control(job).start() == "runs already" and job.asked == []


@pytest.mark.parametrize("state", ["Created", "Stopped", "Failed", "Missing"])
def test_a_job_at_rest_is_not_stopped(control, state):
    job = Job(state)
    assert control(job).stop() == f"already {state.lower()}" and job.asked == []


def test_a_running_job_is_stopped_and_waited_for(control):
    job = Job("Running", looks=5)
    assert control(job).stop() == "stopped" and job.state == "Stopped"


def test_a_job_that_somebody_is_stopping_is_started_when_it_rests(control):
    job = Job("Stopping", looks=0)
    control(job).start()
    assert job.state == "Running" and [action for action, _ in job.asked] == ["start"]


def test_a_job_that_somebody_is_starting_is_stopped_when_it_runs(control):
    job = Job("Starting", looks=0)
    control(job).stop()
    assert job.state == "Stopped"


def test_a_job_that_never_ran_is_left_to_the_release_after_a_change(control):
    job = Job("Created")
    assert control(job).restart_after_change() == "not started yet" and job.asked == []


def test_a_job_stopped_for_a_change_runs_again_after_it(control):
    job = Job("Stopped", last_output="2026-11-22T11:00:00Z")
    control(job).restart_after_change()
    assert job.state == "Running"


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_a_request_refused_for_a_while_is_made_again(control, status):
    job = Job("Created")
    job.before = [http_error(status), http_error(status), None]
    control(job).start()
    assert job.state == "Running" and len(job.asked) == 1


@pytest.mark.parametrize(
    ("action", "state"), [("start", "Stopped"), ("restart_after_change", "Stopped"), ("stop", "Running")]
)
def test_every_look_at_the_job_may_be_refused_for_a_while(control, action, state):
    job = Job(state, last_output="2026-11-22T11:00:00Z")
    job.refused_looks = [None, http_error(403)] * 10
    getattr(control(job), action)()
    assert job.state == ("Stopped" if action == "stop" else "Running") and len(job.asked) == 1


@pytest.mark.parametrize(("state", "action"), [("Created", "start"), ("Running", "stop")])
def test_an_answer_lost_after_success_changes_nothing(control, state, action):
    job = Job(state)
    job.after = [ServiceResponseError("connection cut")]
    getattr(control(job), action)()
    assert job.state == ("Running" if action == "start" else "Stopped")


def waiting(said: list[str], seconds: float) -> Patience:
    """Patience with a clock of its own: a wait is over at once."""
    return Patience(seconds=seconds, say=said.append, sleep=lambda _: None)


def test_a_job_that_fails_to_start_while_its_roles_arrive_is_started_again_however_often_it_takes():
    job, said = Job("Created", looks=0), []
    job.failing_starts = 12
    JobControl(job, "/job", timedelta(hours=24), waiting(said, SECONDS_FOR_RIGHTS), now=lambda: NOW).start()
    assert job.state == "Running" and len(job.asked) == 13
    assert said[0] == "stream job: start 1 failed: waiting for its roles to be known everywhere" and len(said) == 12


@pytest.mark.parametrize("looks", [0, 2], ids=["between two looks", "under our eyes"])
def test_a_job_that_goes_on_failing_to_start_is_given_up_by_time_with_what_may_be_the_reason(looks):
    job = Job("Created", looks=looks)
    job.failing_starts = 10**6
    control = JobControl(job, "/job", timedelta(hours=24), waiting([], SECONDS_FOR_RIGHTS), now=lambda: NOW)
    with pytest.raises(StreamJobError, match=r"failed to start for 30 minutes \(\d\d starts\).*propagation.*mend that"):
        control.start()
    assert len(job.asked) > 12


def test_a_refusal_does_not_count_if_somebody_else_has_started_the_job(control):
    class Refusal(Job):
        def post(
            self, resource_id: str, action: str, api_version: str, body: Mapping[str, Any] | None = None
        ) -> dict[str, Any]:
            super().post(resource_id, action, api_version, body)
            raise http_error(400)

    job = Refusal("Created")
    control(job).start()
    assert job.state == "Running"


def test_a_failed_job_is_started_again(control):
    job = Job("Failed", last_output="2026-11-22T11:00:00Z")
    control(job).start()
    assert job.state == "Running"


@pytest.mark.parametrize("action", ["start", "restart_after_change", "restore"])
def test_a_missing_job_is_an_error_that_says_what_to_do(control, action):
    with pytest.raises(StreamJobError, match="run `pulumi refresh`"):
        getattr(control(Job("Missing")), action)()


def test_a_job_that_never_gets_there_is_given_up_at_the_deadline(control):
    with pytest.raises(TimeoutError, match="start of the stream job took more than 0 s"):
        control(Job("Starting", looks=10**9), seconds=0.05).start()


def test_what_does_not_pass_is_raised_at_once(control):
    job = Job("Created")
    job.before = [http_error(400)] * 5
    with pytest.raises(HttpResponseError, match="simulated 400"):
        control(job).start()
    assert len(job.before) == 4
