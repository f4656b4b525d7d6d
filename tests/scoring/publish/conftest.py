"""A simulated cloud, and a process that publishes to it."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import pytest

from scoring.models.default_fleet import DEFAULT_FLEET
from simulator.azure.arm import SUBSCRIPTION
from simulator.azure.cloud import Cloud, running_cloud
from simulator.azure.cloud.blobs.azurite import PROGRAM
from simulator.azure.cloud.request_log import LoggedRequest
from simulator.azure.subscription import StoredResource, Subscription
from tests.simulator.azure.cloud.small_stack import CLUSTER, DATA_ACCOUNT, GROUP, PREDICTIONS, WORKSPACE, small_stack

PUBLISHER = Path(__file__).with_name("publisher.py")
ROOT = Path(__file__).parents[3]
SECONDS_TO_ANSWER = 120
KINDS = ("models", "codes", "environments", "components")
SETTINGS = {
    "image": "tests.azurecr.io/scoring:1",
    "cluster": CLUSTER,
    "identity_client_id": "11111111-1111-1111-1111-111111111111",
    "predictions": f"https://{DATA_ACCOUNT}.blob.core.windows.net/{PREDICTIONS}",
}


def publication(fleet: Path = DEFAULT_FLEET, **settings: Any) -> dict[str, Any]:
    """The arguments of a call that publishes."""
    return {"call": "publish", "fleet": str(fleet), "settings": SETTINGS | settings}


@dataclass
class Publisher:
    """A process that publishes; see `publisher.py`.

    Of the last call, `slept` is how long each wait would have been, and `reported` the outcomes as they came.
    """

    cloud: Cloud
    process: subprocess.Popen[str]
    slept: list[float] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)

    def send(self, call: str, **arguments: Any) -> None:
        """Ask for a call without waiting for what comes of it."""
        assert self.process.stdin
        asked = {"call": call, "workspace": [SUBSCRIPTION, GROUP, WORKSPACE], **arguments}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()

    def call(self, call: str, **arguments: Any) -> Any:
        """The call's result; a UserError is an AssertionError here."""
        answer = self._last(call, **arguments)
        assert "result" in answer, answer
        return answer["result"]

    def refusal(self, call: str, **arguments: Any) -> str:
        """The text of the call's UserError."""
        return self._last(call, **arguments)["error"]

    def _last(self, call: str, **arguments: Any) -> dict[str, Any]:
        self.send(call, **arguments)
        assert self.process.stdout
        self.reported = []
        watch = threading.Timer(SECONDS_TO_ANSWER, self.process.kill)
        watch.start()
        try:
            return self._answer(self.process.stdout)
        finally:
            watch.cancel()

    def _answer(self, lines: IO[str]) -> dict[str, Any]:
        for line in lines:
            answer = json.loads(line)
            if "report" in answer:
                self.reported.append(answer["report"]["outcome"])
            else:
                self.slept = answer["slept"]
                return answer
        raise AssertionError("the process that publishes has died, or had to be ended")

    def publish(self, fleet: Path = DEFAULT_FLEET, **settings: Any) -> dict[str, str]:
        """Publish; returns the outcome of every part, by step and name without version."""
        done = self.call(**publication(fleet, **settings))
        return {f"{one['step']} {one['what'].split()[0]}": one["outcome"] for one in done}


