"""Names, checks and differences: what the provider says before anything is written."""

import re
from typing import Any
from uuid import UUID

import pytest

from simulator.azure.arm.types import resource_type
from simulator.azure.arm.values import UNKNOWN
from simulator.azure.errors import RefusalError
from simulator.azure.provider.auto_names import CREATE_FIRST
from simulator.azure.provider.names import RULES
from simulator.azure.provider.operations import Checked, Target
from tests.support.azure.estate import GROUP, RESOURCES, Estate, inputs, target, token

SEED = bytes(range(32))


def check(short: str, given: dict[str, Any], former: dict[str, Any] | None = None, seed: bytes = SEED) -> Checked:
    return Estate(without="group").operations.check(Target(token(short), "thing"), seed, given, former or {})


def differences(short: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    found = Estate(without="group").operations.compare(Target(token(short), "thing"), old, new)
    return {one.path: f"{one.kind}{'_REPLACE' if one.replaces else ''}" for one in found}


@pytest.fixture
def estate() -> Estate:
    return Estate()


# ---- Names
def test_a_top_level_resource_is_named_after_its_logical_name_and_eight_digits():
    name = check("eventhub:Namespace", {"resourceGroupName": "group"}).inputs["namespaceName"]
    assert re.fullmatch("thing[0-9a-f]{8}", name)


def test_the_same_seed_gives_the_same_name_and_another_seed_another():
    names = [check("resources:ResourceGroup", {}, seed=seed).inputs["resourceGroupName"] for seed in (b"a", b"a", b"b")]
    assert names[0] == names[1] != names[2]


def test_a_child_is_named_as_its_logical_name():
    named = check("eventhub:EventHub", {"resourceGroupName": "group", "namespaceName": "n"}).inputs
    assert named["eventHubName"] == "thing" and CREATE_FIRST not in named


def test_a_role_assignment_is_named_by_a_guid():
    named = check("authorization:RoleAssignment", {"scope": GROUP, "principalId": UNKNOWN, "roleDefinitionId": "/r"})
    assert str(UUID(named.inputs["roleAssignmentName"])) == named.inputs["roleAssignmentName"]


def test_an_existing_resource_keeps_its_name_and_a_given_name_is_left_alone():
    former = {"resourceGroupName": "group", "namespaceName": "thing-as-before", CREATE_FIRST: True}
    named = check("eventhub:Namespace", {"resourceGroupName": "group"}, former).inputs
    assert named["namespaceName"] == "thing-as-before" and named[CREATE_FIRST] is True
    given = check("eventhub:Namespace", {"resourceGroupName": "group", "namespaceName": "mine-alone"}, former).inputs
    assert given["namespaceName"] == "mine-alone" and CREATE_FIRST not in given


def test_a_fixed_last_part_of_the_id_is_no_name_to_invent():
    given = {"resourceGroupName": "group", "namespaceName": "n"}
    assert check("eventhub:NamespaceNetworkRuleSet", given).inputs == given


def test_only_a_random_name_lets_the_replacement_come_first(estate: Estate):
    assert estate.operations.deletes_first({"namespaceName": "mine"})
    assert not estate.operations.deletes_first({"namespaceName": "thing12345678", CREATE_FIRST: True})


def test_a_resource_without_location_takes_its_groups(estate: Estate):
    checked = estate.operations.check(
        Target(token("eventhub:Namespace"), "thing"), SEED, {"resourceGroupName": "group"}, {}
    )
    assert checked.inputs["location"] == "westeurope"
    hub = estate.operations.check(target("hub"), SEED, inputs("hub"), {})
    assert "location" not in hub.inputs


# ---- Checks
def test_what_azures_types_refuse_is_a_failure_at_its_path():
    checked = check(
        "storage:StorageAccount", inputs("store", sku={"name": "Standard_XXX"}, minimumTlsVersion="TLS1_0x")
    )
    assert [path for path, _ in checked.failures] == ["sku.name", "minimumTlsVersion"]
    assert "'Standard_XXX' is not one of" in checked.failures[0][1]


def test_an_invented_name_is_checked_too():
    failures = (
        Estate(without="group")
        .operations.check(
            Target(token("storage:StorageAccount"), "Too-long-for-an-account"),
            SEED,
            inputs("store", accountName=None),
            {},
        )
        .failures
    )
    assert {path for path, _ in failures} == {"accountName"}


def test_unknown_values_pass():
    unknown = inputs("job", resourceGroupName=UNKNOWN, jobName=UNKNOWN, inputs=UNKNOWN)
    assert check("streamanalytics:StreamingJob", unknown).failures == []


@pytest.mark.parametrize(
    ("word", "name", "bad"),
    [
        ("server", "serverName", "Server"),
        ("rejects", "containerName", "re--jects"),
        ("job", "jobName", "ab"),
        ("identity", "resourceName", "-cluster"),
        ("database", "databaseName", "win?dows"),
        ("operators", "actionGroupName", "a/b"),
    ],
)
def test_a_name_that_the_types_leave_open_has_its_rule(word: str, name: str, bad: str):
    short = RESOURCES[word][0]
    assert [path for path, _ in check(short, inputs(word, **{name: bad})).failures] == [name]
    assert check(short, inputs(word)).failures == []


def test_every_rule_for_names_is_of_a_type_that_is_known():
    assert all(resource_type(token(short)) for short in RULES)


def test_a_type_without_table_is_refused():
    with pytest.raises(RefusalError, match="does not know azure-native:compute:VirtualMachine"):
        check("compute:VirtualMachine", {})


# ---- Differences
def test_every_property_that_differs_is_named_by_its_path():
    changed = inputs("definition")
    children = changed["properties"]["template"]["resources"]
    children[3]["properties"]["query"] = "SELECT 2"
    children[2]["properties"]["datasource"]["properties"]["table"] = "dbo.other"
    del children[1]["properties"]["datasource"]["properties"]["container"]
    children.append({"name": "more"})
    at = "properties.template.resources"
    assert differences("resources:Deployment", inputs("definition"), changed) == {
        f"{at}[1].properties.datasource.properties.container": "DELETE",
        f"{at}[2].properties.datasource.properties.table": "ADD",
        f"{at}[3].properties.query": "UPDATE",
        f"{at}[4]": "ADD",
    }
    assert differences("resources:Deployment", inputs("definition"), inputs("definition")) == {}


def test_a_key_with_a_dot_is_quoted_and_internal_inputs_are_not_compared():
    old, new = {"tags": {"a.b": "1"}, CREATE_FIRST: True}, {"tags": {"a.b": "2"}}
    assert differences("eventhub:Namespace", old, new) == {'tags["a.b"]': "UPDATE"}


def test_an_unknown_value_differs():
    assert differences("eventhub:Namespace", {"tags": {"a": "1"}}, {"tags": {"a": UNKNOWN}}) == {"tags.a": "UPDATE"}


@pytest.mark.parametrize(
    ("short", "name"),
    [
        ("eventhub:EventHub", "namespaceName"),
        ("eventhub:EventHub", "resourceGroupName"),
        ("eventhub:Namespace", "location"),
        ("authorization:RoleAssignment", "scope"),
        ("authorization:RoleAssignment", "principalId"),
        ("monitor:DiagnosticSetting", "resourceUri"),
        ("sql:Server", "administratorLogin"),
        ("storage:StorageAccount", "isHnsEnabled"),
        ("applicationinsights:Component", "applicationType"),
    ],
)
def test_what_cannot_change_in_place_replaces(short: str, name: str):
    assert differences(short, {name: "old"}, {name: "new"}) == {name: "UPDATE_REPLACE"}


def test_anything_inside_a_replacing_input_replaces():
    old, new = {"administrators": {"login": "a"}}, {"administrators": {"login": "b", "sid": "c"}}
    assert differences("sql:Server", old, new) == {
        "administrators.login": "UPDATE_REPLACE",
        "administrators.sid": "ADD_REPLACE",
    }


@pytest.mark.parametrize(
    ("short", "name"),
    [
        ("machinelearningservices:Workspace", "location"),
        ("keyvault:Vault", "location"),
        ("eventhub:EventHub", "partitionCount"),
        ("sql:Database", "sku"),
    ],
)
def test_other_changes_are_updates(short: str, name: str):
    assert differences(short, {name: "old"}, {name: "new"}) == {name: "UPDATE"}


def test_a_region_written_otherwise_is_the_same_region():
    assert differences("eventhub:Namespace", {"location": "West Europe"}, {"location": "westeurope"}) == {}
