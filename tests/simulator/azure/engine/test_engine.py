"""The engine's harness: operations of a tree in a process of its own, and what they report."""

import os
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from simulator.azure.engine import Engine, EngineError
from simulator.azure.engine.cli import required_version
from simulator.azure.engine.failures import failure_text
from simulator.azure.engine.steps import Message, differences, title, value_at
from simulator.azure.provider import serve
from simulator.azure.subscription import Subscription
from tests.support.azure.engine_stack import REPOSITORY, edited, require_cli, write_tree
from tests.support.deadline import ENOUGH_SECONDS

QUERY = "stream_queries/sensor_windows.asaql"
DEFINITION = "resources:Deployment scoring-stream-definition"

HOOKED = """
import os
import time
from pathlib import Path
import pulumi

def work(arguments):
    print("the hook works on", arguments.new_inputs["input"], os.environ.get("FAR_AWAY", "nowhere"))
    if os.environ.get("WAIT_FOR"):
        Path(os.environ["WAIT_FOR"]).touch()
        time.sleep(600)

hook = pulumi.ResourceHook("work", work)
record = pulumi.Stash(
    "record",
    input=pulumi.Config().get("word") or "one",
    opts=pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(before_create=[hook], before_update=[hook])),
)
pulumi.export("word", record.output)
"""

HOOKED_FAILURE = """
import pulumi
from pulumi_azure_native import managedidentity

def fail(arguments):
    raise RuntimeError("the hook is at fault")

managedidentity.UserAssignedIdentity(
    "identity",
    resource_group_name="nowhere",
    location="westeurope",
    opts=pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(on_error=[pulumi.ErrorHook("work", fail)])),
)
"""


@pytest.fixture
def port() -> Iterator[int]:
    """A simulated subscription."""
    require_cli()
    with serve(Subscription()) as port:
        yield port


def test_a_deployed_program_has_nothing_left_to_do(deployed: Engine):
    assert deployed.preview().changes == {}


def test_a_changed_file_of_the_tree_shows_in_the_next_operation(deployed: Engine):
    with edited(deployed.tree / QUERY, "SELECT", "SELECT /* changed */"):
        result = deployed.preview()
    (change,) = result.step(DEFINITION).changes
    assert result.changes == {DEFINITION: "update", "pulumi:index:Stash release": "update"}
    assert (
        change.path == "properties.template.resources[5].properties.query"
        and change.new.replace(" /* changed */", "") == change.old
    )


def test_a_refused_setting_is_told_in_the_programs_words(deployed: Engine):
    with pytest.raises(EngineError, match=r"Pulumi\.dev\.yaml.*nothing was done:\n.*ingest\.partitions") as failure:
        deployed.preview(settings={"ingest": {"partitions": 0}})
    assert "Traceback" not in str(failure.value)


def test_a_day_without_quotes_is_the_day_that_was_written(deployed: Engine):
    result = deployed.preview(settings={"tags": {"since": date(2026, 1, 1)}})
    (change,) = result.step("storage:StorageAccount scoringdata").changes
    assert (change.path, change.new) == ("tags.since", "2026-01-01")


def test_a_mistake_in_the_program_is_told_with_its_place(deployed: Engine):
    with (
        edited(
            deployed.tree / "infra/stages/stream_job.py",
            "policy = settings.time_policy",
            "policy = settings.no_such_thing",
        ),
        pytest.raises(
            EngineError, match=r"infra/stages/stream_job\.py, line \d+: AttributeError: .*no_such_thing"
        ) as failure,
    ):
        deployed.preview()
    assert "Traceback" not in str(failure.value)


def test_a_missing_package_of_the_tree_is_not_taken_from_this_project(tmp_path: Path, port: int):
    tree = write_tree(tmp_path / "tree", "import scoring\n")
    with Engine(tree, tmp_path / "stack", port) as engine, pytest.raises(EngineError, match="has no package 'scoring'"):
        engine.preview()


def test_a_stack_lives_through_up_preview_refresh_and_destroy(tmp_path: Path, port: int):
    lines: list[str] = []
    tree = write_tree(tmp_path / "tree", HOOKED)
    with Engine(tree, tmp_path / "stack", port, environment={"FAR_AWAY": "the cloud"}, on_line=lines.append) as engine:
        first = engine.up()
        assert first.changes == {"pulumi:index:Stash record": "create"} and first.outputs == {"word": "one"}
        assert list(first.printed) == lines == ["the hook works on one the cloud"]

        engine.settings["word"] = "two"
        (change,) = engine.preview().step("record").changes
        assert (change.path, change.old, change.new) == ("input", "one", "two")
        state = engine.export_stack()
        assert engine.up().printed == ("the hook works on two the cloud",)
        assert engine.preview().changes == {}

        engine.import_stack(state)
        assert engine.up().changes == {"pulumi:index:Stash record": "update"}
        assert engine.refresh().changes == {}
        assert engine.destroy().changes == {"pulumi:index:Stash record": "delete"}


def test_hooks_do_nothing_when_they_are_not_wanted(tmp_path: Path, port: int):
    with Engine(write_tree(tmp_path / "tree", HOOKED), tmp_path / "stack", port, hooks=False) as engine:
        assert engine.up().printed == ()


@pytest.mark.parametrize(("hooks", "told"), [(True, "the hook is at fault"), (False, "ResourceGroupNotFound")])
def test_neither_do_hooks_on_failures(hooks: bool, told: str, tmp_path: Path, port: int):
    tree = write_tree(tmp_path / "tree", HOOKED_FAILURE)
    with (
        Engine(tree, tmp_path / "stack", port, hooks=hooks) as engine,
        pytest.raises(EngineError, match=told) as failure,
    ):
        engine.up()
    assert ("the hook is at fault" in str(failure.value)) == hooks


