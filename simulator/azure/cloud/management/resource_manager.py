"""Azure Resource Manager: what any resource answers, and which provider answers for it."""

import re
from dataclasses import replace
from uuid import NAMESPACE_URL, uuid5

from simulator.azure.arm.answers import TENANT
from simulator.azure.cloud.entra.tokens import ARM_AUDIENCES, Tokens
from simulator.azure.cloud.http.messages import Answer, Request, ServiceError
from simulator.azure.cloud.machine_learning import OPERATIONS_PATH, WORKSPACES, MachineLearning
from simulator.azure.cloud.management.deployments import Deployments
from simulator.azure.cloud.management.listings import listed
from simulator.azure.cloud.management.stream_jobs import STREAM_JOBS, StreamJobs
from simulator.azure.cloud.settings import CloudSettings
from simulator.azure.stream_children import KINDS
from simulator.azure.subscription import StoredResource, Subscription

HOST = "management.azure.com"
FIREWALL_RULES = "Microsoft.Sql/servers/firewallRules"
ADMINISTRATORS = "Microsoft.Sql/servers/administrators"
IDENTITY = "/providers/microsoft.managedidentity/identities/default"

_OWN = "(?!providers/)(.+)"
"""What a service answers for below its resources; what others extend them with is as any other resource."""

_BELOW_WORKSPACE = re.compile(rf"(.*/providers/{WORKSPACES}/[^/]+)/{_OWN}", re.IGNORECASE)
_BELOW_STREAM_JOB = re.compile(rf"(.*/providers/{STREAM_JOBS}/[^/]+)/{_OWN}", re.IGNORECASE)
_DEPLOYMENT = re.compile(r"(.*/providers/Microsoft\.Resources/deployments/[^/]+)(/exportTemplate)?", re.IGNORECASE)
_FIREWALL_RULES = re.compile(r"(.*/providers/Microsoft\.Sql/servers/[^/]+)/firewallRules(?:/([^/]+))?", re.IGNORECASE)

_ADMINISTRATORS = re.compile(
    r"(.*/providers/Microsoft\.Sql/servers/[^/]+)/administrators/ActiveDirectory", re.IGNORECASE
)


