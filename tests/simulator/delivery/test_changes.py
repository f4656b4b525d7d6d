"""What realistic changes of a deployed stack do: exactly which resources change in place, are replaced, or stay."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from simulator.azure.engine import EngineError
from tests.support.azure.deployment import Deployment, operations
from tests.support.azure.engine_stack import edited

CHANGES = yaml.safe_load(Path(__file__).with_name("changes.yaml").read_text(encoding="utf-8"))
RELEASE, SCHEMA = "pulumi:index:Stash release", "pulumi:index:Stash schema"


def every(kind: str) -> list[Any]:
    """The changes of one kind, as parameters of a test."""
    return [pytest.param(change, id=change["change"].replace(" ", "-")) for change in CHANGES[kind]]


@contextmanager
def made(change: Mapping[str, Any], stack: Deployment) -> Generator[dict[str, Any]]:
    """Make a change as long as the context lasts; yields the settings to deploy with."""
    if "edit" not in change:
        yield stack.settings(change["settings"])
        return
    path, old, new = change["edit"]
    with edited(stack.tree / path, old, new):
        yield {}


def affected(lines: list[str]) -> list[str]:
    """Lines without the order in which something is replaced, and without properties."""
    return sorted(line.partition(": ")[0].replace(" (old first)", "").replace(" (new first)", "") for line in lines)


@pytest.mark.parametrize("change", every("deployed"))
def test_a_deployed_change_does_exactly_what_is_expected_and_then_nothing(change: dict[str, Any], dev: Deployment):
    with made(change, dev) as settings:
        previewed = operations(dev.engine.preview(settings=settings))
        assert operations(dev.engine.up(settings=settings)) == change["operations"]
        assert dev.engine.preview(settings=settings).changes == {}
    assert affected(previewed) == sorted(affected(change["operations"]) + change.get("previewed_only", []))


@pytest.mark.parametrize("change", every("previewed"))
def test_a_change_would_do_exactly_what_is_expected(change: dict[str, Any], dev: Deployment):
    with made(change, dev) as settings:
        assert operations(dev.engine.preview(settings=settings)) == change["operations"]


@pytest.mark.parametrize("change", every("impossible"))
def test_a_change_that_azure_would_refuse_is_refused_in_the_preview(change: dict[str, Any], dev: Deployment):
    with made(change, dev) as settings, pytest.raises(EngineError) as failure:
        dev.engine.preview(settings=settings)
    assert change["told"] in str(failure.value) and "Traceback" not in str(failure.value)


def test_changes_that_were_only_previewed_do_the_same_all_at_once(dev: Deployment):
    changes = [change for change in CHANGES["previewed"] if "settings" in change]
    settings = dev.settings({path: value for change in changes for path, value in change["settings"].items()})
    expected = {line for change in changes for line in affected(change["operations"])}
    assert set(affected(operations(dev.engine.up(settings=settings)))) == expected and len(expected) > 15
    assert dev.engine.preview(settings=settings).changes == {}


def test_another_vm_size_makes_a_second_cluster_beside_the_first(dev: Deployment):
    old = dev.resource("scoring-compute")
    dev.engine.up(settings=dev.settings({"cluster.vmSize": "STANDARD_DS4_V2"}))
    assert dev.resource("scoring-compute").id != old.id and dev.subscription.get(old.id) == old


def test_a_new_tag_changes_everything_that_has_tags_in_place_and_nothing_else(dev: Deployment):
    tagged = {one.id for one in dev.subscription.list() if "tags" in one.inputs}
    result = dev.engine.up(settings=dev.settings({"tags": {"team": "maintenance"}}))
    assert f"update {RELEASE}: input.streamJob.settings" in operations(result)
    steps = [result.step(title) for title in result.changes if title != RELEASE]
    assert {step.operation for step in steps} == {"update"}
    (server,) = dev.subscription.list("Microsoft.Sql/servers")  # it gets no second body
    tagged.remove(server.id)
    assert {step.new_id for step in steps} == tagged and len(tagged) > 20
    assert {change.path for step in steps for change in step.changes} == {"tags.team"}
    assert all(one.body["tags"]["team"] == "maintenance" for one in dev.subscription.list() if one.id in tagged)


def test_another_region_replaces_everything(dev: Deployment):
    settings = dev.settings({"region": "northeurope"})
    before = {one.id for one in dev.subscription.list()}
    result = dev.engine.up(settings=settings)
    azure = {step.title for step in result.steps if step.type.startswith("azure-native:")}
    assert result.changes == {**dict.fromkeys(azure, "replace"), RELEASE: "update", SCHEMA: "update"}
    after = dev.subscription.list()
    assert len(after) == len(before) and before.isdisjoint(one.id for one in after)
    places = {one.inputs["location"].lower() for one in after if "location" in one.inputs}
    assert places == {"northeurope", "global"}
    assert dev.engine.preview(settings=settings).changes == {}


@pytest.mark.parametrize("change", every("production"))
def test_production_takes_a_change_that_loses_nothing(change: dict[str, Any], prod: Deployment):
    with made(change, prod) as settings:
        assert operations(prod.engine.up(settings=settings)) == change["operations"]


@pytest.mark.parametrize("change", every("refused"))
def test_production_refuses_a_change_that_loses_data(change: dict[str, Any], prod: Deployment):
    with made(change, prod) as settings, pytest.raises(EngineError) as failure:
        prod.engine.preview(settings=settings)
    told = str(failure.value)
    assert all(f"\n  {title}: " in told for title in change["protected"]), told
    assert "protect" in told and "Traceback" not in told


def test_production_refuses_without_having_begun(prod: Deployment):
    before = prod.subscription.snapshot()
    with pytest.raises(EngineError, match="currently marked for protection"):
        prod.engine.up(settings=prod.settings({"ingest.partitions": 16}))
    assert prod.subscription.snapshot() == before
