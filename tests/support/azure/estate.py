"""A few resources that depend on each other, written through the provider's operations without an engine."""

import copy
from typing import Any

from simulator.azure import arm
from simulator.azure.provider.faults import Faults
from simulator.azure.provider.operations import Operations, Target
from simulator.azure.subscription import StoredResource, Subscription

GROUP = f"/subscriptions/{arm.SUBSCRIPTION}/resourceGroups/group"
IDS = {
    "group": GROUP,
    "identity": f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/cluster",
    "logs": f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/the-logs",
    "insights": f"{GROUP}/providers/Microsoft.Insights/components/insights",
    "operators": f"{GROUP}/providers/Microsoft.Insights/actionGroups/operators",
    "vault": f"{GROUP}/providers/Microsoft.KeyVault/vaults/the-vault",
    "registry": f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/registry",
    "store": f"{GROUP}/providers/Microsoft.Storage/storageAccounts/store",
    "rejects": f"{GROUP}/providers/Microsoft.Storage/storageAccounts/store/blobServices/default/containers/rejects",
    "namespace": f"{GROUP}/providers/Microsoft.EventHub/namespaces/namespace",
    "hub": f"{GROUP}/providers/Microsoft.EventHub/namespaces/namespace/eventhubs/readings",
    "arrivals": f"{GROUP}/providers/Microsoft.EventHub/namespaces/namespace/eventhubs/readings/consumergroups/arrivals",
    "server": f"{GROUP}/providers/Microsoft.Sql/servers/server",
    "database": f"{GROUP}/providers/Microsoft.Sql/servers/server/databases/windows",
    "workspace": f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/workspace",
    "compute": f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/workspace/computes/cluster",
    "definition": f"{GROUP}/providers/Microsoft.Resources/deployments/stream-definition",
    "job": f"{GROUP}/providers/Microsoft.StreamAnalytics/streamingjobs/job",
}
_PLACE = {"resourceGroupName": "group", "location": "westeurope"}

HUB: dict[str, Any] = {
    "type": "Microsoft.EventHub/EventHub",
    "properties": {"serviceBusNamespace": "namespace", "eventHubName": "readings", "consumerGroupName": "arrivals"},
}
STORE: dict[str, Any] = {
    "type": "Microsoft.Storage/Blob",
    "properties": {"storageAccounts": [{"accountName": "store"}], "container": "rejects"},
}
SQL: dict[str, Any] = {
    "type": "Microsoft.Sql/Server/Database",
    "properties": {"server": "server.database.windows.net", "database": "windows"},
}
"""What the job reads and writes; how it logs in is left to tests that ask for it."""


def child(place: str, **properties: Any) -> dict[str, Any]:
    """A child of the job as a template has it; `place` is like `inputs/arrivals`."""
    kind, _, name = place.partition("/")
    return {
        "type": f"Microsoft.StreamAnalytics/streamingjobs/{kind}",
        "apiVersion": "2020-03-01",
        "name": f"job/{name}",
        "properties": properties,
    }


