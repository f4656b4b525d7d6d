"""The least that scoring needs to exist in Azure, put into a subscription without Pulumi."""

from typing import Any
from uuid import uuid4

from simulator.azure import arm, roles
from simulator.azure.resources import build_resource
from simulator.azure.subscription import StoredResource, Subscription

GROUP, WORKSPACE, CLUSTER = "tests", "scoring", "cpu"
DATA_ACCOUNT, WORKSPACE_ACCOUNT, PREDICTIONS = "testsdata", "testsml", "predictions"
REGION = "westeurope"


def create(subscription: Subscription, token: str, **inputs: Any) -> StoredResource:
    """Create a resource as the provider does, from complete inputs."""
    token = f"azure-native:{token}"
    assert arm.problems(token, "", inputs) == []
    resource = build_resource(subscription, token, inputs)
    subscription.put(resource)
    return resource


def assign(subscription: Subscription, role: str, scope: str, principal_id: str) -> StoredResource:
    """Give a principal a role."""
    return create(
        subscription,
        "authorization:RoleAssignment",
        roleAssignmentName=str(uuid4()),
        roleDefinitionId=f"/subscriptions/{arm.SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}",
        scope=scope,
        principalId=principal_id,
        principalType="ServicePrincipal",
    )


def account(subscription: Subscription, name: str) -> StoredResource:
    return create(
        subscription,
        "storage:StorageAccount",
        accountName=name,
        resourceGroupName=GROUP,
        location=REGION,
        kind="StorageV2",
        sku={"name": "Standard_LRS"},
        allowSharedKeyAccess=False,
    )


def container(subscription: Subscription, account_name: str, name: str) -> StoredResource:
    return create(
        subscription, "storage:BlobContainer", containerName=name, accountName=account_name, resourceGroupName=GROUP
    )


def stream_job(subscription: Subscription) -> StoredResource:
    """A job with the least that a start asks for."""
    job = create(
        subscription,
        "streamanalytics:StreamingJob",
        jobName="windows",
        resourceGroupName=GROUP,
        location=REGION,
        identity={"type": "SystemAssigned"},
    )
    for kind, name in (("inputs", "arrivals"), ("outputs", "archive"), ("transformations", "query")):
        id_, type_ = f"{job.id}/{kind}/{name}", f"Microsoft.StreamAnalytics/streamingjobs/{kind}"
        body = {"id": id_, "name": name, "type": type_, "properties": {}}
        subscription.put(StoredResource(id_, type_, body=body))
    return job


def firewall_rule(subscription: Subscription, name: str) -> str:
    """The id of a rule that is not there yet, of a server that is."""
    server = create(subscription, "sql:Server", serverName="tests-server", resourceGroupName=GROUP, location=REGION)
    return f"{server.id}/firewallRules/{name}"


def workspace_id(subscription: Subscription) -> str:
    (workspace,) = subscription.list("Microsoft.MachineLearningServices/workspaces")
    return workspace.id


def small_stack(subscription: Subscription) -> None:
    """Accounts, a workspace that works without keys, a cluster with an identity, and the roles of that."""
    create(subscription, "resources:ResourceGroup", resourceGroupName=GROUP, location=REGION)
    data, store = account(subscription, DATA_ACCOUNT), account(subscription, WORKSPACE_ACCOUNT)
    predictions = container(subscription, data.name, PREDICTIONS)
    create(
        subscription,
        "machinelearningservices:Workspace",
        workspaceName=WORKSPACE,
        resourceGroupName=GROUP,
        location=REGION,
        storageAccount=store.id,
        systemDatastoresAuthMode="Identity",
        identity={"type": "SystemAssigned"},
    )
    identity = create(
        subscription,
        "managedidentity:UserAssignedIdentity",
        resourceName="cluster",
        resourceGroupName=GROUP,
        location=REGION,
    )
    create(
        subscription,
        "machinelearningservices:Compute",
        computeName=CLUSTER,
        workspaceName=WORKSPACE,
        resourceGroupName=GROUP,
        location=REGION,
        identity={"type": "UserAssigned", "userAssignedIdentities": [identity.id]},
        properties={"computeType": "AmlCompute", "properties": {"vmSize": "Standard_DS3_v2"}},
    )
    principal = identity.outputs["principalId"]
    assign(subscription, roles.BLOB_CONTRIBUTOR, predictions.id, principal)
    for role in (roles.BLOB_CONTRIBUTOR, roles.QUEUE_CONTRIBUTOR, roles.TABLE_CONTRIBUTOR):
        assign(subscription, role, store.id, principal)
