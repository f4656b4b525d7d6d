"""A deployment to which everything happens that may happen to it, and that ends deployed and running all the same.

Every `pulumi up` is killed while it creates something for the first time, until nothing is new; some of what was asked
for then exists, and some does not. Roles take minutes on a clock that goes on instead of waiting, and the image's build
fails once. The commands are those of docs/operations.md, given to the plain command line tool.
"""

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from simulator.azure import arm
from simulator.azure.cloud import Cloud, running_cloud
from simulator.azure.cloud.settings import CloudSettings
from simulator.azure.command import cloud_environment, pulumi_environment
from simulator.azure.engine.processes.language_host import CLOCK_VARIABLE
from simulator.azure.engine.shell import Shell, ShellError
from simulator.azure.provider import Fault, serve
from simulator.azure.provider.rules.task_runs import PASSING_REASON, TASK_RUN
from simulator.azure.subscription import Subscription
from simulator.delivery.rehearsal.changed_tree import copy_program
from simulator.delivery.rehearsal.deployment import DEPLOYER
from simulator.delivery.rehearsal.kills import FirstCreations, Kills
from simulator.delivery.rehearsal.report import Act, RehearsalError, Report

ROLES_ARRIVE_AFTER = timedelta(minutes=8)
"""What Azure's documentation warns of for Stream Analytics; the release waits longer."""

BUILD_FAILS = Fault("failed-run", TASK_RUN, "create")
REBUILD = {"rebuild": "1"}
"""The setting that asks for a build again, as docs/operations.md has it."""

SCHEDULES = "Microsoft.MachineLearningServices/workspaces/schedules"
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
STREAM_JOBS = "Microsoft.StreamAnalytics/streamingjobs"


@dataclass
class HostileRehearsal:
    """One such deployment of a stack in `folder`, which must be new."""

    folder: Path
    stack: str
    report: Report

    def run(self) -> None:
        """Go through all acts; the first that fails ends it, with its error."""
        tree, azure = copy_program(self.folder / "tree"), self.folder / "azure"
        _set(tree / f"Pulumi.{self.stack}.yaml", deployers=[DEPLOYER], protect=False)
        subscription, creations = Subscription(), FirstCreations()
        subscription.roles_arrive_after = ROLES_ARRIVE_AFTER.total_seconds()
        settings = CloudSettings(database_url=f"sqlite:///{self.folder / 'windows.db'}", deployer_needs_roles=True)
        with ExitStack() as context:
            port = context.enter_context(serve(subscription, creations))
            cloud = context.enter_context(running_cloud(azure / "cloud", subscription, settings))
            exports = {
                **pulumi_environment(port, azure),
                **cloud_environment(cloud),
                CLOCK_VARIABLE: cloud.clock_address,
            }
            shell = Shell(tree, azure, exports)
            self._perform(Kills(shell, self.stack, creations), cloud)

    def _perform(self, kills: Kills, cloud: Cloud) -> None:
        with self.report.act("pulumi up, again and again") as act:
            self._deploy(act, kills, cloud)
        with self.report.act("what is there") as act:
            self._look(act, kills.shell, cloud)
        with self.report.act("a tick of the schedule") as act:
            runs = cloud.tick(datetime.now(UTC))
            act.require([run.status for run in runs] == ["Completed"], "one run started, and completed")
        with self.report.act("pulumi destroy") as act:
            kills.shell.run(f"pulumi destroy --yes --stack {self.stack}")
            act.require(cloud.subscription.list() == [], "nothing is left in the subscription")

    def _deploy(self, act: Act, kills: Kills, cloud: Cloud) -> None:
        kills.shell.run(f"pulumi stack init {self.stack}")
        kills.creations.inject(BUILD_FAILS)
        kills.moments.append(lambda: any(one.method == "PUT" and "/codes/" in one.path for one in cloud.requests))
        try:
            kills.up_until_nothing_is_new()
            raise RehearsalError("the image's build did not fail")
        except ShellError as error:
            act.require(PASSING_REASON in str(error), f"a deployment failed: the build {PASSING_REASON}")
        _set(kills.shell.project / f"Pulumi.{self.stack}.yaml", image=REBUILD)
        kills.up_until_nothing_is_new()
        act.say(f"killed {len(kills.killed)} times, with {', '.join(map(str, kills.killed))} creations under way")
        act.require(not kills.moments, "and while it published")
        act.say(f"{len(kills.creations.seen)} resources, each killed at its creation; every third never reached Azure")
        waited = timedelta(seconds=round(cloud.subscription.clock.skipped))
        act.require(waited > ROLES_ARRIVE_AFTER / 2, f"{waited} of waiting were passed over")

    def _look(self, act: Act, shell: Shell, cloud: Cloud) -> None:
        shell.run(f"pulumi preview --expect-no-changes --stack {self.stack}")
        act.say("a preview has no changes")
        state = json.loads(shell.run(f"pulumi stack export --stack {self.stack}"))["deployment"]
        noted = sorted(one["id"].lower() for one in state["resources"] if one["type"].startswith(f"{arm.PACKAGE}:"))
        there = sorted(one.id.lower() for one in cloud.subscription.list() if one.token)
        act.require(noted == there, f"the state holds all {len(there)} resources that exist, and no other")
        act.require(not state.get("pending_operations"), "and nothing as begun")
        roles = Counter(
            tuple(str(one.inputs[key]).lower() for key in ("scope", "principalId", "roleDefinitionId"))
            for one in cloud.subscription.list(ASSIGNMENTS)
        )
        act.require(set(roles.values()) == {1}, f"{len(roles)} roles, none given twice")
        (job,), schedules = cloud.subscription.list(STREAM_JOBS), cloud.subscription.list(SCHEDULES)
        act.require(job.state.get("jobState") == "Running", "the stream job runs")
        act.require(len(schedules) == 1, "there is one schedule")


def _set(file: Path, **settings: object) -> None:
    """Change settings in a stack's file; those that are in it stay."""
    written = yaml.safe_load(file.read_text(encoding="utf-8"))
    for name, value in settings.items():
        key = f"batch-scoring:{name}"
        former = written["config"].get(key)
        written["config"][key] = {**(former or {}), **value} if isinstance(value, Mapping) else value
    file.write_text(yaml.safe_dump(written), encoding="utf-8")