class ResourceManager:
    """Answers for `management.azure.com`. Resources are made and changed by Pulumi, with few exceptions.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-not-found (404)
    Assumed: how a missing API version is refused; only a client of our own could leave it out.
    Not Azure's: 405 is for what is not simulated.
    """

    def __init__(
        self, subscription: Subscription, settings: CloudSettings, tokens: Tokens, machine_learning: MachineLearning
    ) -> None:
        self._subscription, self._settings, self._tokens = subscription, settings, tokens
        self._machine_learning = machine_learning
        self._stream_jobs = StreamJobs(subscription, settings)
        self._deployments = Deployments(subscription, settings)

    def answer(self, request: Request) -> Answer:
        """Answer a management request."""
        self._tokens.bearer(request, ARM_AUDIENCES)
        if "api-version" not in request.query:
            raise ServiceError(400, "MissingApiVersionParameter", "the query parameter api-version is missing")
        with self._subscription.lock:
            return self._route(request, request.path.rstrip("/"))

    def _route(self, request: Request, path: str) -> Answer:
        if (answer := self._settings.offer.answer(request, path)) is not None:
            return answer
        if found := OPERATIONS_PATH.fullmatch(path):
            return self._machine_learning.operation(found[1])
        if path.lower().endswith(IDENTITY) and request.method == "GET":
            return self._identity(self._existing(path[: -len(IDENTITY)]))
        if found := _BELOW_WORKSPACE.fullmatch(path):
            return self._machine_learning.answer(self._existing(found[1]), found[2].split("/"), request)
        if found := _BELOW_STREAM_JOB.fullmatch(path):
            return self._below_stream_job(self._existing(found[1]), found[2], request)
        if (answer := self._part(request, path)) is not None:
            return answer
        if request.method != "GET":
            raise ServiceError(405, "MethodNotAllowed", f"{request.method} {path} is Pulumi's to do")
        return self._read(path, request)

    def _part(self, request: Request, path: str) -> Answer | None:
        """What a server or a deployment answers for a part of it; None where `path` is a whole resource."""
        if found := _DEPLOYMENT.fullmatch(path):
            deployment, part = self._existing(found[1]), found[2] or ""
            return self._deployments.answer(deployment, part.removeprefix("/"), request)
        if found := _FIREWALL_RULES.fullmatch(path):
            server = self._existing(found[1])
            return self._firewall_rule(path, server, found[2], request) if found[2] else self._firewall_rules(server)
        if found := _ADMINISTRATORS.fullmatch(path):
            return self._administrators(path, self._existing(found[1]), request)
        return None

    def _read(self, path: str, request: Request) -> Answer:
        found = listed(self._subscription, path)
        return self._get(self._existing(path), request) if found is None else Answer.of(200, {"value": found})

    def _get(self, resource: StoredResource, request: Request) -> Answer:
        match resource.type.lower():
            case kind if kind == STREAM_JOBS.lower():
                return self._stream_jobs.get(resource, request.query.get("$expand", ""))
            case kind if kind == WORKSPACES.lower():
                return self._machine_learning.get_workspace(resource)
        return Answer.of(200, resource.body)

    def _existing(self, resource_id: str) -> StoredResource:
        resource = self._subscription.get(resource_id)
        if resource is None:
            raise ServiceError(404, "ResourceNotFound", f"the resource {resource_id} was not found")
        return resource

    def _identity(self, owner: StoredResource) -> Answer:
        """The system-assigned identity of a resource, which the directory needs some time to show."""
        misses = owner.state.get("identityMisses", 0)
        if misses < self._settings.identity_misses:
            self._subscription.put(replace(owner, state=owner.state | {"identityMisses": misses + 1}))
            raise ServiceError(404, "ResourceNotFound", f"the identity of {owner.id} was not found")
        principal = (owner.outputs.get("identity") or {}).get("principalId")
        if principal is None:
            raise ServiceError(404, "ResourceNotFound", f"{owner.id} has no system-assigned identity")
        return Answer.of(
            200,
            {
                "id": f"{owner.id}/providers/Microsoft.ManagedIdentity/identities/default",
                "name": "default",
                "type": "Microsoft.ManagedIdentity/identities",
                "properties": {"tenantId": TENANT, "principalId": principal, "clientId": client_id_of(principal)},
            },
        )

    def _below_stream_job(self, job: StoredResource, what: str, request: Request) -> Answer:
        kind, _, name = what.partition("/")
        if kind in KINDS and name:
            return self._stream_jobs.child(job, kind, name, request)
        if request.method == "POST":
            return self._stream_jobs.act(job, what, request)
        return self._stream_jobs.operation(job)

    def _administrators(self, path: str, server: StoredResource, request: Request) -> Answer:
        """The server's Entra administrators: at first those with which it was created, one group for ever after.

        Source: https://learn.microsoft.com/rest/api/sql/server-azure-ad-administrators
        """
        if request.method == "PUT":
            properties = {**(server.inputs.get("administrators") or {}), **request.json()["properties"]}
            self._subscription.put(replace(server, state=server.state | {"administrators": properties}))
            return Answer.of(200, {"id": path, "type": ADMINISTRATORS, "properties": properties})
        if request.method != "GET":
            raise ServiceError(405, "MethodNotAllowed", f"{request.method} {path} is not simulated")
        properties = server.state.get("administrators") or server.inputs.get("administrators")
        if not properties:
            raise ServiceError(404, "ResourceNotFound", f"{server.id} has no Entra administrators")
        return Answer.of(200, {"id": path, "type": ADMINISTRATORS, "properties": properties})

    def _firewall_rules(self, server: StoredResource) -> Answer:
        """All rules of a server, whoever made them."""
        found = self._subscription.children(server.id, "firewallRules")
        return Answer.of(200, {"value": [{**one.body, "id": one.id, "name": one.name} for one in found]})

    def _firewall_rule(self, rule_id: str, server: StoredResource, name: str, request: Request) -> Answer:
        """A rule that opens the database for a while: no resource of the program stands for it."""
        rule = self._subscription.get(rule_id)
        if request.method == "PUT":
            properties = request.json().get("properties", {})
            body = {"id": rule_id, "name": name, "type": FIREWALL_RULES, "properties": properties}
            self._subscription.put(StoredResource(f"{server.id}/firewallRules/{name}", FIREWALL_RULES, body=body))
            return Answer.of(200 if rule else 201, body)
        if request.method == "DELETE":
            self._subscription.delete(rule_id)
            return Answer(200 if rule else 204)
        return Answer.of(200, self._existing(rule_id).body)


def client_id_of(principal_id: str) -> str:
    """The client id of the system-assigned identity with this object id."""
    return str(uuid5(NAMESPACE_URL, f"{principal_id}/clientId"))
