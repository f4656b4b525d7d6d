"""A stack's whole life on the real engine: deployed, looked at, destroyed, and deployed again."""

from pathlib import Path

import pytest

from simulator.azure.engine import EngineError
from tests.support.azure.deployment import Deployment, deployment
from tests.support.azure.shapes import shape

SOFT_DELETED = ("keyvault:Vault", "machinelearningservices:Workspace", "operationalinsights:Workspace")


def blocked(stack: Deployment) -> list[str]:
    """The names in Azure of those resources that keep theirs when they are deleted."""
    return [one.name for one in stack.subscription.list() if (one.token or "").endswith(SOFT_DELETED)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dev", "prod"])
def test_a_stack_is_deployed_and_destroyed_and_deployed_again(name: str, tmp_path: Path):
    with deployment(tmp_path, name) as stack:
        engine, subscription = stack.engine, stack.subscription
        previewed = engine.preview()
        assert subscription.list() == []
        deployed = engine.up()
        assert deployed.changes == previewed.changes and set(deployed.changes.values()) == {"create"}
        assert {one["id"] for one in stack.state() if one["type"].startswith("azure-native:")} == {
            one.id
            for one in subscription.list()
            if one.token is not None  # else part of another, as a job's query
        }
        assert engine.preview().changes == {}
        noticed = engine.refresh().changes
        assert {title.split()[0] for title in noticed} == {"monitor:DiagnosticSetting"}, "Azure answers more than given"
        assert engine.up().changes == noticed, "deploying again takes it back, and harms nothing"
        first, taken = shape(stack), blocked(stack)

        if name == "prod":
            with pytest.raises(EngineError, match="protect"):
                engine.destroy()
            assert shape(stack) == first and engine.preview().changes == {}
            assert engine.up(settings={"protect": False}).changes == {}
        engine.destroy()
        assert subscription.list() == [] and stack.state() == []

        assert engine.up().changes == deployed.changes
        assert shape(stack) == first
        assert len(taken) == 3 and set(taken).isdisjoint(blocked(stack))


def test_the_resources_of_a_destroyed_stack_keep_their_names_for_a_while(dev: Deployment):
    blocking = [one for one in dev.subscription.list() if one.name in blocked(dev)]
    dev.engine.destroy()
    assert [dev.subscription.blocking(one.type, one.id) for one in blocking] == [one.id for one in blocking]
