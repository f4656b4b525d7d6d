"""What is changed behind Pulumi's back: refresh finds it, and `up` sets it back."""

from dataclasses import replace
from typing import Any

import pytest

from simulator.azure.engine import Result
from simulator.azure.resources import drift
from tests.support.azure.deployment import Deployment, operations
from tests.support.azure.shapes import shape

DRIFTED: dict[str, tuple[str, Any]] = {
    "eventhub:Namespace scoring-events": ("disableLocalAuth", False),
    "keyvault:Vault scoringvault": ("tags", None),
    "machinelearningservices:Compute scoring-compute": ("properties.properties.scaleSettings.minNodeCount", 2),
    "monitor:ActionGroup scoring-operators": ("emailReceivers[0].emailAddress", "somebody@example.com"),
    "sql:Database scoring-windows": ("sku.name", "S3"),
    "sql:FirewallRule scoring-azure-services": ("endIpAddress", "255.255.255.255"),
    "storage:StorageAccount scoringdata": ("allowBlobPublicAccess", True),
    "streamanalytics:StreamingJob scoring-stream": ("eventsLateArrivalMaxDelayInSeconds", 5),
}
"""What somebody changes by hand: resource, property and value."""

DELETED = {
    "storage:BlobContainer scoring-raw": 2,  # with the role on it
    "eventhub:EventHub scoring-readings": 5,  # with consumer groups and a role
    "streamanalytics:StreamingJob scoring-stream": 2,
    "keyvault:Vault scoringvault": 2,
    "resources:ResourceGroup scoring": 68,
}
"""What somebody deletes by hand, and how many resources go with it."""


def changes_of(result: Result) -> dict[str, str]:
    """What changes, but for updates of diagnostic settings: Azure answers more of them than it was given."""
    ours = "monitor:DiagnosticSetting "
    return {title: what for title, what in result.changes.items() if not (title.startswith(ours) and what == "update")}


def operations_of(result: Result) -> list[str]:
    """The same as lines."""
    return [line for line in operations(result) if not line.startswith("update monitor:DiagnosticSetting ")]


def id_of(title: str, stack: Deployment) -> str:
    type_, name = title.split()
    return stack.resource(name, type_).id


def test_what_was_changed_by_hand_is_found_by_refresh_and_set_back_by_the_next_deployment(dev: Deployment):
    before = shape(dev)
    for title, (path, value) in DRIFTED.items():
        drift(dev.subscription, id_of(title, dev), {path: value})
    assert dev.engine.preview().changes == {}, "without a refresh, Pulumi believes its own state"
    expected = [f"update {title}: {path}" for title, (path, _) in DRIFTED.items()]
    assert operations_of(dev.engine.refresh()) == expected
    assert operations_of(dev.engine.up()) == expected
    assert shape(dev) == before and dev.engine.preview().changes == {}


def test_a_deployment_can_refresh_by_itself(dev: Deployment):
    before = shape(dev)
    drift(dev.subscription, id_of("sql:FirewallRule scoring-azure-services", dev), {"endIpAddress": "255.255.255.255"})
    dev.engine.up(refresh=True)
    assert shape(dev) == before


@pytest.mark.parametrize(("title", "count"), DELETED.items(), ids=[title.split()[-1] for title in DELETED])
def test_what_was_deleted_by_hand_is_found_by_refresh_and_made_again(title: str, count: int, dev: Deployment):
    before = shape(dev)
    dev.subscription.delete(id_of(title, dev))
    found = changes_of(dev.engine.refresh())
    assert found[title] == "delete" and list(found.values()) == ["delete"] * count
    made = dev.engine.up().changes
    assert {title for title, operation in made.items() if operation == "create"} >= set(found) - {title}
    assert shape(dev) == before and dev.engine.preview().changes == {}


def test_what_was_renamed_by_hand_is_made_again_beside_what_has_the_new_name(dev: Deployment):
    raw = dev.resource("scoring-raw")
    renamed = replace(raw, id=f"{raw.id}-renamed", token=None)
    dev.subscription.delete(raw.id)
    dev.subscription.put(renamed)
    assert dev.engine.refresh().changes["storage:BlobContainer scoring-raw"] == "delete"
    dev.engine.up()
    assert dev.resource("scoring-raw") == raw and dev.subscription.get(renamed.id) == renamed
