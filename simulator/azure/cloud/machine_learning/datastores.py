"""Datastores: those that the program declares, and the one that a workspace brings with it."""

from typing import Any

from simulator.azure.cloud.blobs.storage import BlobStorage
from simulator.azure.cloud.http.messages import Answer, Request, ServiceError
from simulator.azure.cloud.machine_learning.workspace import WORKSPACES, Workspace

DEFAULT = "workspaceblobstore"


class Datastores:
    """Names for containers. Where a workspace works with keys, the service hands out signatures, never a key.

    Source: https://learn.microsoft.com/rest/api/azureml/datastores/list-secrets
    Assumed: where there is no secret, that is an error; the release asks for secrets of stores with keys only.
    """

    def __init__(self, storage: BlobStorage) -> None:
        self._storage = storage

    def answer(self, workspace: Workspace, rest: list[str], request: Request) -> Answer:
        """Answer a request for datastores."""
        match request.method, rest:
            case "GET", []:
                only_default = request.query.get("isDefault", "").lower() == "true"
                declared = [] if only_default else workspace.newest_first("datastores")
                return Answer.of(200, {"value": [self._default(workspace), *(one.body for one in declared)]})
            case "GET", [name]:
                return Answer.of(200, self.body(workspace, name))
            case "POST", [name, "listSecrets"]:
                return self._secrets(workspace, name)
        raise ServiceError(405, "MethodNotAllowed", f"{request.method} {request.path} is not simulated")

    def body(self, workspace: Workspace, name: str) -> dict[str, Any]:
        """A datastore as a GET answers it."""
        return self._default(workspace) if name == DEFAULT else workspace.existing("datastores", name).body

    def _default(self, workspace: Workspace) -> dict[str, Any]:
        """The default datastore; its container is made when the first client asks for it."""
        container = f"azureml-blobstore-{workspace.guid}"
        self._storage.make_container(workspace.storage_account, container)
        by_identity = workspace.uses_identities
        return {
            "id": workspace.id_of("datastores", DEFAULT),
            "name": DEFAULT,
            "type": f"{WORKSPACES}/datastores",
            "properties": {
                "datastoreType": "AzureBlob",
                "isDefault": True,
                "accountName": workspace.storage_account.name,
                "containerName": container,
                "endpoint": "core.windows.net",
                "protocol": "https",
                "credentials": {"credentialsType": "None" if by_identity else "Sas"},
                "serviceDataAccessAuthIdentity": "WorkspaceSystemAssignedIdentity" if by_identity else "None",
            },
        }

    def _secrets(self, workspace: Workspace, name: str) -> Answer:
        properties = self.body(workspace, name)["properties"]
        account = self._storage.account(properties["accountName"])
        if properties["credentials"]["credentialsType"] == "None" or account is None:
            raise ServiceError(400, "UserError", f"the datastore {name} has no secrets")
        signature = self._storage.sign(account, properties["containerName"])
        return Answer.of(200, {"secretsType": "Sas", "sasToken": signature})
