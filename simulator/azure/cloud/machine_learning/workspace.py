"""A workspace as Azure ML sees it, and the resources that the service keeps below it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from simulator.azure.cloud.http.messages import ServiceError
from simulator.azure.cloud.machine_learning.operations import PROVIDER
from simulator.azure.subscription import StoredResource, Subscription

WORKSPACES = f"{PROVIDER}/workspaces"
API_SUFFIX = ".api.azureml.ms"


@dataclass(frozen=True)
class Workspace:
    """One workspace; ids below it are made with `id_of`.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-not-found
    Assumed: the code is `UserError`, as in recordings of azure-ai-ml's own tests; clients here look at the status.
    """

    subscription: Subscription
    resource: StoredResource

    @property
    def guid(self) -> str:
        """The id that the service knows it by."""
        return str(self.resource.outputs.get("workspaceId") or uuid5(NAMESPACE_URL, self.resource.id.lower()))

    @property
    def location(self) -> str:
        """The region, as in host names."""
        return str(self.resource.body.get("location", "westeurope")).lower().replace(" ", "")

    @property
    def location_id(self) -> str:
        """The region, as an id."""
        return f"{self.resource.id.partition('/resourceGroups/')[0]}/providers/{PROVIDER}/locations/{self.location}"

    @property
    def uses_identities(self) -> bool:
        """Whether the default datastores are reached with identities, not keys."""
        return str(self._properties.get("systemDatastoresAuthMode", "AccessKey")).lower() == "identity"

    @property
    def storage_account(self) -> StoredResource:
        """The account of the default datastores."""
        account = self.subscription.get(str(self._properties.get("storageAccount")))
        if account is None:
            raise ServiceError(400, "UserError", f"the storage account of {self.resource.id} does not exist")
        return account

    @property
    def body(self) -> dict[str, Any]:
        """What a GET answers."""
        api = f"{self.location}{API_SUFFIX}"
        made = {
            "workspaceId": self.guid,
            "provisioningState": "Succeeded",
            "discoveryUrl": f"https://{api}/discovery",
            "mlFlowTrackingUri": f"azureml://{api}/mlflow/v1.0{self.resource.id}",
        }
        return {"location": self.location, **self.resource.body, "properties": {**self._properties, **made}}

    def id_of(self, *parts: str) -> str:
        """The id of something below: `id_of("models", "m", "versions", "1")`."""
        return "/".join((self.resource.id, *parts))

    def get(self, *parts: str) -> StoredResource | None:
        """The resource below, if it exists."""
        return self.subscription.get(self.id_of(*parts))

    def existing(self, *parts: str) -> StoredResource:
        """The resource below; ServiceError if there is none."""
        resource = self.get(*parts)
        if resource is None:
            raise ServiceError(404, "UserError", f"{'/'.join(parts)} was not found in {self.resource.name}")
        return resource

    def keep(
        self, *parts: str, properties: dict[str, Any], state: dict[str, Any] | None = None, tags: Any = None
    ) -> StoredResource:
        """Create or replace a resource that the service itself keeps; a former one's state is taken over."""
        resource_id, now = self.id_of(*parts), datetime.now(UTC).isoformat()
        old = self.subscription.get(resource_id)
        created = old.body["systemData"]["createdAt"] if old else now
        type_ = "/".join((WORKSPACES, *parts[::2]))
        body = {
            "id": resource_id,
            "name": parts[-1],
            "type": type_,
            "properties": properties,
            "systemData": {"createdAt": created, "lastModifiedAt": now, "createdByType": "User"},
        }
        kept = StoredResource(resource_id, type_, body=body, state={**(old.state if old else {}), **(state or {})})
        if tags is not None:
            kept = replace(kept, body=kept.body | {"tags": tags})
        self.subscription.put(kept)
        return kept

    def newest_first(self, *parts: str) -> list[StoredResource]:
        """The resources of a kind, such as `newest_first("models", "m", "versions")`."""
        children = self.subscription.children(self.id_of(*parts[:-1]), parts[-1])
        return sorted(children, key=lambda child: child.body.get("systemData", {}).get("createdAt", ""), reverse=True)

    @property
    def _properties(self) -> dict[str, Any]:
        return self.resource.body.get("properties", {})
