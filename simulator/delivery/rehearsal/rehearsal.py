"""The rehearsal itself, act by act, in the order in which a team would live through it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from scoring.cluster.interval import Interval
from scoring.cluster.stores.result_store import FolderStore
from simulator.azure.engine import Result
from simulator.delivery.rehearsal.changed_tree import ROOT, change_query, copy_program
from simulator.delivery.rehearsal.deployment import Deployment, simulated_deployment
from simulator.delivery.rehearsal.report import Act, RehearsalError, Report
from simulator.delivery.rehearsal.results import compare, local_intervals, predictions_of
from simulator.delivery.rehearsal.stream import DeployedStream
from simulator.local_run.folder import RunFolder
from simulator.local_run.stages import Stages
from simulator.stream.outputs import database_url

AFTER_THE_END = timedelta(minutes=4)
"""How long after an interval's end its run is due: the settle time of the stacks, and a minute."""


@dataclass
class Rehearsal:
    """One rehearsal in `folder`, which must be new."""

    folder: Path
    stack: str
    report: Report

    def run(self) -> None:
        """Run all acts; the first that fails ends it, with its error."""
        with self.report.act("the reference, as `make run`") as act:
            local = self._run_locally(act)
        out = self.folder / "stream"
        run = RunFolder.open(out, source={"rehearsal": self.stack}, program={}, fresh=True)
        try:
            with simulated_deployment(self.folder / "azure", self.stack, database_url(out)) as deployment:
                self._perform(deployment, DeployedStream(deployment.cloud.subscription, out), Stages(run), local)
        finally:
            run.close()

    def _perform(self, deployment: Deployment, stream: DeployedStream, stages: Stages, local: Path) -> None:
        intervals = local_intervals(local / "predictions")
        with self.report.act("pulumi up") as act:
            deployed = deployment.up(ROOT, act)
        with self.report.act("readings through the deployed query") as act, stages.event_hubs() as hub:
            self._stream(act, stream, stages, hub)
        with self.report.act(f"{len(intervals)} ticks of the schedule") as act:
            for interval in intervals:
                deployment.tick(interval.end + AFTER_THE_END, act)
        with self.report.act("predictions in Blob Storage") as act:
            self._compare(act, deployment, deployed, local / "predictions", intervals)
        fleet = self.folder / "fleet"
        with self.report.act("a changed query and a new fleet") as act:
            tree = self._change(act, stream, fleet, intervals[0])
        with self.report.act("pulumi up") as act:
            self._deploy_change(act, deployment, stream, tree, fleet)
        with self.report.act("tick, and a submitted run") as act:
            deployment.tick(intervals[-1].end + AFTER_THE_END + timedelta(minutes=15), act)
            self._submit(act, deployment, deployed, intervals[-1])
            deployment.run_submitted(act)
        with self.report.act("predictions of the new fleet") as act:
            again = self._score_locally(stream, fleet, intervals[-1])
            self._compare(act, deployment, deployed, again, intervals[-1:])
        with self.report.act("pulumi destroy") as act:
            deployment.destroy(tree)
            left = [resource.id for resource in deployment.cloud.subscription.list()]
            act.require(not left, "nothing is left in the subscription")
        with self.report.act("connections") as act:
            requests = len(deployment.cloud.requests.entries)
            act.say(f"{requests:,} requests of the SDKs, all answered on this machine")
            act.require(not deployment.cloud.refused, "no request to any other host")

    def _run_locally(self, act: Act) -> Path:
        out = self.folder / "local"
        self._command(["simulator", "run", "--reference", "--out", str(out)])
        summary = json.loads((out / "summary.json").read_text())
        act.say(f"fleet {summary['fleet']['version']}, {summary['predictions']:,} predictions")
        return out

    def _stream(self, act: Act, stream: DeployedStream, stages: Stages, hub: str) -> None:
        sent = stages.run(
            "ingestion", ["simulator", "send", "--connection-string", hub, "--replay", "--json", "--reference"]
        )
        act.say(f"{json.loads(sent.output)['sent']:,} readings sent to a loopback Event Hubs")
        act.say(stream.process(stages, hub))

    def _compare(
        self, act: Act, deployment: Deployment, deployed: Result, local: Path, intervals: list[Interval]
    ) -> None:
        published = predictions_of(deployment.cloud, deployed.outputs["predictions"])
        same = compare(published, FolderStore(local), intervals)
        act.say(
            f"{same.predictions:,} predictions with {same.anomalies} anomalies, in {same.parts} parts of "
            f"{same.intervals} intervals: bit for bit those of the local run"
        )

    def _change(self, act: Act, stream: DeployedStream, fleet: Path, first: Interval) -> Path:
        tree = copy_program(self.folder / "changed")
        change_query(tree)
        act.say("a reading is early after 4 minutes instead of 5")
        history = ["--database", database_url(stream.out), "--end", first.start.isoformat()]
        trained = self._command(["scoring", "train", *history, "--nu", "0.05", "--out", str(fleet)])
        act.say(trained.splitlines()[0])
        return tree

    def _deploy_change(self, act: Act, deployment: Deployment, stream: DeployedStream, tree: Path, fleet: Path) -> None:
        result = deployment.up(tree, act, {"release": {"fleet": str(fleet)}})
        changed = sorted(result.step(title).name for title in result.changes)
        act.require(
            changed == ["release", "scoring-stream-definition"],
            "the stream job's query and the release changed, nothing else",
        )
        text = (tree / "stream_queries" / "sensor_windows.asaql").read_text(encoding="utf-8")
        act.require(stream.query == text and stream.is_running, "the stream job runs the changed query")

    def _submit(self, act: Act, deployment: Deployment, deployed: Result, interval: Interval) -> None:
        names = {"subscription": "subscriptionId", "resource-group": "resourceGroup", "workspace": "workspace"}
        where = [part for option, output in names.items() for part in (f"--{option}", deployed.outputs[output])]
        bounds = [interval.start.isoformat(), interval.end.isoformat()]
        printed = self._command(["scoring", "submit", *where, "--interval", *bounds], deployment.environment)
        act.say(printed.splitlines()[0])

    def _score_locally(self, stream: DeployedStream, fleet: Path, interval: Interval) -> Path:
        out = self.folder / "again"
        bounds = ["--interval", interval.start.isoformat(), interval.end.isoformat()]
        places = ["--database", database_url(stream.out), "--fleet", str(fleet), "--predictions", str(out)]
        self._command(["scoring", "score", *places, *bounds])
        return out

    def _command(self, command: list[str], environment: dict[str, str] | None = None) -> str:
        """Run `python -m COMMAND` to its end and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            env=os.environ | (environment or {}),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RehearsalError(f"`{' '.join(command[:2])}` ended with exit code {done.returncode}")
        return done.stdout
