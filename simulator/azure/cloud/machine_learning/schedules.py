"""Schedules: they make a job from a definition of their own, whenever they are due."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from simulator.azure.cloud.http.messages import Answer, Request, ServiceError
from simulator.azure.cloud.machine_learning.jobs import check_components, create_job
from simulator.azure.cloud.machine_learning.operations import Operations
from simulator.azure.cloud.machine_learning.triggers import last_due
from simulator.azure.cloud.machine_learning.workspace import Workspace
from simulator.azure.cloud.settings import CloudSettings
from simulator.azure.subscription import StoredResource

CRON = re.compile(r"(\S+ ){4}\S+")
TRIGGER_TIME = "${{creation_context.trigger_time}}"
_LAST = "lastTrigger"


class Schedules:
    """Schedules of a workspace. Nothing is due until somebody says what time it is.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-schedule-pipeline-job (delete a schedule)
    """

    def __init__(self, settings: CloudSettings, operations: Operations) -> None:
        self._settings, self._operations = settings, operations

    def answer(self, workspace: Workspace, rest: list[str], request: Request) -> Answer:
        """Answer a request for schedules."""
        match request.method, rest:
            case "GET", []:
                view = request.query.get("listViewType", "EnabledOnly")
                found = [one.body for one in workspace.newest_first("schedules")]
                enabled = {"EnabledOnly": (True,), "DisabledOnly": (False,)}.get(view, (True, False))
                return Answer.of(200, {"value": [one for one in found if one["properties"]["isEnabled"] in enabled]})
            case "GET", [name]:
                return Answer.of(200, workspace.existing("schedules", name).body)
            case "PUT", [name]:
                return self._put(workspace, name, request)
            case "DELETE", [name]:
                return self._delete(workspace, name, request)
        raise ServiceError(405, "MethodNotAllowed", f"{request.method} {request.path} is not simulated")

    def create_due_jobs(self, workspace: Workspace, now: datetime) -> list[StoredResource]:
        """Create a job for each enabled schedule that is due, and due since its last run."""
        return [
            self._create_job(workspace, schedule, due)
            for schedule in workspace.newest_first("schedules")
            if schedule.body["properties"]["isEnabled"] and (due := self._due(schedule, now)) is not None
        ]

    @staticmethod
    def _due(schedule: StoredResource, now: datetime) -> datetime | None:
        last = schedule.state.get(_LAST)
        trigger = schedule.body["properties"]["trigger"]
        return last_due(trigger, after=datetime.fromisoformat(last) if last else None, until=now)

    def _create_job(self, workspace: Workspace, schedule: StoredResource, due: datetime) -> StoredResource:
        """Make the job of one time; its name is the service's."""
        definition = json.loads(json.dumps(schedule.body["properties"]["action"]["jobDefinition"]))
        for value in (definition.get("inputs") or {}).values():
            if isinstance(value.get("value"), str):
                value["value"] = value["value"].replace(TRIGGER_TIME, self._settings.written_trigger_time(due))
        workspace.subscription.put(replace(schedule, state=schedule.state | {_LAST: due.astimezone(UTC).isoformat()}))
        return create_job(workspace, f"{schedule.name}-{uuid4().hex[:12]}", definition)

    def _put(self, workspace: Workspace, name: str, request: Request) -> Answer:
        sent: dict[str, Any] = request.json().get("properties", {})
        _check(workspace, sent)
        properties = {**sent, "isEnabled": sent.get("isEnabled") is not False, "provisioningState": "Succeeded"}
        existed = workspace.get("schedules", name) is not None
        kept = workspace.keep("schedules", name, properties=properties)
        body = kept.body | {"properties": properties | {"provisioningState": "Creating"}}
        return Answer.of(200 if existed else 201, body, self._started(workspace, request))

    def _delete(self, workspace: Workspace, name: str, request: Request) -> Answer:
        schedule = workspace.get("schedules", name)
        if schedule is None:
            return Answer(204)
        if schedule.body["properties"]["isEnabled"]:
            raise ServiceError(400, "UserError", f"the schedule {name} is active: disable it before deleting it")
        workspace.subscription.delete(schedule.id)
        return Answer(202, self._started(workspace, request))

    def _started(self, workspace: Workspace, request: Request) -> dict[str, str]:
        return self._operations.started(request.host, workspace.location_id, request.query["api-version"])


def _check(workspace: Workspace, sent: dict[str, Any]) -> None:
    """Refuse what the service refuses. It does not look whether the cluster exists.

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-schedule (five fields, a job)
    """
    trigger, definition = sent.get("trigger", {}), sent.get("action", {}).get("jobDefinition")
    if definition is None:
        raise ServiceError(400, "UserError", "properties.action.jobDefinition is required")
    if trigger.get("triggerType") == "Cron" and not CRON.fullmatch(trigger.get("expression", "")):
        raise ServiceError(400, "UserError", f"{trigger.get('expression')!r} is no cron expression")
    check_components(workspace, definition)
