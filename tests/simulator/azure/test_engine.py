"""The engine's harness: operations of a tree in a process of its own, and what they report."""

from collections.abc import Iterator

import pytest

from simulator.azure.engine import Engine, EngineError
from simulator.azure.engine.cli import required_version
from simulator.azure.provider import serve
from simulator.azure.subscription import Subscription
from tests.simulator.azure.engine_stack import REPOSITORY, copy_tree, edit, require_cli

QUERY = "stream_queries/sensor_windows.asaql"
STREAM_JOB = "streamanalytics:StreamingJob scoring-stream"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A copy of this project, deployed; hooks do nothing."""
    require_cli()
    tree, folder = copy_tree(tmp_path_factory.mktemp("tree")), tmp_path_factory.mktemp("stack")
    with serve(Subscription()) as port, Engine(tree, folder, port, hooks=False) as engine:
        engine.up()
        yield engine


def test_a_deployed_program_has_nothing_left_to_do(engine: Engine) -> None:
    assert engine.preview().changes == {}


def test_a_changed_file_of_the_tree_shows_in_the_next_operation(engine: Engine) -> None:
    edit(engine.tree / QUERY, "SELECT", "SELECT /* changed */")
    try:
        step = engine.preview().step(STREAM_JOB)
    finally:
        edit(engine.tree / QUERY, "SELECT /* changed */", "SELECT")
    assert step.operation == "update"
    assert any("/* changed */" in str(change.new) for change in step.changes)


def test_a_failure_is_told_in_the_engines_words(engine: Engine) -> None:
    with pytest.raises(EngineError, match=r"Pulumi\.dev\.yaml.*nothing was done:\n.*ingest\.partitions") as failure:
        engine.preview(settings={"ingest": {"partitions": 0}})
    assert "Traceback" not in str(failure.value)


def test_the_tool_that_is_built_has_the_version_of_the_sdk() -> None:
    module = (REPOSITORY / ".ci/tools/pulumi/go.mod").read_text(encoding="utf-8")
    assert f"github.com/pulumi/pulumi/pkg/v3 v{required_version()} " in module
