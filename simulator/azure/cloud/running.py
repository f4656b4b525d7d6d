"""The simulated cloud as a whole, while it runs."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from simulator.azure.arm.answers import TENANT, client_config
from simulator.azure.cloud.blobs.azurite import running_azurite
from simulator.azure.cloud.blobs.gateway import BlobGateway
from simulator.azure.cloud.blobs.storage import BlobStorage
from simulator.azure.cloud.entra.directory import GRAPH_AUDIENCES, GRAPH_HOST
from simulator.azure.cloud.entra.tokens import IDENTITY_PATH, LOGIN_HOST, Tokens
from simulator.azure.cloud.faults import Faults
from simulator.azure.cloud.http.certificates import Certificates, make_certificates
from simulator.azure.cloud.http.messages import Answer, Request, ServiceError
from simulator.azure.cloud.http.server import LOCAL, Server, running_server
from simulator.azure.cloud.machine_learning import API_SUFFIX, MachineLearning
from simulator.azure.cloud.management import resource_manager
from simulator.azure.cloud.management.access import Access
from simulator.azure.cloud.management.resource_manager import ResourceManager
from simulator.azure.cloud.pipelines.executor import Executor
from simulator.azure.cloud.pipelines.pipeline_run import JobRun
from simulator.azure.cloud.request_log import BLOB_SUFFIX, RequestLog
from simulator.azure.cloud.settings import CloudSettings
from simulator.azure.subscription import Subscription

log = logging.getLogger(__name__)

HOSTS = (resource_manager.HOST, LOGIN_HOST, GRAPH_HOST, f"*{API_SUFFIX}", f"*{BLOB_SUFFIX}")

CLOCK_PATH = "/clock"
"""Where a program that does not really wait says how long it would have."""


class Services:
    """All services, by the host that a request is for."""

    def __init__(self, subscription: Subscription, settings: CloudSettings, storage: BlobStorage) -> None:
        self.access, self._settings = Access(subscription, settings), settings
        self._clock = subscription.clock
        self.tokens = Tokens(self.access)
        self.machine_learning = MachineLearning(subscription, settings, storage)
        self._manager = ResourceManager(subscription, settings, self.tokens, self.machine_learning)
        self._blobs = BlobGateway(storage, self.tokens, self.access)

    def knows(self, host: str) -> bool:
        """Whether a host belongs to the cloud."""
        known = (resource_manager.HOST, LOGIN_HOST, GRAPH_HOST)
        return host in known or host.endswith(API_SUFFIX) or self._blobs.knows(host)

    def answer(self, request: Request) -> Answer:
        """Answer a request.

        Not Azure's: what no service answers for, and what goes wrong in the stand-in itself.
        """
        try:
            if request.host == resource_manager.HOST:
                return self._manager.answer(request)
            if request.host == LOGIN_HOST:
                return self.tokens.login(request)
            if request.host == GRAPH_HOST:
                return self._settings.directory.answer(request, self.tokens.bearer(request, GRAPH_AUDIENCES))
            if request.host.endswith(API_SUFFIX):
                return self.machine_learning.discover(request)
            if request.host.endswith(BLOB_SUFFIX):
                return self._blobs.answer(request)
            if request.path == CLOCK_PATH:
                self._clock.skip(float(request.json()["seconds"]))
                return Answer(204)
            if request.path == IDENTITY_PATH:
                return self.tokens.managed_identity(request)
            raise ServiceError(404, "NotFound", f"nothing is at {request.path}")
        except ServiceError as error:
            return error.answer()
        except Exception as error:
            log.exception("%s %s: the simulated cloud is at fault", request.method, request.path)
            return ServiceError(500, "SimulatorError", f"{type(error).__name__}: {error}").answer()


@dataclass(frozen=True)
class Exchange:
    """One request's way through the log and the faults to the services, and back."""

    services: Services
    requests: RequestLog
    faults: Faults

    def answer(self, request: Request) -> Answer | None:
        """Answer a request; None where its connection is to be cut."""
        entry = self.requests.add(request)
        fault = self.faults.take(request, entry.number)
        if fault is None:
            entry.status = (answer := self.services.answer(request)).status
            return answer
        entry.fault = fault.kind
        if fault.kind == "cut":
            return None
        answer = fault.answer() if fault.kind == "status" else self.services.answer(request)
        entry.status = answer.status
        return answer if fault.kind == "status" else None


