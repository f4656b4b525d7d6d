"""Start and stop of the stream job: a running job rejects changes, and only a running one makes windows.

What Azure answers to a request is not trusted to be the end of it: the job's state decides. So a request whose answer
was lost, a second deployment, or a process that was killed in between change nothing in how it ends.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core.exceptions import HttpResponseError

from infra.release.work.job_definition import JOB_API, Children, JobDefinition
from infra.release.work.resource_manager import ResourceManager
from scoring.patience import Patience
from stream_queries.errors import UserError

RUNNING = frozenset({"Running", "Degraded", "Restarting", "Scaling"})
AT_REST = frozenset({"Created", "Stopped", "Failed"})
"""All other states are on the way to one of these.
Source: https://learn.microsoft.com/azure/stream-analytics/job-states"""


class StreamJobError(UserError):
    """The job does not get to the state that was asked for; the text says what to do."""


@dataclass(frozen=True)
class JobControl:
    """One stream job, and how far back its hub keeps events."""

    manager: ResourceManager
    job_id: str
    retention: timedelta
    patience: Patience
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def definition(self) -> JobDefinition:
        """What the job does."""
        return JobDefinition(self.manager, self.job_id, self.patience)

    def state(self) -> str:
        """The job's state, `Missing` if there is no job."""
        found = self._look()
        return "Missing" if found is None else found.get("properties", {}).get("jobState", "Created")

    def stop(self) -> str:
        """Stop the job if it runs and wait until it is at rest; says what was done."""
        if (state := self.state()) in AT_REST | {"Missing"}:
            return f"already {state.lower()}"
        self._reach("stop", AT_REST, None)
        return "stopped"

    def start(self) -> str:
        """Start the job unless it runs and wait until it does; says what was done.

        It starts with its whole definition, as it was deployed last.
        """
        if self.settled("start") in RUNNING:
            return "runs already"
        restored = self.definition.restore()
        body, where = self._start_point()
        self._reach("start", RUNNING, body)
        return "; ".join(filter(None, (restored, f"started from {where}")))

    def restart_after_change(self) -> str:
        """Start the job again that was stopped for a change; one that never ran is left to the release."""
        return "not started yet" if self.state() == "Created" else self.start()

    def put_back(self, children: Children, deployment: Mapping[str, Any] | None) -> str:
        """Have it do again what it did before a change that failed; a job that runs has taken no change."""
        if self.settled("stop") in RUNNING:
            return "it runs on"
        return self.definition.put_back(children, deployment) or "nothing to put back"

    def restore(self) -> str | None:
        """Write again what the job has lost, as soon as it takes changes; says so, None if nothing."""
        self.settled("stop")
        return self.definition.restore()

    def settled(self, action: str) -> str:
        """The job's state, as soon as it is on its way to no other; `action` is what it is waited for.

        Raises StreamJobError if there is no job.
        """
        settled = RUNNING | AT_REST | {"Missing"}
        state = self.patience.until(f"{action} of the stream job", self.state, lambda state: state in settled)
        if state == "Missing":
            raise self._missing()
        return state

    def _reach(self, action: str, wanted: frozenset[str], body: dict[str, str] | None) -> None:
        """Ask for `action` whenever the job is at rest elsewhere, until it is where it is `wanted`.

        A start that fails is made again until the time is over: a role may not have arrived, which takes as long as it
        takes, however often the job is started meanwhile.
        """
        taken = failures = 0

        def reached() -> bool:
            nonlocal taken, failures
            state = self.state()
            if state == "Missing":
                raise self._missing()
            if state == "Failed" and wanted is RUNNING and taken > 0:
                failures += 1
                self.patience.say(f"stream job: start {taken} failed: waiting for its roles to be known everywhere")
            if state in (AT_REST if wanted is RUNNING else RUNNING):
                taken += self.patience.retry("stream job", lambda: self._ask(action, body, state))
            return state in wanted

        try:
            self.patience.until(f"{action} of the stream job", reached)
        except TimeoutError as error:
            if not failures:
                raise
            raise StreamJobError(
                f"the stream job failed to start for {self.patience.seconds / 60:.0f} minutes ({taken} starts): a new "
                "role takes up to 30 minutes to be known everywhere (propagation); if its activity log names another "
                "reason, mend that"
            ) from error

    def _ask(self, action: str, body: dict[str, str] | None, state: str) -> bool:
        """Send the request; returns whether it was taken.

        A refusal counts only if the job is still in `state`: somebody may have asked before.
        """
        try:
            self.manager.post(self.job_id, action, JOB_API, body)
        except HttpResponseError as error:
            if error.status_code != 409 and self.state() == state:
                raise
            return False
        return True

    def _start_point(self) -> tuple[dict[str, str], str]:
        """Where to read from: where the last output ended, unless there is none or the hub no longer has it."""
        last = (self._look() or {}).get("properties", {}).get("lastOutputEventTime")
        if last is None:
            return {"outputStartMode": "JobStartTime"}, "now on, it never wrote before"
        gap = self.now() - datetime.fromisoformat(last)
        if gap >= self.retention:
            return {"outputStartMode": "JobStartTime"}, (
                f"now on: its last output is of {last}, further back than the hub keeps events, "
                f"so there are no windows of the {gap - self.retention} after it"
            )
        return {"outputStartMode": "LastOutputEventTime"}, f"its last output, {last}"

    def _missing(self) -> StreamJobError:
        return StreamJobError(f"{self.job_id} does not exist: run `pulumi refresh`")

    def _look(self) -> dict[str, Any] | None:
        return self.patience.retry("stream job", lambda: self.manager.get(self.job_id, JOB_API))
