"""Deployments of templates over HTTP: looked at, exported, and made again with another template."""

from dataclasses import replace

from simulator.azure.cloud.http.messages import Answer, Request, ServiceError
from simulator.azure.cloud.settings import CloudSettings
from simulator.azure.resources import build_resource, with_provisioning_state
from simulator.azure.stream_children import deploy
from simulator.azure.subscription import StoredResource, Subscription


class Deployments:
    """A deployment that is made again runs until it was looked at `CloudSettings.polls` times.

    Source: https://learn.microsoft.com/rest/api/resources/deployments/get (states; it tells no template)
    Assumed: 409 while the last one of the name runs.
    Not Azure's: 405 is for what is not simulated; the first deployment of a name is Pulumi's to make.
    """

    def __init__(self, subscription: Subscription, settings: CloudSettings) -> None:
        self._subscription, self._settings = subscription, settings

    def answer(self, deployment: StoredResource, part: str, request: Request) -> Answer:
        """Answer for a deployment that is there; `part` is what is asked of it, if not itself."""
        match request.method, part:
            case "GET", "":
                return Answer.of(200, self._looked_at(deployment).body)
            case "POST", "exportTemplate":
                return Answer.of(200, {"template": deployment.inputs["properties"]["template"]})
            case "PUT", "":
                return self._repeat(deployment, request)
        raise ServiceError(405, "MethodNotAllowed", f"{request.method} {deployment.id}/{part} is not simulated")

    def _repeat(self, deployment: StoredResource, request: Request) -> Answer:
        if deployment.state.get("ends"):
            raise ServiceError(409, "DeploymentActive", f"the deployment {deployment.name} is still running")
        inputs = deployment.inputs | {"properties": request.json()["properties"]}
        wanted = build_resource(self._subscription, str(deployment.token), inputs)
        ended, _ = deploy(self._subscription, wanted)
        state = {"ends": ended.body["properties"]["provisioningState"], "polls": self._settings.polls}
        running = replace(with_provisioning_state(ended, "Running"), state=state)
        self._subscription.put(running)
        return Answer.of(201, running.body)

    def _looked_at(self, deployment: StoredResource) -> StoredResource:
        if (end := deployment.state.get("ends")) is None:
            return deployment
        if left := deployment.state["polls"]:
            looked_at = replace(deployment, state=deployment.state | {"polls": left - 1})
        else:
            looked_at = replace(with_provisioning_state(deployment, end), state={})
        self._subscription.put(looked_at)
        return looked_at
