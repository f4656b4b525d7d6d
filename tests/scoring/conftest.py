"""A database and a fleet that the tests of scoring share."""

from pathlib import Path

import pytest

from scoring.fleet import Fleet
from scoring.training import TrainingParameters, train
from stream_queries.store import WindowStore
from tests.scoring.samples import MINUTE, SERIES, START, make_windows


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A database with 120 minutes of windows of every series."""
    url = f"sqlite:///{tmp_path / 'windows.db'}"
    with WindowStore(url) as store:
        store.create()
        store.insert(make_windows(SERIES, range(1, 121)))
    return url


@pytest.fixture
def fleet(tmp_path: Path, database: str) -> Fleet:
    """Models of every series, trained on its first hour."""
    with WindowStore(database) as store:
        writer = train(store, start=START, end=START + 60 * MINUTE, parameters=TrainingParameters())
    return writer.write(tmp_path / "fleet")
