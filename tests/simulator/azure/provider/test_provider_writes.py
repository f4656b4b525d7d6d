"""What can be created and changed, and what is refused as Azure would."""

import dataclasses
from typing import Any

import pytest

from simulator.azure.arm.answers import client_config
from simulator.azure.errors import ArmError, RefusalError
from simulator.azure.provider.operations import Target
from tests.support.azure.estate import GROUP, IDS, RESOURCES, Estate, target, token


@pytest.fixture
def estate() -> Estate:
    return Estate()


# ---- Creation
def test_ids_are_azures(estate: Estate):
    below_the_job = {one.id for one in estate.subscription.list() if one.id.startswith(f"{IDS['job']}/")}
    assert {one.id for one in estate.subscription.list()} - below_the_job == set(IDS.values())


def test_outputs_and_body_hold_what_azure_makes_up(estate: Estate):
    store, job = estate.get("store"), estate.get("job")
    assert store.outputs["primaryEndpoints"]["blob"] == "https://store.blob.core.windows.net/"
    assert store.body["properties"]["primaryEndpoints"]["blob"] == "https://store.blob.core.windows.net/"
    assert store.body["properties"]["provisioningState"] == "Succeeded"
    assert estate.get("server").outputs["fullyQualifiedDomainName"] == "server.database.windows.net"
    assert estate.get("registry").outputs["loginServer"] == "registry.azurecr.io"
    assert estate.get("vault").body["properties"]["vaultUri"] == "https://the-vault.vault.azure.net/"
    assert job.body["identity"] == job.outputs["identity"] and "principalId" in job.body["identity"]
    assert job.body["properties"]["jobState"] == job.outputs["jobState"] == "Created"


def test_a_user_assigned_identity_has_one_principal_wherever_it_is_named(estate: Estate):
    identity = estate.get("compute").outputs["identity"]
    assert "principalId" not in identity
    assert identity["userAssignedIdentities"][IDS["identity"]] == {
        key: estate.get("identity").outputs[key] for key in ("clientId", "principalId")
    }
    assert estate.get("compute").body["identity"]["userAssignedIdentities"] == identity["userAssignedIdentities"]


def test_a_resource_that_is_created_again_has_another_identity(estate: Estate):
    before = estate.get("job").outputs["identity"]["principalId"]
    estate.update("job", tags={"a": "b"})
    assert estate.get("job").outputs["identity"]["principalId"] == before
    estate.operations.delete(target("job"), IDS["job"])
    assert estate.create("job").outputs["identity"]["principalId"] != before


def test_what_exists_cannot_be_created(estate: Estate):
    with pytest.raises(RefusalError, match=f"cannot create already existing resource '{IDS['store']}'"):
        estate.create("store")


def test_what_exists_with_its_parent_is_overwritten(estate: Estate):
    service = Target(token("storage:BlobServiceProperties"), "blobs")
    given = {"resourceGroupName": "group", "accountName": "store", "blobServicesName": "default"}
    estate.operations.create(service, given)
    again = estate.operations.create(service, {**given, "isVersioningEnabled": True})
    assert again.outputs["isVersioningEnabled"] is True


@pytest.mark.parametrize("word", ["store", "vault", "namespace", "server", "registry"])
def test_a_name_that_is_unique_in_azure_is_taken_for_other_groups(estate: Estate, word: str):
    estate.create("group", resourceGroupName="other")
    with pytest.raises(ArmError, match="already") as refused:
        estate.create(word, resourceGroupName="other")
    assert refused.value.status == 409


@pytest.mark.parametrize("word", ["workspace", "vault", "logs"])
def test_a_soft_deleted_name_is_blocked_until_purged(word: str):
    estate = Estate()
    estate.subscription.delete(GROUP)
    for one in RESOURCES:
        if one == word:
            break
        estate.subscription.purge(IDS[one])
        estate.create(one)
    with pytest.raises(ArmError, match="keeps its name until it is purged"):
        estate.create(word)
    estate.subscription.purge(IDS[word])
    assert estate.create(word).id == IDS[word]


# ---- References
@pytest.mark.parametrize(
    ("word", "gone", "text"),
    [
        ("store", "group", 'Code="ResourceGroupNotFound" Message="Resource group \'group\' could not be found."'),
        ("rejects", "store", "because the parent resource '.*blobServices/default' could not be found"),
        ("hub", "namespace", "'Microsoft.EventHub/namespaces/eventhubs', because the parent"),
        ("arrivals", "hub", "because the parent resource"),
        ("database", "server", "because the parent resource"),
        ("insights", "logs", "workspaces/the-logs' was not found: workspaceResourceId"),
        ("workspace", "store", "storageAccount is"),
        ("workspace", "vault", "keyVault is"),
        ("workspace", "insights", "applicationInsights is"),
        ("workspace", "registry", "containerRegistry is"),
        ("compute", "identity", r"identity.userAssignedIdentities\[0\] is"),
    ],
)
def test_what_a_resource_needs_must_exist(estate: Estate, word: str, gone: str, text: str):
    estate.subscription.delete(IDS[word])
    estate.subscription.purge(IDS[word])
    estate.subscription.delete(IDS[gone])
    with pytest.raises(ArmError, match=text) as refused:
        estate.create(word)
    assert refused.value.status == 404


