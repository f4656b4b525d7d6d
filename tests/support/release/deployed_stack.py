"""Stack dev of a copy of this project in a simulated cloud: deployed once, and brought back to that for every test.

The engine, its hooks and the SDKs are real. What is simulated is Azure: a subscription, to which the engine's provider
and the cloud's HTTPS both belong.
"""

import contextlib
import json
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from simulator.azure.arm.answers import client_config
from simulator.azure.cloud import Cloud, CloudSettings, Fault, running_cloud
from simulator.azure.cloud.request_log import LoggedRequest
from simulator.azure.engine import Engine, EngineError, Result
from simulator.azure.provider import Faults, serve
from simulator.azure.subscription import StoredResource, Subscription
from tests.support.azure.engine_stack import copy_tree
from tests.support.deadline import ENOUGH_SECONDS

DEFINITION = "scoring-stream-definition"
ADDRESS, SUPERSEDED = "8.8.8.8", "scoring-0123abcd"
SECONDS_TO_DEPLOY = 900.0
SETTINGS: dict[str, Any] = {
    "deployers": [{"objectId": client_config()["objectId"], "type": "ServicePrincipal"}],
    "database": {
        "adminGroup": {"name": "sql-admins-dev", "objectId": "11111111-1111-1111-1111-111111111111"},
        "deployerAddresses": [ADDRESS],
    },
}
PUBLISHED = {"models": 1, "codes": 1, "environments": 1, "components": 4}
"""How many versions there are of each kind when this project is published once."""


@dataclass(frozen=True)
class Moment:
    """Everything that Azure and Pulumi know at one time, blobs and the database's tables excepted."""

    subscription: str
    stack: str

    def without(self, *records: str) -> "Moment":
        """As if the work of these records had never been done; the database's tables stay.

        The stream job's definition can be taken away like a record.
        """
        stack, subscription = json.loads(self.stack), Subscription()
        subscription.restore(self.subscription)
        latest = stack["checkpoint"]["latest"]
        gone = {one["urn"] for one in latest["resources"] if one["urn"].rpartition("::")[2] in records}
        assert len(gone) == len(records)
        latest["resources"] = [one for one in latest["resources"] if one["urn"] not in gone]
        for resource in latest["resources"]:
            resource["dependencies"] = [urn for urn in resource.get("dependencies", ()) if urn not in gone]
        if DEFINITION in records:
            for resource in subscription.list("Microsoft.Resources/deployments"):
                subscription.delete(resource.id)
            for resource in subscription.list("Microsoft.StreamAnalytics/streamingjobs"):
                subscription.delete_below(resource.id)
        if "release" in records:
            for resource in subscription.list():
                if "/workspaces/" in resource.id and resource.token is None:
                    subscription.delete(resource.id)
            for type_ in ("Microsoft.StreamAnalytics/streamingjobs", "Microsoft.Storage/storageAccounts"):
                for resource in subscription.list(type_):
                    subscription.put(replace(resource, state={}))  # the job never ran; the accounts hold no blobs
        return Moment(subscription.snapshot(), json.dumps(stack))

    @property
    def record(self) -> dict[str, Any]:
        """What the record of the release holds."""
        resources = json.loads(self.stack)["checkpoint"]["latest"]["resources"]
        (found,) = [one for one in resources if one["urn"].endswith("::release")]
        return found["inputs"]["input"]


