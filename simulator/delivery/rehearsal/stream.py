"""The deployed stream job's work on one machine: its query, as it stands in the subscription, over a hub's events.

Stream Analytics itself is not simulated. What the job would run is taken from the resource that was deployed, not from
the repository, and it runs only while the job does.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from simulator.azure.stream_children import query_of
from simulator.azure.subscription import StoredResource, Subscription
from simulator.delivery.rehearsal.report import RehearsalError
from simulator.local_run.stages import Stages

STREAM_JOBS = "Microsoft.StreamAnalytics/streamingjobs"


@dataclass(frozen=True)
class DeployedStream:
    """The one stream job of a subscription; outputs go to `out`, and the rows to the database there."""

    subscription: Subscription
    out: Path

    @property
    def job(self) -> StoredResource:
        """The job as it is now."""
        jobs = self.subscription.list(STREAM_JOBS)
        if len(jobs) != 1:
            raise RehearsalError(f"there are {len(jobs)} stream jobs: one was to be deployed")
        return jobs[0]

    @property
    def query(self) -> str:
        """The text that was deployed."""
        return query_of(self.subscription, self.job)

    @property
    def is_running(self) -> bool:
        """Whether the job was started and not stopped since."""
        return self.job.state.get("jobState") == "Running"

    def process(self, stages: Stages, connection_string: str) -> str:
        """Run the deployed query over all that the hub holds; says what was done."""
        if not self.is_running:
            raise RehearsalError(f"the stream job is {self.job.state.get('jobState', 'Created')}, so it reads nothing")
        job, file = self.job.inputs, self.out / "state" / "deployed.asaql"
        file.write_text(self.query, encoding="utf-8")
        command = ["simulator", "stream", "--connection-string", connection_string, "--out", str(self.out)]
        late, disorder = (job[f"events{kind}MaxDelayInSeconds"] for kind in ("LateArrival", "OutOfOrder"))
        policies = ["--late-arrival", f"{late:g}", "--out-of-order", f"{disorder:g}"]
        done = stages.run("stream", [*command, "--query", str(file), *policies])
        self._note_output()
        return done.output.strip()

    def _note_output(self) -> None:
        """Let Azure know that the job wrote just now, as the job itself would: a restart goes on from there.

        It was now, although the readings are of 2018: how old a replay's readings are is nothing that a hub knows.
        """
        job = self.job
        self.subscription.put(replace(job, state=job.state | {"lastOutputEventTime": datetime.now(UTC).isoformat()}))
