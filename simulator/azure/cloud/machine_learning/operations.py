"""Long-running operations of Azure ML, as clients follow them.

Their effect is there as soon as they are accepted: an operation goes on whether or not anybody asks how far it is.
"""

from dataclasses import dataclass, field
from uuid import uuid4

from simulator.azure.cloud.http.messages import Answer, ServiceError
from simulator.azure.cloud.settings import CloudSettings

PROVIDER = "Microsoft.MachineLearningServices"


@dataclass
class Operations:
    """The operations by name, each with the number of times that it will still be at work when it is asked."""

    settings: CloudSettings
    _left: dict[str, int] = field(default_factory=dict)

    def started(self, host: str, location_id: str, api_version: str) -> dict[str, str]:
        """The headers of the answer that begins an operation; `location_id` is `/subscriptions/…/locations/…`."""
        name = str(uuid4())
        self._left[name] = self.settings.polls
        status = f"https://{host}{location_id}/mfeOperationsStatus/{name}?api-version={api_version}"
        return {"Azure-AsyncOperation": status, **self.settings.poll_headers()}

    def status(self, name: str) -> Answer:
        """How far an operation is.

        Source: https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
        """
        if name not in self._left:
            raise ServiceError(404, "NotFound", f"there is no operation {name}")
        self._left[name] -= 1
        status = "InProgress" if self._left[name] >= 0 else "Succeeded"
        return Answer.of(200, {"name": name, "status": status}, self.settings.poll_headers())
