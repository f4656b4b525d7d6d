"""The stack that is rehearsed with: the real engine and SDKs on one side, the simulated cloud on the other."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from simulator.azure.arm.answers import client_config
from simulator.azure.cloud import Cloud, running_cloud
from simulator.azure.cloud.settings import CloudSettings
from simulator.azure.engine import Engine, Result
from simulator.azure.engine.steps import Operation
from simulator.azure.provider import serve
from simulator.azure.subscription import Subscription
from simulator.delivery.rehearsal.report import Act, RehearsalError
from stream_queries.terminal import ProgressBar

DEPLOYER = {"objectId": client_config()["objectId"], "type": "ServicePrincipal"}
"""Whoever deploys has no right to data but those that the program grants to deployers."""

_PROGRAMS_LINES = ("schema:", "release:", "stream job:")


@dataclass
class Deployment:
    """One stack in one simulated subscription, deployed from whichever tree is given."""

    folder: Path
    stack: str
    cloud: Cloud
    provider_port: int
    database: str

    def up(self, tree: Path, act: Act, settings: Mapping[str, Any] | None = None) -> Result:
        """Deploy a tree and note in `act` what its release said."""
        result = self._run("up", tree, settings)
        changed = sum(operation != "same" for operation in result.changes.values())
        act.say(f"{changed} of {len(result.steps)} resources made or changed")
        for message in result.messages:
            if message.text.startswith(_PROGRAMS_LINES):
                act.say(message.text.strip())
        return result

    def destroy(self, tree: Path) -> Result:
        """Delete everything; the program is not run."""
        return self._run("destroy", tree, None)

    def tick(self, now: datetime, act: Act) -> None:
        """Let the schedule's time come; RehearsalError unless exactly one run completes."""
        self._require_completed(self.cloud.tick(now), act, "schedule")

    def run_submitted(self, act: Act) -> None:
        """Run what was submitted; RehearsalError unless exactly one run completes."""
        self._require_completed(self.cloud.run_submitted(), act, "submitted run")

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs that talks to the cloud as the deployer."""
        return {**self.cloud.environment, "BATCH_SCORING_DATABASE_URL": self.database}

    def _run(self, operation: Operation, tree: Path, settings: Mapping[str, Any] | None) -> Result:
        with (
            ProgressBar(title=operation, total=None, unit="resources") as bar,
            Engine(
                tree,
                self.folder / "pulumi",
                self.provider_port,
                stack=self.stack,
                settings=_rehearsed(settings or {}),
                environment=self.environment,
                on_step=lambda *_: bar.advance(1),
            ) as engine,
        ):
            return engine.begin(operation).result()

    def _require_completed(self, runs: list[Any], act: Act, what: str) -> None:
        if len(runs) != 1:
            raise RehearsalError(f"the {what} started {len(runs)} runs, not 1")
        (run,) = runs
        if run.status != "Completed":
            raise RehearsalError(f"{run.name} {run.status}: {run.error} (its files are in {run.folder})")
        act.say(f"{run.name}: {', '.join(step.name for step in run.steps)} completed")


def _rehearsed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The rehearsal's own settings; no run waits for windows: the readings end before the last interval does."""
    release = {"waitMinutes": 0, **settings.get("release", {})}
    return {"protect": False, "deployers": [DEPLOYER], **settings, "release": release}


@contextmanager
def simulated_deployment(folder: Path, stack: str, database: str) -> Generator[Deployment]:
    """An empty subscription to deploy to, while the context lasts; its files go into `folder`."""
    subscription = Subscription(folder / "subscription.json")
    settings = CloudSettings(database_url=database, deployer_needs_roles=True)
    with serve(subscription) as port, running_cloud(folder / "cloud", subscription, settings) as cloud:
        yield Deployment(folder, stack, cloud, port, database)
