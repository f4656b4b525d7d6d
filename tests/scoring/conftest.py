"""A database, fleets, scored runs and places for predictions that the tests of scoring share."""

import shutil
import signal
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient

from scoring.cluster.model.fleet import Fleet
from scoring.models.training import TrainingParameters, train
from stream_queries.window_store import WindowStore
from tests.scoring.places import Place, blob_place, folder_place
from tests.scoring.samples import MINUTE, SERIES, START, make_windows
from tests.scoring.steps import ScoredRun, score_run


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what `database`, `fleet` and `other_fleet` are copies of: each is made once."""
    folder = tmp_path_factory.mktemp("originals")
    with WindowStore(f"sqlite:///{folder / 'windows.db'}") as store:
        store.create()
        store.insert(make_windows(SERIES, range(1, 121)))
        for name, parameters in {"fleet": TrainingParameters(), "other-fleet": TrainingParameters(nu=0.3)}.items():
            train(store, start=START, end=START + 60 * MINUTE, parameters=parameters).write(folder / name)
    return folder


@pytest.fixture
def database(tmp_path: Path, originals: Path) -> str:
    """A database with 120 minutes of windows of every series."""
    return f"sqlite:///{shutil.copy(originals / 'windows.db', tmp_path)}"


@pytest.fixture
def fleet(tmp_path: Path, originals: Path) -> Fleet:
    """Models of every series, trained on its first hour."""
    return Fleet.open(shutil.copytree(originals / "fleet", tmp_path / "fleet"))


@pytest.fixture
def other_fleet(tmp_path: Path, originals: Path) -> Fleet:
    """Models of the same series that give other scores."""
    return Fleet.open(shutil.copytree(originals / "other-fleet", tmp_path / "other-fleet"))


@pytest.fixture
def scored_run(tmp_path: Path, database: str, fleet: Fleet) -> ScoredRun:
    """The second hour, ready to be collected."""
    with WindowStore(database) as store:
        return score_run(store, fleet, tmp_path / "run")


@pytest.fixture
def other_run(tmp_path: Path, database: str, other_fleet: Fleet) -> ScoredRun:
    """The same hour under the other fleet: the same windows, other scores."""
    with WindowStore(database) as store:
        return score_run(store, other_fleet, tmp_path / "other-run")


@pytest.fixture
def container(azurite: str) -> Iterator[ContainerClient]:
    """An empty container of the Blob Storage stand-in."""
    with ContainerClient.from_connection_string(azurite, f"predictions-{uuid.uuid4()}") as client:
        client.create_container()
        yield client


@pytest.fixture(params=["folder", "blob storage"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Both places where predictions can be kept, empty."""
    if request.param == "folder":
        return folder_place(tmp_path / "predictions")
    return blob_place(request.getfixturevalue("container"))


@pytest.fixture
def interruptible() -> Generator[None]:
    """Interrupts as a command in a terminal takes them: what starts the tests may ignore them, which is inherited."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
