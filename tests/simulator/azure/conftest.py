"""The deployed copy of this project that tests of the engine and of previews share."""

from collections.abc import Iterator

import pytest

from simulator.azure.engine import Engine
from simulator.azure.provider import serve
from simulator.azure.subscription import Subscription
from tests.simulator.azure.engine_stack import copy_tree, require_cli


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Stack dev of a copy of this project, deployed without hooks; tests may change the copy, and only preview."""
    require_cli()
    tree, folder = copy_tree(tmp_path_factory.mktemp("tree")), tmp_path_factory.mktemp("stack")
    with serve(Subscription()) as port, Engine(tree, folder, port, hooks=False) as engine:
        engine.up()
        yield engine
