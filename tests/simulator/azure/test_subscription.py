import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from simulator.azure.subscription import StoredResource, Subscription

GROUP = "/subscriptions/s/resourceGroups/group"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/work"
VAULT = "Microsoft.KeyVault/vaults"


def resource(id_: str, type_: str = "Microsoft.Test/things") -> StoredResource:
    return StoredResource(id_, type_)


def holding(*ids: str) -> Subscription:
    subscription = Subscription()
    for id_ in ids:
        subscription.put(resource(id_))
    return subscription


def test_ids_compare_without_case():
    assert holding(f"{GROUP}/providers/A.B/c/One").get(f"{GROUP}/PROVIDERS/a.b/C/one") is not None


def test_what_is_got_or_put_can_be_changed_without_changing_what_exists():
    subscription, given = Subscription(), replace(resource(GROUP), state={"jobState": "Created"})
    subscription.put(given)
    given.state["jobState"] = "Running"
    got = subscription.get(GROUP)
    assert got is not None and got.state == {"jobState": "Created"}
    got.state["jobState"] = "Stopped"
    assert subscription.list()[0].state == {"jobState": "Created"}


def test_deleting_a_resource_deletes_what_lies_below_it_or_is_scoped_to_it_and_nothing_else():
    hub = f"{GROUP}/providers/Microsoft.EventHub/namespaces/n/eventhubs/h"
    below = [f"{hub}/consumergroups/c", f"{hub}/providers/Microsoft.Authorization/roleAssignments/r"]
    subscription = holding(GROUP, hub, *below, f"{hub}2", f"{GROUP}2")
    subscription.delete(hub.upper())
    assert [one.id for one in subscription.list()] == [GROUP, f"{hub}2", f"{GROUP}2"]
    subscription.delete(GROUP)
    assert [one.id for one in subscription.list()] == [f"{GROUP}2"]


def test_children_are_those_directly_below_of_one_kind():
    models = f"{WORKSPACE}/models"
    subscription = holding(WORKSPACE, f"{models}/b", f"{models}/a", f"{models}/a/versions/1", f"{WORKSPACE}/codes/c")
    assert [one.name for one in subscription.children(WORKSPACE, "Models")] == ["a", "b"]
    assert [one.name for one in subscription.children(f"{models}/a", "versions")] == ["1"]


def test_resources_are_listed_by_type_whatever_its_case():
    subscription = holding(GROUP)
    subscription.put(resource(f"{GROUP}/providers/x", VAULT))
    assert [one.type for one in subscription.list(VAULT.lower())] == [VAULT]
    assert len(subscription.list()) == 2


@pytest.mark.parametrize(
    "type_", ["Microsoft.MachineLearningServices/workspaces", "Microsoft.OperationalInsights/workspaces"]
)
def test_a_deleted_workspace_blocks_its_id_even_when_its_group_went(type_: str):
    subscription, id_ = holding(GROUP), f"{GROUP}/providers/{type_}/work"
    subscription.put(resource(id_, type_))
    assert subscription.blocking(type_, id_) is None
    subscription.delete(GROUP)
    assert subscription.blocking(type_, id_.upper()) == id_
    assert subscription.blocking(type_, id_.replace("/group/", "/other/")) is None
    subscription.purge(id_.upper())
    assert subscription.blocking(type_, id_) is None


def test_a_deleted_vault_blocks_its_name_in_every_group():
    subscription, id_ = Subscription(), f"{GROUP}/providers/{VAULT}/vault"
    subscription.put(resource(id_, VAULT))
    subscription.delete(id_)
    assert subscription.blocking(VAULT, id_.replace("/group/", "/other/")) == id_
    assert subscription.blocking(VAULT, f"{id_}2") is None


def test_other_resources_block_nothing_when_deleted():
    subscription = holding(GROUP)
    subscription.delete(GROUP)
    assert subscription.blocking("Microsoft.Test/things", GROUP) is None


def test_each_deletion_starts_another_life():
    subscription = holding(GROUP)
    assert subscription.life(GROUP) == 0
    subscription.delete(GROUP)
    assert subscription.life(GROUP.upper()) == 1
    subscription.delete(GROUP)  # nothing is there
    assert subscription.life(GROUP) == 1


def test_a_snapshot_brings_everything_back():
    subscription = holding(GROUP)
    subscription.put(resource(f"{GROUP}/providers/{VAULT}/vault", VAULT))
    subscription.delete(f"{GROUP}/providers/{VAULT}/vault")
    kept = subscription.snapshot()
    subscription.delete(GROUP)
    subscription.restore(kept)
    assert subscription.snapshot() == kept
    assert subscription.get(GROUP) is not None
    assert subscription.blocking(VAULT, f"/x/providers/{VAULT}/vault") is not None
    assert subscription.life(GROUP) == 0 and subscription.life(f"{GROUP}/providers/{VAULT}/vault") == 1


def test_a_file_keeps_the_subscription(tmp_path: Path):
    file = tmp_path / "subscription.json"
    first = Subscription(file)
    first.put(replace(resource(GROUP), inputs={"location": "westeurope"}))
    first.put(resource(f"{GROUP}2"))
    first.delete(f"{GROUP}2")
    assert Subscription(file).snapshot() == first.snapshot()
    assert json.loads(file.read_text())["resources"][0]["inputs"] == {"location": "westeurope"}
    assert [one.name for one in tmp_path.iterdir()] == ["subscription.json"]


def test_threads_lose_nothing(tmp_path: Path):
    subscription = Subscription(tmp_path / "subscription.json")
    ids = [f"{GROUP}/providers/A.B/c/{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(subscription.put, map(resource, ids)))
    assert len(Subscription(tmp_path / "subscription.json").list()) == 40
