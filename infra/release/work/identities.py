"""The client id of the stream job's identity, which SQL Server wants and the job itself does not tell."""

from infra.release.work.resource_manager import ResourceManager
from scoring.patience import Patience

API_VERSION = "2025-01-31-preview"


def client_id_of(manager: ResourceManager, resource_id: str, patience: Patience) -> str:
    """The client (application) id of a resource's system-assigned identity; a new one takes a while to be found.

    Source: https://learn.microsoft.com/rest/api/managedidentity/system-assigned-identities/get-by-scope
    """
    path = f"{resource_id}/providers/Microsoft.ManagedIdentity/identities/default"
    found = {}

    def is_there() -> bool:
        found.update(patience.retry("identity", lambda: manager.get(path, API_VERSION)) or {})
        return "clientId" in found.get("properties", {})

    patience.until(f"finding the identity of {resource_id.rsplit('/', 1)[-1]}", is_there)
    return found["properties"]["clientId"]
