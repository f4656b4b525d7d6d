"""The scoring pipeline as Azure ML is told of it: prepare, score in parallel, collect, and when that happens.

Everything here is plain data in the form of Azure ML's YAML
(https://learn.microsoft.com/azure/machine-learning/reference-yaml-overview), and no network or SDK is needed to say it.
Every version is a digest of what it is the version of: the same settings, code and fleet always give the same names, so
what exists already is recognised, and whatever differs differs in name.
"""

import hashlib
import json
import shlex
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from scoring.cluster.model.fleet import Fleet
from scoring.cluster.steps import LATEST
from scoring.cluster.stores.identity import CLIENT_ID_VARIABLE
from scoring.local.parallel import SINGLE_THREADED
from scoring.publish.uploaded_code import ENTRY_SCRIPT, code_version, uploaded_files

MODEL, ENVIRONMENT, PIPELINE, SCHEDULE, EXPERIMENT = "sensor-models", "scoring", "scoring", "scoring", "scoring"
PREPARE, SCORE, COLLECT = "scoring_prepare", "scoring_score", "scoring_collect"

DEFAULT_FLEET_PLACE = Path("scoring/models/fleets/default")
DEFAULT_FLEET = Path(__file__).parents[2] / DEFAULT_FLEET_PLACE
"""The fleet that is published where a stack's settings name no other; `scoring.models.default_fleet` trains it.

Its place is that in any tree of this project.
"""

TRIGGER_TIME = "${{creation_context.trigger_time}}"
"""When a scheduled run was due. Azure ML fills it in only where it is all of a top-level input of type string."""

FIRST_START = datetime.fromisoformat("2018-01-01T00:00:00")
"""Where schedules count from: a midnight in the past that never changes, before the reference readings."""

START_MARGIN = timedelta(minutes=1)
SECONDS_TO_FIRST_TASK = 600  # a node may have to start, and to pull the image
VERSION_LENGTH = 12

Data = dict[str, Any]

_TEXT, _FOLDER = {"type": "string"}, {"type": "uri_folder"}
_SPREAD = (
    "input_data",
    "resources",
    "max_concurrency_per_instance",
    "mini_batch_size",
    "retry_settings",
    "error_threshold",
    "mini_batch_error_threshold",
    "logging_level",
)
"""How a parallel step is spread: the SDK states it of the node too, although its component says it."""


def first_due(settle: timedelta) -> datetime:
    """The time, in the schedule's zone, from which a schedule counts: see `Pipeline.trigger`."""
    return FIRST_START + settle + START_MARGIN


@dataclass(frozen=True)
class Recurrence:
    """Every `count` units; `unit` is minute, hour or day."""

    count: int
    unit: str
    time_zone: str = "UTC"


@dataclass(frozen=True)
class Cron:
    """Minute, hour, any, any, weekday: Azure ML ignores days and months."""

    expression: str
    time_zone: str = "UTC"


@dataclass(frozen=True)
class PipelineSettings:
    """What can be set of the published pipeline.

    `image` is a reference with its registry, `database` an SQLAlchemy URL, `predictions` the URL of a container.
    While the schedule is `enabled`, a run scores `interval`, ending `settle` before it was due. A mini-batch of
    `shards_per_mini_batch` files is what one of the `nodes` times `processes_per_node` workers gets at a time; it may
    take `mini_batch_timeout`, and is tried again `retries` times. A run waits at most `wait` for late windows, deletes
    those that are older than `window_days`, and counts as failed above `max_unscored_share` of unscored series. Of old
    versions, `versions_kept` stay beside the published ones; the others are archived.
    """

    cluster: str
    image: str
    identity_client_id: str
    database: str
    predictions: str
    interval: timedelta
    settle: timedelta
    schedule: Recurrence | Cron
    enabled: bool = True
    window_days: int = 90
    nodes: int = 1
    processes_per_node: int = 2
    shards_per_mini_batch: int = 1
    retries: int = 2
    mini_batch_timeout: timedelta = timedelta(minutes=10)
    versions_kept: int = 10
    wait: timedelta = timedelta(0)
    max_unscored_share: float = 1.0


