"""The schedule: put when what it states has changed, and left paused if somebody paused it."""

import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from azure.core.exceptions import ResourceNotFoundError

from scoring.pipeline import SCHEDULE, Data, Pipeline

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

CONTENT_TAG = "content"
"""The tag that holds a digest of what a schedule states."""

SECONDS_TO_SETTLE = 300


def put_schedule(
    client: "MLClient", pipeline: Pipeline, published_job: Callable[[], Data]
) -> Literal["done", "unchanged", "changed"]:
    """Make the schedule start `pipeline`; `published_job` is asked for the job if it must be put.

    A schedule that exists is changed and not replaced by a new one, because whether it is enabled must stay as it is.
    Raises TimeoutError if Azure ML does not take it in five minutes.
    """
    from azure.ai.ml import load_job
    from azure.ai.ml.entities import JobSchedule

    stored: Any = _stored(client)
    settled = stored is not None and stored.provisioning_state == "Succeeded"
    if settled and (stored.tags or {}).get(CONTENT_TAG) == pipeline.schedule:
        return "unchanged"
    job = load_job(io.StringIO(json.dumps(published_job())))
    tags = {**pipeline.tags, CONTENT_TAG: pipeline.schedule}
    wanted: Any = stored or JobSchedule(name=SCHEDULE, trigger=None, create_job=job)
    wanted.trigger, wanted.create_job, wanted.tags = _trigger(pipeline), job, tags
    poller = client.schedules.begin_create_or_update(wanted)
    poller.wait(SECONDS_TO_SETTLE)
    if not poller.done():
        raise TimeoutError(f"Azure ML has not taken the schedule in {SECONDS_TO_SETTLE} s")
    poller.result()
    return "changed" if stored else "done"


def _stored(client: "MLClient") -> Any:
    try:
        return client.schedules.get(SCHEDULE)
    except ResourceNotFoundError:
        return None


def _trigger(pipeline: Pipeline) -> Any:
    from azure.ai.ml.entities import CronTrigger, RecurrenceTrigger

    values = {name: value for name, value in pipeline.trigger.items() if name != "type"}
    return CronTrigger(**values) if pipeline.trigger["type"] == "cron" else RecurrenceTrigger(**values)