@dataclass(frozen=True)
class Published:
    """What is in the cloud's workspace, and what others than we may do there."""

    cloud: Cloud

    def versions(self, kind: str) -> list[StoredResource]:
        return self.cloud.subscription.list(f"Microsoft.MachineLearningServices/workspaces/{kind}/versions")

    def names(self) -> dict[str, set[str]]:
        """Every version, by kind, as name and version; codes by their content's hash."""
        return {
            kind: {
                one.body["properties"]["properties"]["hash_sha256"] if kind == "codes" else name_and_version(one)
                for one in self.versions(kind)
            }
            for kind in KINDS
        }

    def counts(self) -> dict[str, int]:
        return {kind: len(self.versions(kind)) for kind in KINDS}

    def schedules(self) -> list[StoredResource]:
        return self.cloud.subscription.list("Microsoft.MachineLearningServices/workspaces/schedules")

    def schedule(self) -> dict[str, Any]:
        """The one schedule's properties."""
        (schedule,) = self.schedules()
        return schedule.body["properties"]

    def job(self) -> dict[str, Any]:
        """What the schedule starts."""
        return self.schedule()["action"]["jobDefinition"]

    def change_schedule(self, **properties: Any) -> None:
        """Change the schedule as somebody in the studio would."""
        (schedule,) = self.schedules()
        body = schedule.body | {"properties": schedule.body["properties"] | properties}
        self.cloud.subscription.put(replace(schedule, body=body))

    def add_cluster(self, name: str) -> None:
        """Add a cluster like the one that is there."""
        (cluster,) = [one for one in self.cloud.subscription.list() if one.id.endswith(f"/computes/{CLUSTER}")]
        body = cluster.body | {"id": cluster.id.replace(f"/{CLUSTER}", f"/{name}"), "name": name}
        self.cloud.subscription.put(replace(cluster, id=body["id"], body=body))

    def clusters(self) -> set[str]:
        return {
            one.name for one in self.cloud.subscription.list("Microsoft.MachineLearningServices/workspaces/computes")
        }

    def end_job(self, name: str, status: str) -> None:
        (job,) = [job for job in self.jobs() if job.name == name]
        body = job.body | {"properties": job.body["properties"] | {"status": status}}
        self.cloud.subscription.put(replace(job, body=body))

    def jobs(self) -> list[StoredResource]:
        return self.cloud.subscription.list("Microsoft.MachineLearningServices/workspaces/jobs")


def name_and_version(resource: StoredResource) -> str:
    parts = resource.id.split("/")
    return f"{parts[-3]} {parts[-1]}"


@pytest.fixture(scope="session")
def shared_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    if not PROGRAM.is_file():
        pytest.skip("Azurite is not installed: install Node.js 20, then run `make test`")
    with running_cloud(tmp_path_factory.mktemp("cloud"), Subscription()) as cloud:
        yield cloud


def reset(cloud: Cloud) -> None:
    """Bring a cloud back to its first state, with the small stack."""
    cloud.subscription.restore(Subscription().snapshot())
    small_stack(cloud.subscription)
    cloud.faults.clear()
    cloud.requests.clear()
    cloud.server.refused.clear()
    vars(cloud.settings).update(vars(type(cloud.settings)()))


@pytest.fixture
def cloud(shared_cloud: Cloud) -> Iterator[Cloud]:
    """An empty cloud; whatever was done there, nobody wanted to go anywhere else."""
    reset(shared_cloud)
    yield shared_cloud
    assert shared_cloud.refused == []


@contextmanager
def running_publisher(cloud: Cloud, folder: Path, tree: Path = ROOT) -> Generator[Publisher]:
    """A process that publishes the code in `tree`."""
    environment = os.environ | cloud.environment | {"HOME": str(folder), "PYTHONPATH": str(tree)}
    command = [sys.executable, str(PUBLISHER)]
    with (folder / "publisher.log").open("a") as log:
        process = subprocess.Popen(
            command, cwd=tree, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
        with process:
            try:
                yield Publisher(cloud, process)
            finally:
                process.kill()


@pytest.fixture(scope="session")
def shared_publisher(shared_cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    with running_publisher(shared_cloud, tmp_path_factory.mktemp("publisher")) as publisher:
        yield publisher


@pytest.fixture
def publisher(cloud: Cloud, shared_publisher: Publisher) -> Publisher:
    """A process that publishes to the empty cloud."""
    return shared_publisher


@dataclass(frozen=True)
class FirstPublication:
    """A publication into an empty workspace: its requests, and a snapshot of what it made, blobs excepted."""

    requests: list[LoggedRequest]
    snapshot: str


@pytest.fixture(scope="session")
def first_publication(shared_cloud: Cloud, shared_publisher: Publisher) -> FirstPublication:
    reset(shared_cloud)
    shared_publisher.publish()
    return FirstPublication(list(shared_cloud.requests), shared_cloud.subscription.snapshot())


@pytest.fixture
def published(cloud: Cloud, first_publication: FirstPublication) -> Published:
    """What a first publication made."""
    cloud.subscription.restore(first_publication.snapshot)
    cloud.requests.clear()
    return Published(cloud)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the code, to be changed."""
    for package in ("scoring", "stream_queries"):
        shutil.copytree(ROOT / package, tmp_path / "tree" / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "tree"
