"""The deployed stack that the tests of the release share, and a process that does the release's work alone."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from scoring.cluster.model.fleet import Fleet
from scoring.models.training import TrainingParameters, train
from simulator.azure.cloud.blobs.azurite import PROGRAM
from stream_queries.window_store import WindowStore
from tests.scoring.samples import SERIES, START, make_windows
from tests.support.azure.engine_stack import require_cli
from tests.support.release.deployed_stack import DeployedStack, Moment, deployed_stack


@pytest.fixture(scope="session")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedStack]:
    require_cli()
    if not PROGRAM.is_file():
        pytest.skip("Azurite is not installed: install Node.js 20, then run `make test`")
    with deployed_stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture(scope="session")
def after_up(shared_stack: DeployedStack) -> Moment:
    """The moment after the first deployment."""
    return shared_stack.moment()


@pytest.fixture
def stack(shared_stack: DeployedStack, after_up: Moment) -> Iterator[DeployedStack]:
    """The stack as it was deployed; whatever a test does, nobody asks for a host outside the simulated cloud."""
    shared_stack.go_back(after_up)
    yield shared_stack
    assert shared_stack.cloud.refused == []


@pytest.fixture(scope="session")
def other_fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """A fleet that is not the one that is published by default."""
    folder = tmp_path_factory.mktemp("fleet")
    with WindowStore(f"sqlite:///{folder / 'windows.db'}") as store:
        store.create()
        store.insert(make_windows(SERIES, range(1, 61)))
        models = train(store, start=START, end=START + timedelta(hours=1), parameters=TrainingParameters())
    return models.write(Path(folder, "fleet"))