RESOURCES: dict[str, tuple[str, dict[str, Any]]] = {
    "group": ("resources:ResourceGroup", _PLACE),
    "identity": ("managedidentity:UserAssignedIdentity", {**_PLACE, "resourceName": "cluster"}),
    "logs": ("operationalinsights:Workspace", {**_PLACE, "workspaceName": "the-logs"}),
    "insights": (
        "applicationinsights:Component",
        {
            **_PLACE,
            "resourceName": "insights",
            "kind": "web",
            "applicationType": "web",
            "workspaceResourceId": IDS["logs"],
        },
    ),
    "operators": (
        "monitor:ActionGroup",
        {
            "resourceGroupName": "group",
            "location": "Global",
            "actionGroupName": "operators",
            "groupShortName": "ops",
            "enabled": True,
        },
    ),
    "vault": (
        "keyvault:Vault",
        {
            **_PLACE,
            "vaultName": "the-vault",
            "properties": {
                "tenantId": "00000000-0000-0000-0000-0000000000aa",
                "sku": {"family": "A", "name": "standard"},
            },
        },
    ),
    "registry": (
        "containerregistry:Registry",
        {**_PLACE, "registryName": "registry", "sku": {"name": "Basic"}, "identity": {"type": "SystemAssigned"}},
    ),
    "store": (
        "storage:StorageAccount",
        {**_PLACE, "accountName": "store", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}},
    ),
    "rejects": (
        "storage:BlobContainer",
        {"resourceGroupName": "group", "accountName": "store", "containerName": "rejects"},
    ),
    "namespace": (
        "eventhub:Namespace",
        {**_PLACE, "namespaceName": "namespace", "sku": {"name": "Standard", "capacity": 1}, "tags": {"stack": "dev"}},
    ),
    "hub": (
        "eventhub:EventHub",
        {
            "resourceGroupName": "group",
            "namespaceName": "namespace",
            "eventHubName": "readings",
            "partitionCount": 2,
        },
    ),
    "arrivals": (
        "eventhub:ConsumerGroup",
        {
            "resourceGroupName": "group",
            "namespaceName": "namespace",
            "eventHubName": "readings",
            "consumerGroupName": "arrivals",
        },
    ),
    "server": ("sql:Server", {**_PLACE, "serverName": "server", "version": "12.0"}),
    "database": ("sql:Database", {**_PLACE, "serverName": "server", "databaseName": "windows"}),
    "workspace": (
        "machinelearningservices:Workspace",
        {
            **_PLACE,
            "workspaceName": "workspace",
            "identity": {"type": "SystemAssigned"},
            "storageAccount": IDS["store"],
            "keyVault": IDS["vault"],
            "applicationInsights": IDS["insights"],
            "containerRegistry": IDS["registry"],
        },
    ),
    "compute": (
        "machinelearningservices:Compute",
        {
            **_PLACE,
            "workspaceName": "workspace",
            "computeName": "cluster",
            "identity": {"type": "UserAssigned", "userAssignedIdentities": [IDS["identity"]]},
            "properties": {
                "computeType": "AmlCompute",
                "properties": {"vmSize": "Standard_D2s_v3", "scaleSettings": {"maxNodeCount": 2}},
            },
        },
    ),
    "job": (
        "streamanalytics:StreamingJob",
        {
            **_PLACE,
            "jobName": "job",
            "sku": {"name": "Standard"},
            "identity": {"type": "SystemAssigned"},
        },
    ),
    "definition": (
        "resources:Deployment",
        {
            "resourceGroupName": "group",
            "deploymentName": "stream-definition",
            "properties": {
                "mode": "Incremental",
                "template": {
                    "resources": [
                        child("inputs/arrivals", type="Stream", datasource=HUB),
                        child("outputs/rejects", datasource=STORE),
                        child("outputs/windows", datasource=SQL),
                        child("transformations/query", query="SELECT 1", streamingUnits=3),
                    ]
                },
            },
        },
    ),
}
"""By a short word: type and inputs, in an order in which each can be created."""


class Estate:
    """A subscription with a provider's operations on it."""

    def __init__(self, *, without: str | None = None) -> None:
        self.subscription, self.faults = Subscription(), Faults()
        self.operations = Operations(self.subscription, self.faults)
        for word in RESOURCES:
            if word == without:
                break
            self.create(word)

    def create(self, word: str, **changes: Any) -> StoredResource:
        """Create the resource of `RESOURCES`, some inputs replaced."""
        return self.operations.create(target(word), inputs(word, **changes))

    def update(self, word: str, **changes: Any) -> StoredResource:
        """Write it again, some inputs replaced."""
        return self.operations.update(target(word), inputs(word, **changes))

    def get(self, word: str) -> StoredResource:
        """The resource as it is."""
        found = self.subscription.get(IDS[word])
        assert found is not None, f"{word} does not exist"
        return found

    def define(self, *children: dict[str, Any], update: bool = True) -> StoredResource:
        """Write the job's definition with these children instead of its own."""
        properties = {"mode": "Incremental", "template": {"resources": list(children)}}
        return (self.update if update else self.create)("definition", properties=properties)

    def assign(self, name: str, **changes: Any) -> StoredResource:
        """Assign a role to the job, on the hub unless changed."""
        return self.operations.create(Target(token("authorization:RoleAssignment"), name), self.assignment(**changes))

    def assignment(self, **changes: Any) -> dict[str, Any]:
        """Inputs of a role assignment."""
        return {
            "roleAssignmentName": "00000000-0000-4000-8000-000000000001",
            "scope": IDS["hub"],
            "principalId": self.get("job").outputs["identity"]["principalId"],
            "principalType": "ServicePrincipal",
            "roleDefinitionId": "/role",
            **changes,
        }


def token(short: str) -> str:
    """Pulumi's full name of a type."""
    return f"{arm.PACKAGE}:{short}"


def target(word: str) -> Target:
    """The resource as the engine names it."""
    return Target(token(RESOURCES[word][0]), word)


def inputs(word: str, **changes: Any) -> dict[str, Any]:
    """Its inputs, some replaced."""
    return copy.deepcopy(RESOURCES[word][1]) | changes