@dataclass(frozen=True)
class Cloud:
    """A running cloud. `requests` is its log, `faults` is what is to go wrong, `settings` may be changed any time."""

    folder: Path
    subscription: Subscription
    settings: CloudSettings
    services: Services
    storage: BlobStorage
    certificates: Certificates
    requests: RequestLog
    faults: Faults
    server: Server

    def tick(self, now: datetime) -> list[JobRun]:
        """Let it be `now`: run what schedules are due, and what was submitted; returns when all of it has ended."""
        return self._executor.tick(now)

    def run_submitted(self) -> list[JobRun]:
        """Run the jobs that were submitted; returns when all of them have ended."""
        return self._executor.run_waiting()

    @property
    def _executor(self) -> Executor:
        services, node_secret = self.services, self.services.tokens.node_secret
        identity = {"MSI_ENDPOINT": f"{self.server.url}{IDENTITY_PATH}", "MSI_SECRET": node_secret}
        variables = self.network | identity
        return Executor(
            self.folder / "jobs", services.machine_learning, self.storage, services.access, self.settings, variables
        )

    @property
    def refused(self) -> list[str]:
        """Where clients wanted to go outside the cloud: hosts with ports, or URLs."""
        return list(self.server.refused)

    @property
    def network(self) -> dict[str, str]:
        """Environment variables that lead every HTTP client here, and to nowhere else."""
        proxy = self.server.url
        authority = str(self.certificates.authority)
        variables = {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy, "NO_PROXY": f"{LOCAL},localhost"}
        return {
            **variables,
            **{name.lower(): value for name, value in variables.items()},
            "REQUESTS_CA_BUNDLE": authority,
            "CURL_CA_BUNDLE": authority,
            "SSL_CERT_FILE": authority,
        }

    @property
    def clock_address(self) -> str:
        """Where programs say how long they would have waited."""
        return f"{self.server.url}{CLOCK_PATH}"

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of a process that deploys: network, and a client secret of the deployer's.

        Pulumi's provider reads names of its own for who deploys and where to, as `infra doctor` knows.

        The SDK's cache on disk is off: it outlives the cloud, and the next one has workspaces of the same ids.
        """
        login = {
            "TENANT_ID": TENANT,
            "CLIENT_ID": client_config()["clientId"],
            "CLIENT_SECRET": self.services.tokens.secret,
            "SUBSCRIPTION_ID": client_config()["subscriptionId"],
        }
        names = {f"{whose}_{name}": value for name, value in login.items() for whose in ("AZURE", "ARM")}
        return self.network | names | {"AZURE_ML_DISABLE_ON_DISK_CACHE": "true"}


@contextmanager
def running_cloud(folder: Path, subscription: Subscription, settings: CloudSettings | None = None) -> Generator[Cloud]:
    """Run a cloud over `subscription` while the context lasts; its files go into `folder`.

    UserError where Azurite is not installed. Blobs are kept in memory and gone with the cloud.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings, requests, faults = settings or CloudSettings(), RequestLog(), Faults()
    certificates = make_certificates(folder, HOSTS)
    with running_azurite(folder) as azurite:
        storage = BlobStorage(subscription, azurite)
        services = Services(subscription, settings, storage)

        exchange = Exchange(services, requests, faults)
        with running_server(exchange.answer, services.knows, certificates) as server:
            yield Cloud(folder, subscription, settings, services, storage, certificates, requests, faults, server)
