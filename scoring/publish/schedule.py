"""The schedule: put when what it states has changed, off if the settings say so, and left off if somebody paused it."""

import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from azure.core.exceptions import ResourceNotFoundError

from scoring.publish.pipeline import SCHEDULE, Data, Pipeline

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

CONTENT_TAG = "content"
"""The tag that holds a digest of what a schedule states."""

PAUSED_TAG, BY_SETTINGS = "paused-by", "settings"
"""The tag of a schedule that the settings switched off: only that one do they switch on again."""

SECONDS_TO_SETTLE = 300


def put_schedule(
    client: "MLClient", pipeline: Pipeline, published_job: Callable[[], Data]
) -> Literal["done", "unchanged", "changed"]:
    """Make the schedule start `pipeline`; `published_job` is asked for the job if it must be put.

    Where the settings disable it, it is off, whatever somebody did. Where they enable it, it stays off if somebody
    switched it off in Azure ML, and is on otherwise. Raises TimeoutError if Azure ML does not take it in five minutes.
    """
    from azure.ai.ml import load_job
    from azure.ai.ml.entities import JobSchedule

    stored: Any = _stored(client)
    tags = {**pipeline.tags, CONTENT_TAG: pipeline.schedule}
    may_run = stored is None or stored.is_enabled or (stored.tags or {}).get(PAUSED_TAG) == BY_SETTINGS
    if may_run and not pipeline.settings.enabled:
        tags[PAUSED_TAG] = BY_SETTINGS
    enabled = may_run and pipeline.settings.enabled
    if _is_so(stored, tags, enabled=enabled):
        return "unchanged"
    job = load_job(io.StringIO(json.dumps(published_job())))
    wanted = JobSchedule(name=SCHEDULE, trigger=_trigger(pipeline), create_job=job, tags=tags, is_enabled=enabled)
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


def _is_so(stored: Any, tags: dict[str, str], *, enabled: bool) -> bool:
    """Whether the schedule is settled, and states and does what is wanted."""
    if stored is None or stored.provisioning_state != "Succeeded" or stored.is_enabled != enabled:
        return False
    return all((stored.tags or {}).get(name) == tags.get(name) for name in (CONTENT_TAG, PAUSED_TAG))


def _trigger(pipeline: Pipeline) -> Any:
    from azure.ai.ml.entities import CronTrigger, RecurrenceTrigger

    values = {name: value for name, value in pipeline.trigger.items() if name != "type"}
    return CronTrigger(**values) if pipeline.trigger["type"] == "cron" else RecurrenceTrigger(**values)
