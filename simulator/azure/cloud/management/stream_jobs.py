"""Stream Analytics jobs over HTTP: their state, start and stop.

What a job does while it runs is not here. Whoever runs its query notes in the resource's state as `lastOutputEventTime`
when it wrote last.
"""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from simulator.azure.cloud.http.messages import Answer, Request, ServiceError
from simulator.azure.cloud.settings import CloudSettings
from simulator.azure.errors import ArmError
from simulator.azure.stream_children import KINDS, STATE_ANSWERED, check_at_rest, expanded, write_child
from simulator.azure.subscription import StoredResource, Subscription
from stream_queries.engine.language.lint import RefusedError
from stream_queries.engine.language.tokens import tokens

STREAM_JOBS = "Microsoft.StreamAnalytics/streamingjobs"
API_VERSION = "2020-03-01"
ARRIVES_AT = {"Starting": "Running", "Stopping": "Stopped"}
MAY_START = ("Created", "Stopped", "Failed")
MAY_STOP = ("Running", "Degraded", "Starting")


class StreamJobs:
    """States: Created → Starting → Running (or Failed) → Stopping → Stopped → Starting …

    A state in between ends after `CloudSettings.polls` looks at the job or at the operation that a start or stop is.

    Source: https://learn.microsoft.com/azure/stream-analytics/job-states (states)
    Assumed: from which of them a job starts or stops, 409 for the others, 404 for what is
    not below the job; the release looks at the state before it acts.
    """

    def __init__(self, subscription: Subscription, settings: CloudSettings) -> None:
        self._subscription, self._settings = subscription, settings

    def get(self, job: StoredResource, expand: str = "") -> Answer:
        """The job, with its state, and of what lies below it what is to be expanded."""
        body = self._body(self._looked_at(job))
        wanted = {name.strip() for name in expand.split(",")}
        more = {name: value for name, value in expanded(self._subscription, job).items() if name in wanted}
        return Answer.of(200, body | {"properties": body["properties"] | more})

    def child(self, job: StoredResource, kind: str, name: str, request: Request) -> Answer:
        """Write, read or delete an input, an output or the query."""
        id_ = f"{job.id}/{kind}/{name}"
        there = self._subscription.get(id_)
        try:
            if request.method == "PUT":
                write_child(self._subscription, job, kind, name, request.json().get("properties", {}))
            elif request.method == "DELETE":
                check_at_rest(job)
                self._subscription.delete(id_)
                return Answer(200 if there else 204)
        except ArmError as error:
            raise ServiceError(error.status, error.code, error.message) from error
        found = self._subscription.get(id_)
        if found is None:
            raise ServiceError(404, "NotFound", f"{id_} was not found")
        return Answer.of(200 if there else 201, found.body)

    def act(self, job: StoredResource, action: str, request: Request) -> Answer:
        """Start or stop a job."""
        job = self._looked_at(job)
        if action == "start":
            self._check_start(job, request.json())
            self._move(job, "Starting", outputStartMode=request.json().get("outputStartMode"))
        elif action == "stop":
            self._check_state(job, MAY_STOP, "stopped")
            self._move(job, "Stopping")
        else:
            raise ServiceError(404, "NotFound", f"stream jobs do not know {action!r}")
        operation = f"https://{request.host}{job.id}/operationresults/{action}?api-version={API_VERSION}"
        return Answer(202, {"Location": operation, **self._settings.poll_headers()})

    def operation(self, job: StoredResource) -> Answer:
        """Whether the last start or stop is done."""
        job = self._looked_at(job)
        if _state(job) in ARRIVES_AT:
            return Answer(202, self._settings.poll_headers())
        return Answer.of(200, self._body(job))

    def _check_start(self, job: StoredResource, body: dict[str, Any]) -> None:
        """A job without input, output or query is refused too.

        Source: https://github.com/pulumi/pulumi-azure-native/issues/688
        Assumed: so is one whose query writes to an output that the job does not have.
        """
        self._check_state(job, MAY_START, "started")
        for kind in KINDS:
            if not self._subscription.children(job.id, kind):
                message = f"The streaming job should have at least one {kind.removesuffix('s')} defined."
                raise ServiceError(422, "422", message)
        outputs = {child.name.casefold() for child in self._subscription.children(job.id, "outputs")}
        (query,) = self._subscription.children(job.id, "transformations")
        if unknown := _written_to(query.body["properties"].get("query", "")) - outputs:
            raise ServiceError(400, "BadRequest", f"the query writes to outputs that are not there: {sorted(unknown)}")
        mode = body.get("outputStartMode", "JobStartTime")
        if mode == "LastOutputEventTime" and job.state.get("lastOutputEventTime") is None:
            message = "outputStartMode LastOutputEventTime: the job has never written an output"
            raise ServiceError(400, "BadRequest", message)
        if mode not in ("JobStartTime", "LastOutputEventTime", "CustomTime"):
            raise ServiceError(400, "BadRequest", f"outputStartMode {mode!r} is unknown")

    @staticmethod
    def _check_state(job: StoredResource, allowed: tuple[str, ...], done: str) -> None:
        if _state(job) not in allowed:
            raise ServiceError(409, "Conflict", f"the job is {_state(job)}: it cannot be {done}")

    def _looked_at(self, job: StoredResource) -> StoredResource:
        """The job after one more look, which may be what brings it to where it was on its way to."""
        state = _state(job)
        if state not in ARRIVES_AT:
            return job
        if job.state.get("polls", 0) > 0:
            return self._move(job, state, polls=job.state["polls"] - 1)
        return self._move(job, "Failed" if state == "Starting" and self._settings.failing_starts else ARRIVES_AT[state])

    def _move(self, job: StoredResource, state: str, **more: Any) -> StoredResource:
        moved = replace(job, state={**job.state, "polls": self._settings.polls, **more, "jobState": state})
        if state == "Starting" and _state(job) != state:
            moved.state["outputStartTime"] = datetime.now(UTC).isoformat()
        self._subscription.put(moved)
        return moved

    @staticmethod
    def _body(job: StoredResource) -> dict[str, Any]:
        properties = {name: job.state[name] for name in STATE_ANSWERED if job.state.get(name) is not None}
        return job.body | {"properties": job.body.get("properties", {}) | properties | {"jobState": _state(job)}}


def _written_to(query: str) -> set[str]:
    """Aliases after INTO; none of a query that only Azure can read."""
    try:
        words = tokens(query)
    except RefusedError:
        return set()
    return {name.value.casefold() for into, name in pairwise(words) if into.word == "INTO"}


def _state(job: StoredResource) -> str:
    return job.state.get("jobState", "Created")
