"""What a killed deployment or a lost answer has left is found, whatever it is, and the state is given it."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.recovery.mending import mended
from infra.recovery.resource_ids import RANDOM_NAME, kind_of
from infra.recovery.survey import Findings, survey
from simulator.azure import arm
from simulator.azure.cloud.management.listings import listed
from simulator.azure.resources import build_resource
from simulator.azure.subscription import Subscription
from tests.support.recording import recorded

Resource = dict[str, Any]
STORE = "storage:StorageAccount"


@dataclass
class Stack:
    """A deployed stack: its state, and the subscription, which answers as Azure does."""

    subscription: Subscription = field(default_factory=Subscription)
    state: list[Resource] = field(default_factory=list)

    def get(self, resource_id: str, api_version: str) -> Resource | None:
        assert api_version
        found = self.subscription.get(resource_id)
        return found.body if found else None

    def list(self, path: str, api_version: str) -> list[Resource]:
        assert api_version
        return listed(self.subscription, path) or []

    def make(self, resource: Resource) -> str:
        """Have Azure make a resource; returns its id."""
        made = build_resource(self.subscription, resource["type"], resource["inputs"])
        self.subscription.put(made)
        return made.id

    def add(self, token: str, name: str, **inputs: Any) -> Resource:
        """A resource that is in Azure and in the state."""
        resource = entry(f"{arm.PACKAGE}:{token}", name, inputs)
        self.state.append({**resource, "id": self.make(resource)})
        return self.state[-1]

    def lose(self, resource: Resource) -> Resource:
        """Take a resource out of the state; returns it as a preview plans it."""
        self.state.remove(resource)
        return {key: value for key, value in resource.items() if key != "id"}

    def survey(self, *planned: Resource, pending: tuple[Resource, ...] = (), kind: str = "creating") -> Findings:
        operations = [{"type": kind, "resource": one} for one in pending]
        return survey({"resources": self.state, "pending_operations": operations}, planned, self)


def entry(type_: str, name: str, inputs: Resource) -> Resource:
    return {"urn": f"urn:pulumi:dev::batch-scoring::{type_}::{name}", "type": type_, "custom": True, "inputs": inputs}


@pytest.fixture
def stack() -> Stack:
    """A group with an account of a random name and a container of a given one."""
    stack = Stack()
    tags = {"project": "batch-scoring", "stack": "dev"}
    stack.add("resources:ResourceGroup", "scoring", resourceGroupName="scoring00000001", tags=tags, **RANDOM)
    stack.add(STORE, "store", **IN_GROUP, accountName="store0000000a", **RANDOM)
    stack.add("storage:BlobContainer", "raw", **IN_GROUP, accountName="store0000000a", containerName="raw")
    return stack


RANDOM = {RANDOM_NAME: True}
IN_GROUP = {"resourceGroupName": "scoring00000001"}


def of(stack: Stack, token: str) -> Resource:
    (found,) = (one for one in stack.state if one["type"] == f"{arm.PACKAGE}:{token}")
    return found


def program(stack: str) -> Iterator[tuple[Stack, Resource]]:
    """The stack with all that the program declares, and each of its resources in turn."""
    deployed = Stack()
    for one in recorded(stack).azure():
        kind = kind_of(one.type)
        assert kind is not None
        deployed.state.append({**entry(one.type, one.name, {kind.name_input: one.name, **one.inputs}), "id": one.id})
        assert deployed.make(deployed.state[-1]) == one.id
    for resource in list(deployed.state):
        yield deployed, resource


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dev", "prod"])
def test_any_resource_of_the_program_is_found_after_a_lost_answer_and_after_a_kill(name: str):
    seen = set()
    for stack, resource in program(name):
        planned = stack.lose(resource)
        for pending in ((), (planned,)):
            findings = stack.survey(planned, pending=pending)
            assert [(one.resource, one.id) for one in findings.found] == [(planned, resource["id"])]
            assert (findings.not_made, findings.strays, findings.unreadable) == ([], [], [])
        stack.state.append(resource)
        seen.add(resource["type"])
    assert len(seen) > 25


def test_a_creation_that_azure_never_heard_of_is_noted_as_not_made(stack: Stack):
    planned = stack.lose(container := of(stack, "storage:BlobContainer"))
    stack.subscription.delete(container["id"])
    findings = stack.survey(planned, pending=(planned,))
    assert (findings.found, findings.not_made, findings.mends) == ([], [planned], True)
    assert not stack.survey(planned).mends


def test_a_killed_creation_is_found_under_the_random_name_that_the_state_noted(stack: Stack):
    begun = stack.lose(of(stack, STORE))
    planned = {**begun, "inputs": {**begun["inputs"], "accountName": "store99999999"}}
    (found,) = stack.survey(planned, pending=(begun,)).found
    assert found.resource["inputs"]["accountName"] == "store0000000a"


def test_a_lost_answer_is_found_under_the_random_name_that_nobody_noted(stack: Stack):
    lost = stack.lose(of(stack, STORE))
    planned = {**lost, "inputs": {**lost["inputs"], "accountName": "store99999999"}}
    findings = stack.survey(planned)
    assert [one.resource["inputs"] for one in findings.found] == [lost["inputs"]] and findings.strays == []


@pytest.mark.parametrize("other", ["storage0000000a", "store0000000", "store-other", "restore0000000a"])
def test_what_only_has_a_similar_name_is_left_alone(other: str, stack: Stack):
    lost = stack.lose(of(stack, STORE))
    stack.subscription.delete(lost_id(lost))
    stack.make({**lost, "inputs": {**lost["inputs"], "accountName": other}})
    findings = stack.survey({**lost, "inputs": {**lost["inputs"], "accountName": "store99999999"}})
    assert (findings.found, findings.strays) == ([], [])


def lost_id(resource: Resource) -> str:
    return arm.resource_id(resource["type"], "", resource["inputs"])


def test_what_another_took_the_place_of_is_named_as_left_over(stack: Stack):
    present = of(stack, STORE)
    stray = stack.make({**present, "inputs": {**present["inputs"], "accountName": "store0000000b"}})
    assert stack.survey().strays == [stray] and not stack.survey().mends
    begun = {**present, "inputs": {**present["inputs"], "accountName": "store0000000b"}}
    findings = stack.survey(pending=(begun,))
    assert findings.strays == [stray] and findings.found == []


def test_of_two_killed_creations_of_one_resource_the_later_is_taken_and_the_other_is_left_over(stack: Stack):
    first = stack.lose(of(stack, STORE))
    second = {**first, "inputs": {**first["inputs"], "accountName": "store0000000b"}}
    stack.make(second)
    findings = stack.survey(second, pending=(first, second))
    assert [one.resource for one in findings.found] == [second] and findings.strays == [lost_id(first)]


def test_a_group_that_nobody_noted_is_found_only_while_it_is_empty(stack: Stack):
    group, container = of(stack, "resources:ResourceGroup"), of(stack, "storage:BlobContainer")
    stack.subscription.delete(of(stack, STORE)["id"])
    role = entry(f"{arm.PACKAGE}:authorization:RoleAssignment", "role", {"roleDefinitionId": container["id"]})
    stack.state = [group]
    lost = stack.lose(group)
    planned = {**lost, "inputs": {**lost["inputs"], "resourceGroupName": "scoring99999999"}}
    assert [one.id for one in stack.survey(planned, role).found] == [group["id"]]
    other = {**planned, "inputs": {**planned["inputs"], "tags": {"project": "batch-scoring", "stack": "prod"}}}
    assert stack.survey(other, role).found == []
    stack.make(container)
    stack.make(entry(f"{arm.PACKAGE}:{STORE}", "store", {**IN_GROUP, "accountName": "x"}))
    assert stack.survey(planned, role).found == []


def test_what_a_preview_does_not_know_all_of_is_not_taken(stack: Stack):
    planned = stack.lose(of(stack, "storage:BlobContainer"))
    planned["inputs"]["metadata"] = {"id": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}
    assert stack.survey(planned).found == []


def test_a_type_that_nobody_knows_is_named(stack: Stack):
    unheard_of = entry(f"{arm.PACKAGE}:toys:Train", "train", {})
    assert stack.survey(unheard_of).unreadable == [unheard_of]
    assert stack.survey(entry("pulumi:index:Stash", "release", {})).unreadable == []


# The state that comes of it


def test_the_state_is_given_what_was_found_as_unfinished_and_no_operation_is_left(stack: Stack):
    planned = {**stack.lose(container := of(stack, "storage:BlobContainer")), "protect": True, "outputs": {"id": "?"}}
    before = {"resources": stack.state, "pending_operations": [{"type": "creating", "resource": planned}]}
    kept = copy.deepcopy(before)
    after = mended(before, stack.survey(planned, pending=(planned,)))
    assert before == kept and "pending_operations" not in after
    assert after["resources"][:-1] == stack.state
    (new,) = after["resources"][-1:]
    assert new["initErrors"] and new["protect"] and new["outputs"] == {}
    assert (new["id"], new["inputs"]) == (container["id"], container["inputs"])


def test_what_was_being_changed_is_changed_again(stack: Stack):
    container = of(stack, "storage:BlobContainer")
    after = mended({"resources": stack.state}, stack.survey(pending=(container,), kind="updating"))
    assert [bool(one.get("initErrors")) for one in after["resources"]] == [False, False, True]


def test_what_takes_no_second_request_is_finished_with_what_azure_answers(stack: Stack):
    given = {"serverName": "sql", "location": "here", "administrators": {"azureADOnlyAuthentication": True}}
    server = stack.add("sql:Server", "sql", **IN_GROUP, **given)
    unfinished = {"resources": [*stack.state[:-1], {**server, "outputs": {}, "initErrors": ["lost"]}]}
    findings = survey(unfinished, [], stack)
    assert findings.mends and [found.id for found in findings.finished] == [server["id"]]
    lost = stack.lose(server)
    for after in (mended(unfinished, findings), mended({"resources": stack.state}, stack.survey(lost))):
        (new,) = after["resources"][-1:]
        assert "initErrors" not in new and new["inputs"] == server["inputs"] and new["id"] == server["id"]
        assert new["outputs"]["fullyQualifiedDomainName"] == "sql.database.windows.net"
        made = stack.subscription.get(server["id"])
        assert made is not None and new["outputs"].items() <= made.outputs.items()


@pytest.mark.parametrize("old", [{}, {"pendingReplacement": True}], ids=["new-first", "old-first"])
def test_what_was_to_replace_another_takes_its_place(old: Resource, stack: Stack):
    present = of(stack, STORE)
    present |= old
    new = {key: value for key, value in present.items() if key not in ("id", *old)}
    new["inputs"] = {**new["inputs"], "accountName": "store0000000b"}
    stack.make(new)
    after = mended({"resources": stack.state}, stack.survey(new, pending=(new,)))
    accounts = [(one["id"].rpartition("/")[2], one.get("delete", False)) for one in after["resources"]]
    gone = [] if old else [("store0000000a", True)]
    assert accounts == [("scoring00000001", False), ("store0000000b", False), ("raw", False), *gone]