@dataclass
class DeployedStack:
    """The stack, what surrounds it, and what is asked of it in tests."""

    tree: Path
    database: str
    cloud: Cloud
    faults: Faults
    port: int
    engine: Engine = field(init=False)
    last: Result | None = None

    @property
    def subscription(self) -> Subscription:
        return self.cloud.subscription

    @property
    def environment(self) -> dict[str, str]:
        """Of a process that deploys."""
        return {**self.cloud.environment, "BATCH_SCORING_DATABASE_URL": self.database, "HOME": str(self.tree)}

    def another_engine(self, folder: Path, **environment: str) -> Engine:
        """One that deploys the same tree; what it knows of a stack is in `folder`."""
        variables = self.environment | environment
        return Engine(self.tree, folder, self.port, settings=SETTINGS, environment=variables)

    # What is done

    def up(self, settings: Mapping[str, Any] | None = None) -> Result:
        """Deploy, with some of the stack's settings replaced."""
        self.last = self.engine.begin("up", settings=settings).result(SECONDS_TO_DEPLOY)
        return self.last

    def failed_up(self, settings: Mapping[str, Any] | None = None) -> str:
        """Deploy what will fail; the error, one line for each reason."""
        try:
            self.up(settings)
        except EngineError as error:
            self.last = error.result
            return str(error)
        raise AssertionError("the deployment did not fail")

    def kill_up(self, fault: Fault, settings: Mapping[str, Any] | None = None) -> None:
        """Begin a deployment, and kill it with all its processes as soon as a fault has happened."""
        self.cloud.faults.inject(fault)
        running = self.engine.begin("up", settings=settings)
        try:
            wait_for(lambda: fault.hits > 0)
        finally:
            running.kill()
        with contextlib.suppress(EngineError):
            running.result()
        self.cloud.faults.clear()
        self.engine.start()
        self.engine.unlock()

    def moment(self) -> Moment:
        return Moment(self.subscription.snapshot(), self.engine.export_stack())

    def go_back(self, moment: Moment) -> None:
        """Make everything as it was then, and nothing go wrong any more."""
        self.faults.clear()
        self.cloud.faults.clear()
        self.subscription.restore(moment.subscription)
        self.subscription.roles_arrive_after = 0.0
        self.engine.import_stack(moment.stack)
        vars(self.cloud.settings).update(vars(_settings(self.database)))
        self.cloud.server.refused.clear()
        self.cloud.requests.clear()

    def add_superseded_cluster(self) -> None:
        """A cluster that the stack had before another VM size was set."""
        (cluster,) = self._in_workspace("computes")
        body = cluster.body | {"id": cluster.id.replace(cluster.name, SUPERSEDED), "name": SUPERSEDED}
        self.subscription.put(StoredResource(body["id"], cluster.type, body=body))

    def change_schedule(self, **properties: Any) -> None:
        """Change the schedule as somebody in the studio would."""
        (schedule,) = self.schedules()
        body = schedule.body | {"properties": schedule.body["properties"] | properties}
        self.subscription.put(replace(schedule, body=body))

    # What there is

    def said(self, *beginnings: str) -> list[str]:
        """What hooks said in the last deployment, if it begins so."""
        assert self.last is not None
        lines = [message.text.strip() for message in self.last.messages if message.severity == "info"]
        return [line for line in lines if line.startswith(beginnings)]

    def tables(self) -> set[str]:
        engine = sa.create_engine(self.database)
        try:
            return set(sa.inspect(engine).get_table_names())
        finally:
            engine.dispose()

    def job(self) -> StoredResource:
        (job,) = self.subscription.list("Microsoft.StreamAnalytics/streamingjobs")
        return job

    def job_state(self) -> str:
        return self.job().state.get("jobState", "Created")

    def schedules(self) -> list[StoredResource]:
        return self._in_workspace("schedules")

    def schedule(self) -> dict[str, Any]:
        (schedule,) = self.schedules()
        return schedule.body["properties"]

    def clusters(self) -> set[str]:
        return {cluster.name for cluster in self._in_workspace("computes")}

    def versions(self) -> dict[str, int]:
        """How many versions there are of each kind that is published."""
        return {kind: len(self._in_workspace(f"{kind}/versions")) for kind in PUBLISHED}

    def open_addresses(self) -> set[str]:
        """Rules of the database's firewall, except the one that belongs to the stack."""
        rules = self.subscription.list("Microsoft.Sql/servers/firewallRules")
        return {rule.name for rule in rules} - {"azure-services"}

    def requests(self, *methods: str) -> list[LoggedRequest]:
        """All requests since the log was cleared, of these methods if any are given, without log-ins."""
        found = [one for one in self.cloud.requests if not one.host.startswith("login.")]
        return [one for one in found if not methods or one.method in methods]

    def written(self) -> list[str]:
        """Requests that wrote something, as method and last parts of the path."""
        found = [f"{one.method} {'/'.join(one.path.split('/')[-2:])}" for one in self.requests("PUT", "POST", "DELETE")]
        return [one for one in found if not one.endswith("/exportTemplate")]

    def problems(self, *, versions: Mapping[str, int] | None = None) -> list[str]:
        """What is not as it should be after a release; `versions` are counts other than those of a first one."""
        wanted = {**PUBLISHED, **(versions or {})}
        checks = {
            f"the stream job is {self.job_state()}": self.job_state() == "Running",
            f"there are {self.versions()}, not {wanted}": self.versions() == wanted,
            f"there are {len(self.schedules())} schedules": len(self.schedules()) == 1,
            f"the schedule is {_provisioning(self.schedules())}": _provisioning(self.schedules()) == {"Succeeded"},
            f"there are clusters {self.clusters()}": len(self.clusters()) == 1,
            f"the firewall lets in {self.open_addresses()}": not self.open_addresses(),
            f"{self.cloud.refused} were asked": not self.cloud.refused,
        }
        return [text for text, holds in checks.items() if not holds]

    def _in_workspace(self, kind: str) -> list[StoredResource]:
        return self.subscription.list(f"Microsoft.MachineLearningServices/workspaces/{kind}")


