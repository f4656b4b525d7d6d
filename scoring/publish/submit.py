"""Starting a run of the published pipeline now.

The job is the one of the published schedule, so it runs what is deployed and not what happens to be checked out. Its
name derives from interval, release and attempt, and Azure ML takes a name once: submitting twice starts one run.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from azure.core.credentials import TokenCredential
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from scoring.cluster.interval import Interval
from scoring.patience import Patience
from scoring.publish import Workspace
from scoring.publish.pipeline import EXPERIMENT, SCHEDULE
from scoring.publish.schedule import CONTENT_TAG
from scoring.publish.workspace import ENDED
from stream_queries.errors import UserError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

_PLAIN = "%Y-%m-%d %H:%M:%S"
"""Times in inputs: with ISO 8601's T and Z, Azure ML was seen to answer that such a job exists already."""


@dataclass(frozen=True)
class SubmittedRun:
    """A run: `outcome` says in words whether this call started it."""

    name: str
    url: str
    outcome: str


def submit(
    workspace: Workspace,
    interval: Interval | None,
    credential: TokenCredential,
    *,
    now: datetime | None = None,
    patience: Patience | None = None,
) -> SubmittedRun:
    """Start a run of `interval`, by default of the latest one whose windows are complete by `now`.

    If a run of the same interval and release is under way it is returned instead; if one has ended, a new attempt is
    started. Raises UserError where nothing is published or Azure refuses.
    """
    client, patience = workspace.client(credential), patience or Patience()
    schedule = patience.attempt(f"schedule {SCHEDULE}", lambda: _schedule(client, workspace))
    tags = schedule.tags or {}
    try:
        release = tags[CONTENT_TAG]
        length, settle = (timedelta(minutes=float(tags[f"{name}_minutes"])) for name in ("interval", "settle"))
    except (KeyError, ValueError):
        raise UserError(f"schedule {SCHEDULE} of {workspace.name} was not published by this program: deploy") from None
    chosen = interval or Interval.before(now or datetime.now(UTC), length=length, settle=settle)
    inputs = {
        "trigger_time": (chosen.end + settle).strftime(_PLAIN),
        "interval": f"{chosen.start.strftime(_PLAIN)}/{chosen.end.strftime(_PLAIN)}",
    }
    base = f"scoring-{chosen.folder.rsplit('/', 1)[-1]}-{release}"
    return patience.attempt(f"run of {chosen.folder}", lambda: _submit_once(client, schedule.create_job, base, inputs))


def _schedule(client: "MLClient", workspace: Workspace) -> Any:
    try:
        return client.schedules.get(SCHEDULE)
    except ResourceNotFoundError:
        raise UserError(f"{workspace.name} has no schedule {SCHEDULE}: deploy first, with pulumi up") from None


def _submit_once(client: "MLClient", job: Any, base: str, inputs: dict[str, str]) -> SubmittedRun:
    """Return the attempt that is under way, or start the one after the last that has ended."""
    attempt = 1
    while (run := _run(client, f"{base}-{attempt}")) is not None:
        if run.status not in ENDED:
            return SubmittedRun(run.name, run.studio_url, f"is under way ({_word(run.status)})")
        attempt += 1
    job.name = f"{base}-{attempt}"
    for name, value in inputs.items():
        setattr(job.inputs, name, value)
    try:
        started = client.jobs.create_or_update(job, experiment_name=EXPERIMENT)
    except ResourceExistsError:  # somebody was faster, or the answer to our own request was lost
        run = client.jobs.get(job.name)
        return SubmittedRun(run.name, run.studio_url, f"is under way ({_word(run.status)})")
    return SubmittedRun(started.name, started.studio_url, f"started, attempt {attempt}")


def _word(status: Any) -> str:
    return str(getattr(status, "value", status))


def _run(client: "MLClient", name: str) -> Any:
    try:
        return client.jobs.get(name)
    except ResourceNotFoundError:
        return None