def test_what_an_update_needs_must_exist_too(estate: Estate):
    estate.subscription.delete(IDS["vault"])
    with pytest.raises(ArmError, match="keyVault is"):
        estate.update("workspace")


@pytest.mark.parametrize(
    ("short", "given", "text"),
    [
        (
            "monitor:DiagnosticSetting",
            {"name": "d", "resourceUri": IDS["hub"], "workspaceId": "/no/logs"},
            "workspaceId is",
        ),
        ("monitor:DiagnosticSetting", {"name": "d", "resourceUri": f"{GROUP}/providers/A.B/c/none"}, "parent resource"),
        ("monitor:MetricAlert", {"ruleName": "m", "scopes": ["/no/job"]}, r"scopes\[0\] is"),
        (
            "monitor:MetricAlert",
            {"ruleName": "m", "actions": [{"actionGroupId": "/no"}]},
            r"actions\[0\].actionGroupId is",
        ),
        ("monitor:ActivityLogAlert", {"activityLogAlertName": "a", "scopes": ["/no/job"]}, r"scopes\[0\] is"),
        (
            "monitor:ActivityLogAlert",
            {"activityLogAlertName": "a", "actions": {"actionGroups": [{"actionGroupId": "/no"}]}},
            r"actionGroups\[0\].actionGroupId is",
        ),
        ("monitor:ScheduledQueryRule", {"ruleName": "q", "scopes": ["/no/logs"]}, r"scopes\[0\] is"),
        (
            "monitor:ScheduledQueryRule",
            {"ruleName": "q", "actions": {"actionGroups": ["/no"]}},
            r"actionGroups\[0\] is",
        ),
        (
            "consumption:Budget",
            {"budgetName": "b", "scope": GROUP, "notifications": {"n": {"contactGroups": ["/no"]}}},
            r"notifications.n.contactGroups\[0\] is",
        ),
        (
            "machinelearningservices:Datastore",
            {
                "workspaceName": "workspace",
                "name": "d",
                "properties": {"accountName": "store", "containerName": "none"},
            },
            "properties.containerName is",
        ),
    ],
)
def test_monitoring_and_datastores_name_what_exists(estate: Estate, short: str, given: dict[str, Any], text: str):
    place = {} if {"scope", "resourceUri"} & given.keys() else {"resourceGroupName": "group"}
    with pytest.raises(ArmError, match=text):
        estate.operations.create(Target(token(short), "thing"), {**place, **given})


def test_a_servers_master_database_can_be_watched(estate: Estate):
    given = {"name": "audit", "resourceUri": f"{IDS['server']}/databases/master", "workspaceId": IDS["logs"]}
    assert estate.operations.create(Target(token("monitor:DiagnosticSetting"), "audit"), given).name == "audit"


def test_a_new_servers_master_database_is_not_found_before_another_one_is_there():
    estate = Estate(without="database")
    given = {"name": "audit", "resourceUri": f"{IDS['server']}/databases/master", "workspaceId": IDS["logs"]}
    with pytest.raises(ArmError, match=r"the parent resource '.*/databases/master' could not be found") as refused:
        estate.operations.create(Target(token("monitor:DiagnosticSetting"), "audit"), given)
    assert refused.value.status == 404


@pytest.mark.parametrize("same", ["resourceName", "displayName"])
def test_a_workbook_has_its_names_for_itself_in_the_subscription(estate: Estate, same: str):
    workbook = Target(token("applicationinsights:Workbook"), "workbook")
    first = {"resourceGroupName": "group", "resourceName": "first", "displayName": "First", "category": "workbook"}
    estate.operations.create(workbook, first)
    assert estate.operations.update(workbook, first).name == "first"
    estate.create("group", resourceGroupName="other")
    second = first | {"resourceGroupName": "other", "resourceName": "second", "displayName": "Second"}
    with pytest.raises(ArmError, match="A Workbook with the same name already exists within this subscription"):
        estate.operations.create(workbook, second | {same: first[same]})
    assert estate.operations.create(workbook, second).name == "second"


def test_a_datastore_that_skips_validation_may_name_anything(estate: Estate):
    given = {
        "resourceGroupName": "group",
        "workspaceName": "workspace",
        "name": "d",
        "skipValidation": True,
        "properties": {"datastoreType": "AzureBlob", "accountName": "none"},
    }
    assert estate.operations.create(Target(token("machinelearningservices:Datastore"), "d"), given).name == "d"


