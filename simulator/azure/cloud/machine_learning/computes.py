"""Clusters: made by Pulumi, and removed by whoever moved to another one."""

from simulator.azure.cloud.http.messages import Answer, Request, ServiceError
from simulator.azure.cloud.machine_learning.operations import Operations
from simulator.azure.cloud.machine_learning.workspace import Workspace
from simulator.azure.subscription import StoredResource


class Computes:
    """Clusters that exist are ready at once.

    Source: https://learn.microsoft.com/rest/api/azureml/compute/delete (`underlyingResourceAction` is required, 204)
    """

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def answer(self, workspace: Workspace, rest: list[str], request: Request) -> Answer:
        """Answer a request for clusters."""
        match request.method, rest:
            case "GET", []:
                return Answer.of(200, {"value": [_body(one) for one in workspace.newest_first("computes")]})
            case "GET", [name]:
                return Answer.of(200, _body(workspace.existing("computes", name)))
            case "DELETE", [name]:
                return self._delete(workspace, name, request)
        raise ServiceError(405, "MethodNotAllowed", f"{request.method} {request.path} is not simulated")

    def _delete(self, workspace: Workspace, name: str, request: Request) -> Answer:
        if request.query.get("underlyingResourceAction") not in ("Delete", "Detach"):
            raise ServiceError(
                400, "UserError", "the query parameter underlyingResourceAction must be Delete or Detach"
            )
        compute = workspace.get("computes", name)
        if compute is None:
            return Answer(204)
        workspace.subscription.delete(compute.id)
        headers = self._operations.started(request.host, workspace.location_id, request.query["api-version"])
        return Answer(202, headers)


def _body(compute: StoredResource) -> dict[str, object]:
    return compute.body | {"properties": compute.body.get("properties", {}) | {"provisioningState": "Succeeded"}}