@dataclass(frozen=True)
class Pipeline:
    """One state of everything that is published. `code` and `fleet` are versions.

    `full_shards` is how many shards the fleet's series fill, which is how much there is to spread over nodes.
    """

    settings: PipelineSettings
    code: str
    fleet: str
    full_shards: int

    @classmethod
    def of(cls, settings: PipelineSettings, fleet: Path) -> "Pipeline":
        """With this checkout's code and the fleet in a folder; UserError where that is none."""
        opened = Fleet.open(fleet)
        return cls(settings, code_version(uploaded_files()), opened.version, opened.full_shards)

    @property
    def node_count(self) -> int:
        """How many nodes a run asks for: as many as have full shards to score, and no more than there are."""
        at_a_time = self.settings.processes_per_node * self.settings.shards_per_mini_batch
        return min(self.settings.nodes, -(-self.full_shards // at_a_time))

    @cached_property
    def environment(self) -> str:
        """The environment's version: it is nothing but an image."""
        return digest(self.settings.image)

    @cached_property
    def steps(self) -> dict[str, Data]:
        """The three steps' components by name, in order; in place of their code stands its version."""
        return {data["name"]: _versioned(data) for data in (self._prepare(), self._score(), self._collect())}

    @cached_property
    def component(self) -> Data:
        """The pipeline as a component: what runs, without which models and when."""
        return _versioned(
            {
                "type": "pipeline",
                "name": PIPELINE,
                "display_name": "scoring",
                "description": "Prepare the windows of an interval, score them in parallel, keep the predictions",
                "is_deterministic": False,
                "inputs": {"trigger_time": _TEXT, "interval": _TEXT, "release": _TEXT, "fleet": _FOLDER},
                "jobs": self.nodes(self.steps[SCORE]["task"]),
            }
        )

    @property
    def release(self) -> str:
        """What scored, in manifests: code, image and settings."""
        return self.component["version"]

    def nodes(self, task: Data) -> Data:
        """The steps as nodes of a job; `task` is what the scoring step runs, as its component says or as published."""
        identity = {"type": "managed"}
        who = {CLIENT_ID_VARIABLE: self.settings.identity_client_id}
        interval = {name: f"${{{{parent.inputs.{name}}}}}" for name in ("trigger_time", "interval")}
        fleet = "${{parent.inputs.fleet}}"
        prepared, scored = "${{parent.jobs.prepare.outputs.prepared}}", "${{parent.jobs.score.outputs.scored}}"
        output = {"type": "uri_folder", "mode": "rw_mount"}
        spread = {name: value for name, value in self.steps[SCORE].items() if name in _SPREAD}
        return {
            "prepare": {
                "type": "command",
                "component": self._reference(PREPARE),
                "identity": identity,
                "environment_variables": who,
                "inputs": {**interval, "fleet": fleet},
                "outputs": {"prepared": output},
            },
            "score": {
                "type": "parallel",
                "component": self._reference(SCORE),
                "identity": identity,
                "environment_variables": who | dict.fromkeys(SINGLE_THREADED, "1"),
                "inputs": {"prepared": prepared, "fleet": fleet},
                "outputs": {"scored": output},
                **spread,
                "task": task,
            },
            "collect": {
                "type": "command",
                "component": self._reference(COLLECT),
                "identity": identity,
                "environment_variables": who,
                "inputs": {
                    **interval,
                    "fleet": fleet,
                    "release": "${{parent.inputs.release}}",
                    "prepared": prepared,
                    "scored": scored,
                },
            },
        }

    def job(self, task: Data, models: str) -> Data:
        """The job that the schedule starts; see `nodes` for `task`. `models` is the path of the model's folder.

        The path and not the model: a parallel step takes folders and tables only
        (https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-parallel#job-inputs), and by its name a
        model can only be an input of type custom_model.
        """
        fleet = {"type": "uri_folder", "path": models, "mode": "ro_mount"}
        return {
            "type": "pipeline",
            "display_name": "scoring",
            "experiment_name": EXPERIMENT,
            "tags": self.tags,
            "inputs": {"trigger_time": TRIGGER_TIME, "interval": LATEST, "release": self.release, "fleet": fleet},
            "settings": {
                "default_compute": f"azureml:{self.settings.cluster}",
                "force_rerun": True,  # steps read a database, which Azure ML's reuse of results cannot see
                "continue_on_step_failure": False,
            },
            "jobs": self.nodes(task),
        }

    @property
    def tags(self) -> dict[str, str]:
        """What people, and `scoring submit`, want to know of a run; Azure ML keeps them with the schedule's job."""
        return {
            "release": self.release,
            "fleet": self.fleet,
            "interval_minutes": f"{self.settings.interval / timedelta(minutes=1):g}",
            "settle_minutes": f"{self.settings.settle / timedelta(minutes=1):g}",
        }

    @cached_property
    def trigger(self) -> Data:
        """When the schedule starts a run.

        The start is fixed and past: without one Azure ML runs a first job at once, and one that is different each time
        would publish the schedule again each time. A recurrence is due a minute after windows have settled, so that a
        trigger time that is a little early still means the same interval.
        """
        schedule = self.settings.schedule
        common = {"time_zone": schedule.time_zone, "start_time": first_due(self.settings.settle).isoformat()}
        if isinstance(schedule, Cron):
            return {"type": "cron", "expression": schedule.expression, **common}
        return {"type": "recurrence", "frequency": schedule.unit.lower(), "interval": schedule.count, **common}

    @cached_property
    def schedule(self) -> str:
        """A digest of everything that the schedule states: models, compute, pipeline, inputs and times."""
        return digest(
            {"job": self.job(self.steps[SCORE]["task"], f"azureml:{MODEL}:{self.fleet}"), "trigger": self.trigger}
        )

    def _reference(self, step: str) -> str:
        return f"azureml:{step}:{self.steps[step]['version']}"

    def _prepare(self) -> Data:
        wait = self.settings.wait // timedelta(minutes=1)
        numbers = f"--wait-minutes {wait} --keep-days {self.settings.window_days}"
        arguments = ["--database", shlex.quote(self.settings.database), numbers]
        folders = {"fleet": "${{inputs.fleet}}", "out": "${{outputs.prepared}}"}
        return self._command(PREPARE, "prepare", arguments, folders, inputs={}, outputs={"prepared": _FOLDER})

    def _collect(self) -> Data:
        share = f"--max-unscored-share {self.settings.max_unscored_share:g}"
        arguments = [
            "--predictions",
            shlex.quote(self.settings.predictions),
            "--release",
            '"${{inputs.release}}"',
            share,
        ]
        folders = {name: f"${{{{inputs.{name}}}}}" for name in ("fleet", "prepared", "scored")}
        inputs = {"release": _TEXT, "prepared": _FOLDER, "scored": _FOLDER}
        return self._command(COLLECT, "collect", arguments, folders, inputs=inputs, outputs={})

    def _command(
        self, name: str, step: str, arguments: list[str], folders: dict[str, str], *, inputs: Data, outputs: Data
    ) -> Data:
        minute = timedelta(minutes=1)
        words = [
            f"python -m scoring.cluster.steps {step}",
            '--interval "${{inputs.interval}}" --trigger-time "${{inputs.trigger_time}}"',
            f"--interval-minutes {self.settings.interval // minute} --settle-minutes {self.settings.settle // minute}",
            *arguments,
            *(f'--{option} "{value}"' for option, value in folders.items()),
        ]
        return {
            "type": "command",
            "name": name,
            "display_name": step,
            "is_deterministic": False,
            "inputs": {"trigger_time": _TEXT, "interval": _TEXT, "fleet": _FOLDER, **inputs},
            "outputs": outputs,
            "code": self.code,
            "environment": f"azureml:{ENVIRONMENT}:{self.environment}",
            "command": " ".join(words),
        }

    def _score(self) -> Data:
        """The defaults of all thresholds ignore every failure; here a shard that fails for good fails the run."""
        arguments = [
            "--fleet ${{inputs.fleet}} --scores ${{outputs.scored}}",
            "--error_threshold 0 --allowed_failed_percent 0",
            f"--first_task_creation_timeout {SECONDS_TO_FIRST_TASK}",
        ]
        return {
            "type": "parallel",
            "name": SCORE,
            "display_name": "score",
            "is_deterministic": False,
            "inputs": {"prepared": _FOLDER, "fleet": _FOLDER},
            "outputs": {"scored": _FOLDER},
            "input_data": "${{inputs.prepared}}",
            "resources": {"instance_count": self.node_count},
            "max_concurrency_per_instance": self.settings.processes_per_node,
            "mini_batch_size": str(self.settings.shards_per_mini_batch),
            "retry_settings": {
                "max_retries": self.settings.retries,
                "timeout": int(self.settings.mini_batch_timeout.total_seconds()),
            },
            "error_threshold": 0,
            "mini_batch_error_threshold": 0,
            "logging_level": "INFO",
            "task": {
                "type": "run_function",
                "entry_script": ENTRY_SCRIPT,
                "code": self.code,
                "environment": f"azureml:{ENVIRONMENT}:{self.environment}",
                "program_arguments": " ".join(arguments),
            },
        }


def digests(settings: PipelineSettings, fleet: Path) -> dict[str, str]:
    """The versions of all that is published; one changes exactly when that would be published anew."""
    pipeline = Pipeline.of(settings, fleet)
    return {
        "code": pipeline.code,
        "environment": pipeline.environment,
        "fleet": pipeline.fleet,
        "pipeline": pipeline.release,
        "schedule": pipeline.schedule,
    }


def digest(data: Any) -> str:
    """The first digits of a SHA-256 over plain data, whatever the order of its keys."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:VERSION_LENGTH]


def _versioned(data: Data) -> Data:
    return data | {"version": digest(data)}
