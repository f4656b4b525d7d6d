"""A simulated cloud for the tests of this folder, and programs that deploy to it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simulator.azure.cloud import Cloud, running_cloud
from simulator.azure.cloud.blobs.azurite import PROGRAM
from simulator.azure.subscription import Subscription
from tests.simulator.azure.cloud.management import Management
from tests.simulator.azure.cloud.small_stack import DATA_ACCOUNT, PREDICTIONS, small_stack

PUBLISH = Path(__file__).with_name("publish_pipeline.py")
CODE = Path(__file__).with_name("published_code")
PREDICTIONS_URL = f"https://{DATA_ACCOUNT}.blob.core.windows.net/{PREDICTIONS}"


@dataclass(frozen=True)
class Deployer:
    """Runs programs as whoever deploys to a cloud."""

    cloud: Cloud
    folder: Path

    def run(self, *command: str, succeeds: bool = True) -> subprocess.CompletedProcess[str]:
        environment = os.environ | self.cloud.environment | {"HOME": str(self.folder)}
        done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == succeeds, done.stdout + done.stderr
        return done

    def publish(self, code: Path = CODE, **settings: Any) -> dict[str, Any]:
        """Publish the pipeline of `publish_pipeline.py`; returns what that prints."""
        model = self.folder / "model"
        model.mkdir(exist_ok=True)
        (model / "factor.json").write_text("10")
        arguments = json.dumps({"predictions": PREDICTIONS_URL, **settings})
        return json.loads(self.run(str(PUBLISH), str(code), str(model), arguments).stdout.strip("."))


@pytest.fixture(scope="session")
def shared_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One cloud for the session; tests ask for `cloud`, which is the same in its first state."""
    if not PROGRAM.is_file():
        pytest.skip("Azurite is not installed: install Node.js 20, then run `make test`")
    with running_cloud(tmp_path_factory.mktemp("cloud"), Subscription()) as cloud:
        yield cloud


@pytest.fixture
def cloud(shared_cloud: Cloud) -> Cloud:
    """A cloud with the small stack, and nothing of former tests."""
    shared_cloud.subscription.restore(Subscription().snapshot())
    small_stack(shared_cloud.subscription)
    shared_cloud.faults.clear()
    shared_cloud.requests.clear()
    shared_cloud.server.refused.clear()
    vars(shared_cloud.settings).update(vars(type(shared_cloud.settings)()))
    return shared_cloud


@pytest.fixture
def management(cloud: Cloud) -> Iterator[Management]:
    with Management(cloud) as client:
        cloud.requests.clear()
        yield client


@pytest.fixture
def deployer(cloud: Cloud, tmp_path: Path) -> Deployer:
    return Deployer(cloud, tmp_path)
