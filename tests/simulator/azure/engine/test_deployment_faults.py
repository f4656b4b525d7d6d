"""What goes wrong while a stack is deployed: it is told readably, and the next deployment completes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from simulator.azure import arm
from simulator.azure.engine import EngineError
from simulator.azure.engine.steps import value_at
from simulator.azure.provider import Fault, Faults
from simulator.azure.provider.faults import RETRIES, Kind
from tests.support.azure.deployment import Deployment, deployment, operations
from tests.support.azure.engine_stack import edited
from tests.support.azure.shapes import shape

CREATIONS: Sequence[tuple[Kind, str]] = (
    ("error", 'Code="InternalServerError"'),
    ("throttling", 'Status=429 Code="TooManyRequests"'),
    ("lost-answer", "the connection was lost; it may exist"),
)
"""What goes wrong at a creation, and words of Azure's that whoever deploys gets to read."""

TIMES: Mapping[Kind, int] = {"error": 1, "throttling": RETRIES + 1, "lost-answer": 1}
"""How many times something must go wrong to make one operation fail."""


class AtEachOnce(Faults):
    """Strikes the first creation of each of some resources; `hit` are those of the deployment under way."""

    def __init__(self, resources: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.left = {resource: CREATIONS[index % len(CREATIONS)] for index, resource in enumerate(resources)}
        self.hit: dict[tuple[str, str], Faults] = {}

    def strike(self, operation: str, token: str, name: str) -> Kind | None:
        """What goes wrong with this operation, if anything."""
        if operation == "create" and (found := self.left.get((token, name))) is not None:
            kind, _ = found
            faults = self.hit.setdefault((token, name), Faults(Fault(kind, times=TIMES[kind])))
            return faults.strike(operation, token, name)
        return None


def created(stack: Deployment) -> list[tuple[str, str]]:
    """Type and logical name of all resources of Azure in a stack, always in the same order."""
    azure = [one for one in stack.state() if one["type"].startswith(f"{arm.PACKAGE}:")]
    return sorted((one["type"], one["urn"].rpartition("::")[2]) for one in azure)


@pytest.mark.slow
def test_the_creation_of_every_resource_fails_and_the_next_deployment_gets_past_it(dev: Deployment, tmp_path: Path):
    """In each deployment that of all resources that the engine has begun with before it learns of the first failure."""
    faults = AtEachOnce(created(dev))
    with deployment(tmp_path, faults=faults) as stack:
        while faults.left:
            faults.hit.clear()
            with pytest.raises(EngineError) as failure:
                stack.engine.up()
            first, *told = str(failure.value).splitlines()
            assert faults.hit and first == "up failed:" and len(told) <= 2 * len(faults.hit), failure.value
            for token, name in faults.hit:
                _, words = faults.left.pop((token, name))
                title = f"  {token.partition(':')[2]} {name}: "
                (place,) = [number for number, line in enumerate(told) if line.startswith(title)]
                assert words in " ".join(told[place : place + 2])
            assert "Traceback" not in str(failure.value)
        stack.engine.up()
        assert stack.engine.preview().changes == {} and stack.pending() == []
        assert shape(stack) == shape(dev)


CHANGED = {"stream.streamingUnits": 3, "cluster.maxNodes": 6, "database.size": "S1"}
UPDATED = {
    "resources:Deployment scoring-stream-definition": ("properties.template.resources[5].properties.streamingUnits", 3),
    "machinelearningservices:Compute scoring-compute": ("properties.properties.scaleSettings.maxNodeCount", 6),
    "sql:Database scoring-windows": ("sku.name", "S1"),
}
"""What these settings change: resource, property and new value."""


@pytest.mark.parametrize(("kind", "words"), CREATIONS)
def test_the_update_of_what_matters_most_fails_in_turn_and_the_next_deployment_gets_past_it(
    kind: Kind, words: str, dev: Deployment
):
    settings, told = dev.settings(CHANGED), []
    dev.faults.inject(*(Fault(kind, title.split()[0], "update", times=TIMES[kind]) for title in UPDATED))
    for _ in UPDATED:
        with pytest.raises(EngineError) as failure:
            dev.engine.up(settings=settings, parallel=1)
        told.append(str(failure.value))
        assert words in told[-1] and len(told[-1].splitlines()) <= 3, told[-1]
    assert all(sum(f"\n  {title}: " in text for text in told) == 1 for title in UPDATED), told
    dev.engine.up(settings=settings)
    assert dev.engine.preview(settings=settings).changes == {}
    for title, (path, value) in UPDATED.items():
        type_, name = title.split()
        assert value_at(dev.resource(name, type_).inputs, path) == value


def test_slow_answers_and_throttling_that_ends_are_waited_for(dev: Deployment):
    dev.faults.inject(
        Fault("slow", "sql:Database", "update", seconds=3),
        Fault("throttling", "machinelearningservices:Compute", "update", times=3, seconds=0.5),
    )
    done = dev.engine.up(settings=dev.settings(CHANGED))
    assert done.seconds > 3 and {name for _, name, _ in dev.faults.struck} == {"scoring-windows", "scoring-compute"}
    assert {done.step(title).operation for title in UPDATED} == {"update"}


def test_a_deletion_fails_and_the_next_deployment_completes(dev: Deployment):
    settings = dev.settings({"database.threatAlerts": False})
    dev.faults.inject(Fault("error", "scoring-threat-alerts", "delete"))
    with pytest.raises(EngineError, match="sql:ServerSecurityAlertPolicy scoring-threat-alerts: Status=500"):
        dev.engine.up(settings=settings)
    done = dev.engine.up(settings=settings)
    assert operations(done) == ["delete sql:ServerSecurityAlertPolicy scoring-threat-alerts"]


VM_SIZE = (
    "machinelearningservices:Compute",
    "Pulumi.dev.yaml",
    "config:",
    "config:\n  batch-scoring:cluster: {vmSize: STANDARD_NC6}",
)
IMAGE = "containerregistry:TaskRun", "scoring/environment/requirements.txt", "numpy==", "# newer\nnumpy=="


@pytest.mark.parametrize(("type_", "file", "old", "new"), [VM_SIZE, IMAGE], ids=["VM-size", "image"])
def test_a_change_whose_new_resource_cannot_be_made_is_taken_back(
    type_: str, file: str, old: str, new: str, dev: Deployment
):
    before = shape(dev)
    dev.faults.inject(Fault("error", type_, "create", message="There is no quota for it."))
    with edited(dev.tree / file, old, new), pytest.raises(EngineError, match="There is no quota for it"):
        dev.engine.up()
    assert dev.engine.up().changes == {} and shape(dev) == before


def test_a_hub_that_could_not_be_made_again_is_made_by_the_next_deployment(dev: Deployment):
    settings = dev.settings({"ingest.partitions": 2})
    dev.faults.inject(Fault("error", "eventhub:EventHub", "create"))
    with pytest.raises(EngineError, match="eventhub:EventHub scoring-readings: Status=500"):
        dev.engine.up(settings=settings)
    dev.engine.up(settings=settings)
    assert dev.engine.preview(settings=settings).changes == {}
    assert dev.resource("scoring-readings", "eventhub:EventHub").inputs["partitionCount"] == 2
    assert dev.resource("scoring-arrivals") and dev.resource("stream-receives")


def test_a_group_that_could_not_be_deleted_is_deleted_by_the_next_destroy(dev: Deployment):
    dev.faults.inject(Fault("error", "resources:ResourceGroup", "delete"))
    with pytest.raises(EngineError, match="resources:ResourceGroup scoring: Status=500"):
        dev.engine.destroy()
    assert dev.subscription.list() != []
    dev.engine.destroy()
    assert dev.subscription.list() == [] and dev.state() == []
