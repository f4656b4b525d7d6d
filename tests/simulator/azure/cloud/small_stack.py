"""The least that scoring needs to exist in Azure, put into a subscription without Pulumi."""

from typing import Any

from simulator.azure import arm
from simulator.azure.arm import answers
from simulator.azure.arm.types import resource_type
from simulator.azure.cloud import access
from simulator.azure.subscription import StoredResource, Subscription

GROUP, WORKSPACE, CLUSTER = "tests", "scoring", "cpu"
DATA_ACCOUNT, WORKSPACE_ACCOUNT, PREDICTIONS = "testsdata", "testsml", "predictions"
REGION = "westeurope"


def create(subscription: Subscription, token: str, name: str, **inputs: Any) -> StoredResource:
    """Create a resource as the provider does."""
    token = f"azure-native:{token}"
    type_ = resource_type(token)
    assert type_ is not None and arm.problems(token, name, inputs) == []
    resource_id = arm.resource_id(token, name, inputs)
    made = answers.outputs(token, name, inputs, resource_id, known=True)
    body = {"id": resource_id, "name": resource_id.rsplit("/", 1)[-1], "type": type_.arm_type}
    resource = StoredResource(resource_id, type_.arm_type, token, dict(inputs), made, body | arm.body(token, inputs))
    subscription.put(resource)
    return resource


def assign(subscription: Subscription, role: str, scope: str, principal_id: str) -> StoredResource:
    """Give a principal a role."""
    guid = str(answers._guid(f"{role}{scope}{principal_id}"))
    return create(
        subscription,
        "authorization:RoleAssignment",
        guid,
        roleAssignmentName=guid,
        roleDefinitionId=f"/subscriptions/{arm.SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}",
        scope=scope,
        principalId=principal_id,
        principalType="ServicePrincipal",
    )


def account(subscription: Subscription, name: str) -> StoredResource:
    return create(
        subscription,
        "storage:StorageAccount",
        name,
        accountName=name,
        resourceGroupName=GROUP,
        location=REGION,
        kind="StorageV2",
        sku={"name": "Standard_LRS"},
        allowSharedKeyAccess=False,
    )


def small_stack(subscription: Subscription) -> None:
    """Accounts, a workspace that works without keys, a cluster with an identity, and the roles of that."""
    create(subscription, "resources:ResourceGroup", GROUP, resourceGroupName=GROUP, location=REGION)
    data, store = account(subscription, DATA_ACCOUNT), account(subscription, WORKSPACE_ACCOUNT)
    predictions = create(
        subscription,
        "storage:BlobContainer",
        PREDICTIONS,
        containerName=PREDICTIONS,
        accountName=data.name,
        resourceGroupName=GROUP,
    )
    create(
        subscription,
        "machinelearningservices:Workspace",
        WORKSPACE,
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
        "cluster",
        resourceName="cluster",
        resourceGroupName=GROUP,
        location=REGION,
    )
    create(
        subscription,
        "machinelearningservices:Compute",
        CLUSTER,
        computeName=CLUSTER,
        workspaceName=WORKSPACE,
        resourceGroupName=GROUP,
        location=REGION,
        identity={"type": "UserAssigned", "userAssignedIdentities": [identity.id]},
        properties={"computeType": "AmlCompute", "properties": {"vmSize": "Standard_DS3_v2"}},
    )
    principal = identity.outputs["principalId"]
    assign(subscription, access.BLOB_CONTRIBUTOR, predictions.id, principal)
    for role in (access.BLOB_CONTRIBUTOR, access.QUEUE_CONTRIBUTOR, access.TABLE_CONTRIBUTOR):
        assign(subscription, role, store.id, principal)
