"""What the record `release` stands for, step by step; each may be done any number of times."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pulumi
from azure.core.credentials import TokenCredential

from infra.names import STREAM_DEFINITION
from infra.release.work.job_control import RUNNING, JobControl
from infra.release.work.resource_manager import ResourceManager
from infra.release.work.steps import StepError, Steps
from scoring.cluster.stores.identity import own_credential
from scoring.patience import SECONDS_FOR_RIGHTS, Patience
from scoring.publish import Done, Workspace, delete_superseded_clusters, publish
from scoring.publish.pipeline import Cron, PipelineSettings, Recurrence

Content = Mapping[str, Any]


@dataclass(frozen=True)
class ReleaseWork:
    """The work; called with the record's content.

    Its fields are what the content cannot hold: where this machine keeps the fleet, how far back a restarted stream job
    may read, and how long Azure is waited for. The stream job's first start waits for its roles.
    """

    fleet: Path
    retention: timedelta
    patience: Patience = field(default_factory=lambda: Patience(say=pulumi.log.info))

    def __call__(self, content: Content) -> None:
        """Do all steps in order; StepError says which failed."""
        steps, credential = Steps("release", self.patience.say), own_credential()
        running = content["streamJob"]["running"]
        with closing(ResourceManager(credential)) as manager:
            patience = replace(self.patience, seconds=max(self.patience.seconds, SECONDS_FOR_RIGHTS))
            job = JobControl(manager, content["streamJob"]["id"], self.retention, patience)
            steps.run("stream job", job.start if running else job.stop)
            self._publish(content, steps, credential)
            steps.run("check", lambda: _check(job, running=running))

    def _publish(self, content: Content, steps: Steps, credential: TokenCredential) -> None:
        def report(done: Done) -> None:
            steps.run(done.step, lambda: f"{done.what}, {done.outcome}")

        names = content["workspace"]
        workspace = Workspace(names["subscription"], names["resourceGroup"], names["name"])
        settings = pipeline_settings(content)
        with steps.named("publish"):
            publish(workspace, settings, self.fleet, credential, report=report, patience=self.patience)
        with steps.named("superseded clusters"):
            delete_superseded_clusters(workspace, settings.cluster, credential, report=report, patience=self.patience)


def pipeline_settings(content: Content) -> PipelineSettings:
    """The published pipeline's settings, from the record's content, where every number is a float."""
    cluster, pipeline, schedule = content["cluster"], content["pipeline"], content["schedule"]
    return PipelineSettings(
        cluster=cluster["name"],
        image=content["image"],
        identity_client_id=cluster["clientId"],
        database=content["database"]["url"],
        predictions=pipeline["predictions"],
        interval=timedelta(minutes=schedule["intervalMinutes"]),
        settle=timedelta(minutes=schedule["settleMinutes"]),
        schedule=_trigger(schedule),
        enabled=schedule["enabled"],
        window_days=int(pipeline["windowDays"]),
        nodes=int(cluster["nodes"]),
        processes_per_node=int(pipeline["processesPerNode"]),
        shards_per_mini_batch=int(pipeline["shardsPerMiniBatch"]),
        retries=int(pipeline["retries"]),
        mini_batch_timeout=timedelta(minutes=pipeline["timeoutMinutes"]),
        versions_kept=int(pipeline["versionsKept"]),
        wait=timedelta(minutes=pipeline["waitMinutes"]),
        max_unscored_share=float(pipeline["maxUnscoredShare"]),
    )


def _trigger(schedule: Content) -> Recurrence | Cron:
    if "cron" in schedule:
        return Cron(schedule["cron"], schedule["timeZone"])
    return Recurrence(int(schedule["count"]), schedule["unit"].lower(), schedule["timeZone"])


def _check(job: JobControl, *, running: bool) -> str:
    """Look once more at what may have changed meanwhile: a job can fail after it started, or be changed by hand."""
    state = job.state()
    if running and state not in RUNNING:
        raise StepError(f"step 'check': the stream job was started and is {state} now: see its activity log")
    if different := job.definition.differences():
        raise StepError(
            f"step 'check': the stream job does not do what was deployed: {'; '.join(different)}: somebody changed it; "
            f"`pulumi up --replace '**::scoring-{STREAM_DEFINITION}'` deploys it again"
        )
    return f"the stream job is {state.lower()}, and does what was declared"