def _provisioning(schedules: Iterable[StoredResource]) -> set[str]:
    return {one.body["properties"]["provisioningState"] for one in schedules}


def _settings(database: str) -> CloudSettings:
    """Nothing takes long: what does is for tests that ask for it."""
    return CloudSettings(polls=0, identity_misses=0, database_url=database)


@contextmanager
def deployed_stack(folder: Path) -> Generator[DeployedStack]:
    """The stack, deployed for the first time, while the context lasts."""
    (folder / "tree").mkdir()
    subscription, faults, tree = Subscription(), Faults(), copy_tree(folder / "tree")
    database = f"sqlite:///{folder / 'windows.db'}"
    with (
        serve(subscription, faults) as port,
        running_cloud(folder / "cloud", subscription, _settings(database)) as cloud,
    ):
        stack = DeployedStack(tree, database, cloud, faults, port)
        with stack.another_engine(folder / "stack") as engine:
            stack.engine = engine
            stack.up()
            yield stack


def wait_for(happens: Callable[[], bool]) -> None:
    """Return as soon as something has happened; AssertionError if it does not in time."""
    deadline = time.monotonic() + ENOUGH_SECONDS
    while not happens():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


@dataclass(frozen=True)
class Difference:
    """What became of a subscription: names of resources below the resource group, versions without their numbers."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    @classmethod
    def between(cls, before: str, after: str) -> "Difference":
        old, new = (_resources(snapshot) for snapshot in (before, after))
        return cls(
            added=_places(new.keys() - old.keys()),
            changed=_places({key for key in old.keys() & new.keys() if old[key] != new[key]}),
            removed=_places(old.keys() - new.keys()),
        )


def _resources(snapshot: str) -> dict[str, Any]:
    """All resources by id, without what is no part of them: times, and what the stand-in remembers of polls."""
    resources = {}
    for one in json.loads(snapshot)["resources"]:
        one["state"] = {key: value for key, value in one["state"].items() if key not in ("polls", "outputStartTime")}
        resources[one["id"]] = one
    return resources


def _places(ids: Iterable[str]) -> tuple[str, ...]:
    """Sorted places like `models/sensor-models`; codes, whose names are random, are `codes`."""
    found = []
    for one in ids:
        parts = one.split("/")
        kind, name = (parts[-4], parts[-3]) if parts[-2] == "versions" else (parts[-2], parts[-1])
        found.append(kind if kind == "codes" else f"{kind}/{name}")
    return tuple(sorted(found))
