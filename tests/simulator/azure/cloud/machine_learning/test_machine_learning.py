"""What Azure ML refuses and keeps, asked without the SDK."""

from datetime import UTC, datetime
from typing import Any

import pytest

from simulator.azure.cloud import Cloud
from simulator.azure.roles import BLOB_CONTRIBUTOR
from tests.simulator.azure.cloud.management import Management
from tests.simulator.azure.cloud.small_stack import CLUSTER, WORKSPACE_ACCOUNT, workspace_id

TRIGGER = {"triggerType": "Recurrence", "frequency": "hour", "interval": 1}
JOB: dict[str, Any] = {"jobType": "Pipeline", "jobs": {}, "inputs": {}}


def schedule(*, enabled: bool, **trigger: Any) -> dict[str, Any]:
    action = {"actionType": "CreateJob", "jobDefinition": JOB}
    return {"properties": {"action": action, "trigger": {**TRIGGER, **trigger}, "isEnabled": enabled}}


def test_an_enabled_schedule_cannot_be_deleted(cloud: Cloud, management: Management):
    path = f"{workspace_id(cloud.subscription)}/schedules/nightly"
    created = management.ask("PUT", path, schedule(enabled=True))
    assert created.status_code == 201
    states = [management.session.get(created.headers["Azure-AsyncOperation"]).json()["status"] for _ in range(2)]
    assert states == ["InProgress", "Succeeded"]
    assert management.ask("DELETE", path).status_code == 400
    assert management.ask("PUT", path, schedule(enabled=False)).status_code == 200
    listed = f"{workspace_id(cloud.subscription)}/schedules"
    assert management.ask("GET", listed).json()["value"] == []
    assert len(management.ask("GET", listed, listViewType="All").json()["value"]) == 1
    assert [management.ask("DELETE", path).status_code for _ in range(2)] == [202, 204]


def test_a_job_keeps_its_name_and_needs_components_that_exist(cloud: Cloud, management: Management):
    path = f"{workspace_id(cloud.subscription)}/jobs/run-1"
    management.session.headers["x-azureml-token"] = management.token("https://ml.azure.com")
    missing = {**JOB, "jobs": {"score": {"componentId": f"{workspace_id(cloud.subscription)}/components/x/versions/1"}}}
    assert management.ask("PUT", path, {"properties": missing}).status_code == 400
    assert [management.ask("PUT", path, {"properties": JOB}).status_code for _ in range(2)] == [201, 409]
    assert management.ask("POST", f"{path}/cancel").status_code == 200
    assert management.ask("GET", path).json()["properties"]["status"] == "Canceled"
    assert cloud.run_submitted() == []


@pytest.mark.parametrize(
    ("kind", "fixed", "first", "second"),
    [
        ("models", "modelUri", "azureml://a", "azureml://b"),
        ("environments", "image", "registry/image:1", "registry/image:2"),
        ("components", "componentSpec", {"type": "command", "retries": 1}, {"type": "command", "retries": 2}),
    ],
)
def test_a_version_never_changes_what_it_is(
    cloud: Cloud, management: Management, kind: str, fixed: str, first: Any, second: Any
):
    path = f"{workspace_id(cloud.subscription)}/{kind}/one/versions/1"
    assert management.ask("PUT", path, {"properties": {fixed: first}}).status_code == 201
    assert management.ask("PUT", path, {"properties": {fixed: second}}).status_code == 409
    shown = management.ask("GET", path).json()["properties"]
    assert management.ask("PUT", path, {"properties": {**shown, "isArchived": True}}).status_code == 200
    versions = path.removesuffix("/1")
    found = {view: management.ask("GET", versions, listViewType=view).json()["value"] for view in ("ActiveOnly", "All")}
    assert [len(value) for value in found.values()] == [0, 1]


@pytest.mark.parametrize("type_", ["custom_model", "mlflow_model", "uri_file"])
def test_a_parallel_step_takes_folders_and_tables(cloud: Cloud, management: Management, type_: str):
    path = f"{workspace_id(cloud.subscription)}/components/score/versions"

    def put(kind: str, type_: str) -> int:
        spec = {"type": kind, "inputs": {"level": {"type": "integer"}, "fleet": {"type": type_}}}
        version = f"{kind}-{type_}"
        return management.ask("PUT", f"{path}/{version}", {"properties": {"componentSpec": spec}}).status_code

    assert (put("parallel", type_), put("command", type_), put("parallel", "uri_folder")) == (400, 201, 201)


def test_a_cluster_is_deleted_only_with_a_word_on_its_nodes(cloud: Cloud, management: Management):
    path = f"{workspace_id(cloud.subscription)}/computes/{CLUSTER}"
    assert management.ask("DELETE", path).status_code == 400
    assert management.ask("GET", path).json()["properties"]["computeType"] == "AmlCompute"
    assert management.ask("DELETE", path, underlyingResourceAction="Delete").status_code == 202
    assert management.ask("GET", path).status_code == 404


@pytest.mark.parametrize(("by_identity", "kind", "status"), [(True, "None", 400), (False, "Sas", 200)])
def test_the_default_datastore_has_secrets_where_the_workspace_works_with_keys(
    cloud: Cloud, management: Management, by_identity: bool, kind: str, status: int
):
    workspace = cloud.subscription.get(workspace_id(cloud.subscription))
    assert workspace is not None
    if not by_identity:
        workspace.body["properties"]["systemDatastoresAuthMode"] = "AccessKey"
        cloud.subscription.put(workspace)
    path = f"{workspace.id}/datastores/workspaceblobstore"
    properties = management.ask("GET", path).json()["properties"]
    assert (properties["credentials"]["credentialsType"], properties["accountName"]) == (kind, WORKSPACE_ACCOUNT)
    secrets = management.ask("POST", f"{path}/listSecrets", {})
    assert secrets.status_code == status
    if status == 200:
        container = f"https://{WORKSPACE_ACCOUNT}.blob.core.windows.net/{properties['containerName']}"
        signed = f"{container}/x.txt?{secrets.json()['sasToken']}"
        headers = {"x-ms-blob-type": "BlockBlob", "Authorization": ""}
        assert management.session.put(signed, data=b"x", headers=headers).status_code == 201


def test_deleting_the_group_leaves_no_job_and_no_schedule(cloud: Cloud, management: Management):
    workspace = workspace_id(cloud.subscription)
    management.session.headers["x-azureml-token"] = management.token("https://ml.azure.com")
    assert management.ask("PUT", f"{workspace}/schedules/nightly", schedule(enabled=True)).status_code == 201
    assert management.ask("PUT", f"{workspace}/jobs/run-1", {"properties": JOB}).status_code == 201
    (group,) = cloud.subscription.list("Microsoft.Resources/resourceGroups")
    cloud.subscription.delete(group.id)
    assert cloud.subscription.list() == [] and cloud.tick(datetime.now(UTC)) == []


def test_the_roles_of_the_cluster_are_those_of_the_stack(cloud: Cloud):
    (identity,) = cloud.subscription.list("Microsoft.ManagedIdentity/userAssignedIdentities")
    account = cloud.storage.account(WORKSPACE_ACCOUNT)
    assert account is not None
    may = cloud.services.access.may
    principal = identity.outputs["principalId"]
    assert may(principal, frozenset({BLOB_CONTRIBUTOR}), f"{account.id}/blobServices/default/containers/any")
    assert not may(principal, frozenset({BLOB_CONTRIBUTOR}), f"{account.id}2")
