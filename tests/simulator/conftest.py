"""The deployed stacks of this project that tests of the engine and of previews share."""

from collections.abc import Iterator

import pytest

from simulator.azure.engine import Engine
from tests.support.azure.deployment import Deployment, deployment


@pytest.fixture(scope="session")
def dev_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Stack dev, deployed once per session; `dev` and `deployed` hand it out."""
    with deployment(tmp_path_factory.mktemp("dev")) as dev:
        dev.engine.up()
        dev.keep()
        yield dev


@pytest.fixture
def dev(dev_stack: Deployment) -> Iterator[Deployment]:
    """Stack dev as it is right after its deployment; whatever a test does to it is undone."""
    yield dev_stack
    dev_stack.reset()


@pytest.fixture
def deployed(dev_stack: Deployment) -> Engine:
    """The engine of stack dev, for tests that only preview; they may change the copy of this project."""
    return dev_stack.engine


@pytest.fixture(scope="session")
def prod_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Stack prod, deployed once per session; `prod` hands it out."""
    with deployment(tmp_path_factory.mktemp("prod"), "prod") as prod:
        prod.engine.up()
        prod.keep()
        yield prod


@pytest.fixture
def prod(prod_stack: Deployment) -> Iterator[Deployment]:
    """Stack prod as it is right after its deployment; whatever a test does to it is undone."""
    yield prod_stack
    prod_stack.reset()