# ---- Roles
def test_a_role_can_be_given_to_what_exists(estate: Estate):
    assert estate.assign("reads").id.startswith(f"{IDS['hub']}/providers/Microsoft.Authorization/roleAssignments/")
    estate.assign("other", roleAssignmentName="00000000-0000-4000-8000-000000000002", scope=GROUP)
    estate.assign(
        "deployer",
        roleAssignmentName="00000000-0000-4000-8000-000000000003",
        principalId=client_config()["objectId"],
        principalType="User",
    )
    estate.assign(
        "somebody",
        roleAssignmentName="00000000-0000-4000-8000-000000000004",
        principalId="9c5b94b1-35ad-49bb-b118-8e8fc24abf80",
        principalType="Group",
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"scope": f"{GROUP}/providers/A.B/c/none"}, "because the parent resource"),
        ({"principalType": "User"}, 'Code="UnmatchedPrincipalType"'),
        ({"principalId": "0a6bd9f7-12f3-5f6c-8be4-f5a6b1b3f6a7"}, 'Code="PrincipalNotFound"'),
        ({"principalId": "nobody"}, 'Code="PrincipalNotFound"'),
        ({"roleAssignmentName": "reads"}, 'Code="InvalidRoleAssignmentId"'),
    ],
)
def test_a_role_assignment_that_cannot_be_is_refused(estate: Estate, changes: dict[str, Any], text: str):
    with pytest.raises(ArmError, match=text):
        estate.assign("reads", **changes)


def test_the_identity_of_a_deleted_resource_gets_no_role(estate: Estate):
    assignment = estate.assignment()
    estate.subscription.delete(IDS["job"])
    with pytest.raises(ArmError, match="does not exist in the directory"):
        estate.operations.create(Target(token("authorization:RoleAssignment"), "reads"), assignment)


def test_the_same_role_is_not_given_twice(estate: Estate):
    estate.assign("reads")
    with pytest.raises(ArmError, match='Code="RoleAssignmentExists"'):
        estate.assign("again", roleAssignmentName="00000000-0000-4000-8000-000000000002")


def test_a_role_assignment_goes_with_its_scope(estate: Estate):
    assignment = estate.assign("reads")
    estate.operations.delete(target("hub"), IDS["hub"])
    assert estate.subscription.get(assignment.id) is None


# ---- Changes
@pytest.mark.parametrize("state", ["Running", "Starting", "Degraded"])
def test_a_running_job_takes_no_change(estate: Estate, state: str):
    estate.subscription.put(dataclasses.replace(estate.get("job"), state={"jobState": state}))
    with pytest.raises(ArmError, match=f'Code="Conflict".*not in a valid state.*{state}'):
        estate.update("job", tags={"a": "b"})


@pytest.mark.parametrize("state", ["Created", "Stopped", "Failed"])
def test_a_job_that_does_not_run_is_changed_and_keeps_its_state(estate: Estate, state: str):
    estate.subscription.put(dataclasses.replace(estate.get("job"), state={"jobState": state}))
    changed = estate.update("job", tags={"a": "b"})
    assert (changed.outputs["tags"], changed.outputs["jobState"]) == ({"a": "b"}, state)
    assert changed.body["properties"]["jobState"] == state


def test_a_job_with_a_start_mode_runs_once_it_is_created(estate: Estate):
    assert estate.create("job", jobName="eager", outputStartMode="JobStartTime").state == {"jobState": "Running"}


@pytest.mark.parametrize(
    ("word", "changes"),
    [
        ("hub", {"partitionCount": 4}),
        ("workspace", {"keyVault": IDS["vault"].replace("the-vault", "another")}),
        ("store", {"encryption": {"requireInfrastructureEncryption": True}}),
        ("compute", {"properties": {"computeType": "AmlCompute", "properties": {"vmSize": "Standard_D8s_v3"}}}),
    ],
)
def test_what_is_fixed_at_creation_cannot_be_changed(estate: Estate, word: str, changes: dict[str, Any]):
    with pytest.raises(ArmError, match=r"Changing property '.*' is not allowed"):
        estate.update(word, **changes)


def test_a_cluster_can_be_scaled_in_place(estate: Estate):
    properties = {"vmSize": "Standard_D2s_v3", "scaleSettings": {"maxNodeCount": 9}}
    assert estate.update("compute", properties={"computeType": "AmlCompute", "properties": properties})


def test_a_resource_does_not_move(estate: Estate):
    with pytest.raises(ArmError, match="already exists in location 'westeurope'"):
        estate.update("vault", location="northeurope")
    assert estate.update("vault", location="West Europe")


def test_an_update_brings_back_what_was_deleted_behind_pulumis_back(estate: Estate):
    estate.subscription.delete(IDS["rejects"])
    assert estate.update("rejects").id == IDS["rejects"]
    assert estate.subscription.get(IDS["rejects"]) is not None
