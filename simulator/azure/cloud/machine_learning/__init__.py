"""Azure Machine Learning, as the unpatched azure-ai-ml SDK talks to it.

All that the service keeps are resources below a workspace. `workspace` has what they share; one module each answers for
`assets` (models, codes, environments, components), `jobs`, `schedules` (with `triggers`), `computes` and `datastores`.
Left out on purpose: registries, endpoints, data assets, sweeps, jobs that are no pipelines, and experiment tracking.
"""

import re
from datetime import datetime

from simulator.azure.cloud.blobs.storage import BlobStorage
from simulator.azure.cloud.http.messages import Answer, Request, ServiceError
from simulator.azure.cloud.machine_learning.assets import FIXED, Assets
from simulator.azure.cloud.machine_learning.computes import Computes
from simulator.azure.cloud.machine_learning.datastores import Datastores
from simulator.azure.cloud.machine_learning.jobs import Jobs
from simulator.azure.cloud.machine_learning.operations import PROVIDER, Operations
from simulator.azure.cloud.machine_learning.schedules import Schedules
from simulator.azure.cloud.machine_learning.workspace import API_SUFFIX, WORKSPACES, Workspace
from simulator.azure.cloud.settings import CloudSettings
from simulator.azure.subscription import StoredResource, Subscription

__all__ = ["API_SUFFIX", "OPERATIONS_PATH", "WORKSPACES", "MachineLearning", "Workspace"]

OPERATIONS_PATH = re.compile(
    rf"/subscriptions/[^/]+/providers/{PROVIDER}/locations/[^/]+/mfeOperationsStatus/([^/]+)", re.IGNORECASE
)
DISCOVERED = ("api", "history", "experimentation", "modelmanagement", "pipelines", "studio")


class MachineLearning:
    """Answers for everything below a workspace.

    Not Azure's: what is not simulated says so, whatever the service would answer.
    """

    def __init__(self, subscription: Subscription, settings: CloudSettings, storage: BlobStorage) -> None:
        self._subscription, self._operations = subscription, Operations(settings)
        self.datastores = Datastores(storage)
        self._schedules = Schedules(settings, self._operations)
        self._assets = Assets(storage)
        self._others = {
            "computes": Computes(self._operations),
            "datastores": self.datastores,
            "jobs": Jobs(),
            "schedules": self._schedules,
        }

    def answer(self, workspace: StoredResource, path: list[str], request: Request) -> Answer:
        """Answer a request for what lies at `path` below a workspace."""
        kind, *rest = path
        opened = Workspace(self._subscription, workspace)
        if kind in FIXED:
            return self._assets.answer(opened, kind, rest, request)
        if kind in self._others:
            return self._others[kind].answer(opened, rest, request)
        raise ServiceError(404, "ResourceNotFound", f"{kind} of workspaces are not simulated")

    def get_workspace(self, workspace: StoredResource) -> Answer:
        """A workspace as a GET answers it."""
        return Answer.of(200, Workspace(self._subscription, workspace).body)

    def operation(self, name: str) -> Answer:
        """How far a long-running operation is."""
        return self._operations.status(name)

    def discover(self, request: Request) -> Answer:
        """Say where the service's parts are: all at the host that was asked."""
        if request.path != "/discovery":
            raise ServiceError(404, "NotFound", f"{request.host} does not know {request.path}")
        return Answer.of(200, dict.fromkeys(DISCOVERED, f"https://{request.host}"))

    def workspaces(self) -> list[Workspace]:
        """All workspaces of the subscription."""
        return [Workspace(self._subscription, one) for one in self._subscription.list(WORKSPACES)]

    def create_due_jobs(self, now: datetime) -> list[StoredResource]:
        """Create the jobs of all schedules that are due."""
        with self._subscription.lock:
            return [job for one in self.workspaces() for job in self._schedules.create_due_jobs(one, now)]