def test_a_killed_operation_ends_at_once_and_the_next_one_completes(tmp_path: Path, port: int):
    begun = tmp_path / "begun"
    tree = write_tree(tmp_path / "tree", HOOKED)
    with Engine(tree, tmp_path / "stack", port, environment={"WAIT_FOR": str(begun)}) as engine:
        running = engine.begin("up")
        _wait_for(begun)
        running.kill()
        with pytest.raises(EngineError, match="has ended"):
            running.result()
    with Engine(tree, tmp_path / "stack", port) as engine:
        engine.unlock()
        assert engine.up().changes == {"pulumi:index:Stash record": "create"}


def test_an_operation_may_be_killed_by_what_it_prints(tmp_path: Path, port: int):
    tree = write_tree(tmp_path / "tree", HOOKED)
    with Engine(tree, tmp_path / "stack", port, on_line=lambda _: engine.kill()) as engine:
        with pytest.raises(EngineError, match="has ended"):
            engine.up()
        engine.unlock()
        assert engine.preview().changes == {"pulumi:index:Stash record": "create"}


def test_a_state_that_was_cut_off_by_a_kill_is_taken_from_its_backup(tmp_path: Path, port: int):
    with Engine(write_tree(tmp_path / "tree", HOOKED), tmp_path / "stack", port) as engine:
        engine.up()
        engine.up(settings={"word": "two"})
        (state,) = engine.workspace.backend.glob(".pulumi/stacks/*/dev.json")
        state.write_text("")
        engine.unlock()
        assert engine.preview(settings={"word": "three"}).changes == {"pulumi:index:Stash record": "update"}


def test_credentials_of_the_environment_stay_here(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch):
    for name in ("AZURE_CLIENT_SECRET", "ARM_CLIENT_SECRET", "PULUMI_ACCESS_TOKEN"):
        monkeypatch.setenv(name, "secret")
    program = (
        "import os, pulumi\npulumi.export('seen', [name for name in os.environ if os.environ[name] == 'secret'])\n"
    )
    with Engine(write_tree(tmp_path / "tree", program), tmp_path / "stack", port) as engine:
        assert engine.up().outputs == {"seen": []}


def test_a_proxy_of_the_environment_is_not_between_the_engine_and_its_program(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
):
    for name in ("https_proxy", "http_proxy", "grpc_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setenv("no_proxy", "example.com")
    with Engine(write_tree(tmp_path / "tree", HOOKED), tmp_path / "stack", port) as engine:
        assert engine.preview().changes == {"pulumi:index:Stash record": "create"}


def test_secrets_of_a_stack_file_are_not_needed(tmp_path: Path, port: int):
    tree = write_tree(tmp_path / "tree", "import pulumi\npulumi.export('word', pulumi.Config().require('word'))\n")
    (tree / "Pulumi.dev.yaml").write_text(
        "encryptionsalt: v1:unknown:v1:unknown\nconfig:\n  small:word:\n    secure: AAABACyphertext\n"
    )
    with Engine(tree, tmp_path / "stack", port) as engine:
        assert engine.up().outputs == {"word": "simulated"}
    assert "unknown" in (tree / "Pulumi.dev.yaml").read_text()


def test_a_failure_without_a_diagnostic_is_what_the_tool_said():
    text = failure_text("up", [], "code: 255\nstderr: error: missing configuration value 'small:word'")
    assert text == "up failed:\n  missing configuration value 'small:word'"


def test_errors_are_told_once_each_without_the_engines_own_summary():
    refused = Message("error", "storage:StorageAccount data", "Code='Conflict' Message='taken'\n")
    messages = [refused, refused, Message("warning", "", "old"), Message("error", "", "update failed")]
    assert (
        failure_text("up", messages, "") == "up failed:\n  storage:StorageAccount data: Code='Conflict' Message='taken'"
    )


def test_what_a_program_says_is_wrong_is_told_once():
    said = "1 wrong in Pulumi.dev.yaml, nothing was done:\n  small:word is 7: give a text"
    messages = [Message("error", "", f"error: {before}{said}\n") for before in ("", "an unhandled error occurred: ")]
    assert failure_text("preview", messages, "").count("nothing was done") == 1


def test_differences_name_every_leaf_and_paths_find_it_again():
    old = {"same": 1, "list": [1, {"a.b": 2}], "gone": {"deep": True}}
    new = {"same": 1, "list": [1, {"a.b": 3}, 4], "come": []}
    found = {path: (before, after) for path, before, after in differences(old, new)}
    assert found == {'list[1]["a.b"]': (2, 3), "list[2]": (None, 4), "gone.deep": (True, None), "come": (None, [])}
    assert [value_at(old, path) for path in found] == [before for before, _ in found.values()]


def test_a_title_leaves_parents_out():
    parents = "urn:pulumi:dev::batch-scoring::batch-scoring:index:Storage$azure-native:storage:StorageAccount::data"
    assert title(parents) == "storage:StorageAccount data"


def test_the_tool_that_is_built_has_the_version_of_the_sdk():
    module = (REPOSITORY / ".ci/tools/pulumi/go.mod").read_text(encoding="utf-8")
    assert f"github.com/pulumi/pulumi/pkg/v3 v{required_version()} " in module


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + ENOUGH_SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path.name}"
        os.sched_yield()
        time.sleep(0.02)
