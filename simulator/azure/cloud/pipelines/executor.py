"""Runs the jobs of a simulated cloud: those that are due, and those that were submitted."""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from simulator.azure.cloud.blobs.storage import BlobStorage
from simulator.azure.cloud.machine_learning import MachineLearning, Workspace
from simulator.azure.cloud.management.access import Access
from simulator.azure.cloud.pipelines.pipeline_run import JobRun, PipelineRun, Surroundings
from simulator.azure.cloud.settings import CloudSettings
from simulator.azure.subscription import StoredResource


@dataclass(frozen=True)
class Executor:
    """Runs jobs one after the other, each in its own folder below `folder`.

    `node_variables` lead every step to the cloud and to its identity.
    """

    folder: Path
    machine_learning: MachineLearning
    storage: BlobStorage
    access: Access
    settings: CloudSettings
    node_variables: dict[str, str]

    def tick(self, now: datetime) -> list[JobRun]:
        """Create the jobs of all schedules that are due at `now`, then run everything that waits."""
        self.machine_learning.create_due_jobs(now)
        return self.run_waiting()

    def run_waiting(self) -> list[JobRun]:
        """Run all jobs that nobody has run yet, the oldest first."""
        waiting = [
            (workspace, job)
            for workspace in self.machine_learning.workspaces()
            for job in reversed(workspace.newest_first("jobs"))
            if job.body["properties"]["status"] == "NotStarted"
        ]
        return [self._run(workspace, job) for workspace, job in waiting]

    def _run(self, workspace: Workspace, job: StoredResource) -> JobRun:
        around = Surroundings(
            self.machine_learning, self.storage, self.access, self._variables, self.settings.processes
        )
        self._show(workspace, job, "Running")
        outcome = PipelineRun(workspace, job, self.folder / job.name, around).run()
        steps = [asdict(step) | {"logs": str(step.logs)} for step in outcome.steps]
        self._show(workspace, job, outcome.status, steps=steps, error=outcome.error)
        return outcome

    @staticmethod
    def _show(workspace: Workspace, job: StoredResource, status: str, **state: object) -> None:
        """Let clients see how a job stands, unless it is gone."""
        if workspace.get("jobs", job.name) is not None:
            workspace.keep("jobs", job.name, properties=job.body["properties"] | {"status": status}, state=state)

    def _variables(self, client_id: str | None) -> dict[str, str]:
        """What a step sees: the cloud, its identity, and the database if it is not the one that the pipeline names."""
        variables = dict(self.node_variables)
        if client_id is not None:
            variables["DEFAULT_IDENTITY_CLIENT_ID"] = client_id
        if self.settings.database_url is not None:
            variables["BATCH_SCORING_DATABASE_URL"] = self.settings.database_url
        return variables
