"""Versions of models, codes, environments and components: what was published, under names that never change meaning."""

import json
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from simulator.azure.cloud.blobs.storage import BlobStorage
from simulator.azure.cloud.http.messages import Answer, Request, ServiceError
from simulator.azure.cloud.machine_learning.workspace import WORKSPACES, Workspace
from simulator.azure.cloud.request_log import BLOB_SUFFIX
from simulator.azure.subscription import StoredResource

PARALLEL_INPUTS = frozenset({"boolean", "integer", "mltable", "number", "string", "uri_folder"})
"""Types of a parallel step's inputs: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-parallel."""

FIXED = {"models": "modelUri", "codes": "codeUri", "environments": "image", "components": "componentSpec"}
"""What a version is: it cannot be changed afterwards. Tags and whether it is archived can."""


class Assets:
    """Answers below `/{kind}/{name}`. What a client sent is kept beside what the service makes of it.

    A component whose client has no name for it (`azureml_anonymous`) gets a version that its content decides.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-environments-v2 (only description and tags
    of a version can change).
    Assumed: the same of models, codes and components, and that another content is refused rather than ignored; safe,
    because whoever publishes takes another version then.
    """

    def __init__(self, storage: BlobStorage) -> None:
        self._storage = storage

    def answer(self, workspace: Workspace, kind: str, rest: list[str], request: Request) -> Answer:
        """Answer a request for assets of one kind."""
        match request.method, rest:
            case "GET", [name]:
                return Answer.of(200, self._container(workspace, kind, name))
            case "PUT", [name]:
                workspace.keep(kind, name, properties=request.json().get("properties", {}))
                return Answer.of(200, self._container(workspace, kind, name))
            case "GET", [name, "versions"]:
                return Answer.of(200, {"value": self._list(workspace, kind, name, request.query)})
            case "GET", [name, "versions", version]:
                return Answer.of(200, workspace.existing(kind, name, "versions", version).body)
            case "PUT", [name, "versions", version]:
                return self._put(workspace, kind, name, version, request.json())
            case "POST", [name, "versions", _, "startPendingUpload"] if name:
                return self._start_upload(workspace)
        raise ServiceError(405, "MethodNotAllowed", f"{request.method} {request.path} is not simulated")

    def _container(self, workspace: Workspace, kind: str, name: str) -> dict[str, Any]:
        """What all versions of a name have in common."""
        versions, kept = workspace.newest_first(kind, name, "versions"), workspace.get(kind, name)
        if not versions:
            raise ServiceError(404, "UserError", f"{kind} {name} was not found in {workspace.resource.name}")
        newest = versions[0].name
        following = str(int(newest) + 1) if newest.isdigit() else "1"
        properties = {"isArchived": False, **(kept.body["properties"] if kept else {})}
        properties |= {"latestVersion": newest, "nextVersion": following}
        return {"id": workspace.id_of(kind, name), "name": name, "properties": properties}

    @staticmethod
    def _list(workspace: Workspace, kind: str, name: str, query: dict[str, str]) -> list[dict[str, Any]]:
        """The versions of a name, or, for codes, everything with the given hash."""
        if "hash" in query:
            codes = workspace.subscription.list(f"{WORKSPACES}/{kind}/versions")
            found = [one for one in codes if one.id.startswith(workspace.id_of(kind)) and _hash(one) == query["hash"]]
        else:
            found = workspace.newest_first(kind, name, "versions")
        view = query.get("listViewType", "All")
        if view != "All":
            found = [
                one for one in found if one.body["properties"].get("isArchived", False) == (view == "ArchivedOnly")
            ]
        return [one.body for one in found[: int(query.get("$top", len(found)))]]

    @staticmethod
    def _put(workspace: Workspace, kind: str, name: str, version: str, body: dict[str, Any]) -> Answer:
        sent = body.get("properties", {})
        fixed = FIXED[kind]
        if fixed not in sent:
            raise ServiceError(400, "UserError", f"properties.{fixed} is required")
        if kind == "components":
            _check_inputs(sent["componentSpec"])
        if kind == "components" and sent.get("isAnonymous"):
            version = _version_by_content(sent["componentSpec"])
            sent["componentSpec"]["version"] = version
        old = workspace.get(kind, name, "versions", version)
        if old is not None and sent[fixed] not in (old.state["sent"][fixed], old.body["properties"][fixed]):
            raise ServiceError(
                409,
                "UserError",
                f"{kind} {name}:{version} exists, and its {fixed} cannot be changed: only description, tags and "
                "isArchived can",
            )
        state = {"sent": {**sent, fixed: old.state["sent"][fixed]} if old else sent}
        kept = workspace.keep(kind, name, "versions", version, properties=_shown(kind, sent), state=state)
        return Answer.of(200 if old else 201, kept.body)

    def _start_upload(self, workspace: Workspace) -> Answer:
        """A place for code that is to be uploaded: a container of its own, each time another one."""
        account, container = workspace.storage_account, f"{workspace.guid}-{uuid4().hex[:24]}"
        self._storage.make_container(account, container)
        url = f"https://{account.name}{BLOB_SUFFIX}/{container}"
        credential = {"credentialType": "SAS", "sasUri": f"{url}?{self._storage.sign(account, container)}"}
        reference = {"blobUri": url, "storageAccountArmId": account.id, "credential": credential}
        return Answer.of(
            200,
            {
                "pendingUploadId": str(uuid4()),
                "pendingUploadType": "TemporaryBlobReference",
                "blobReferenceForConsumption": reference,
            },
        )


def _check_inputs(spec: dict[str, Any]) -> None:
    """Refuse a parallel step that takes anything but folders, tables and plain values.

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-parallel (types of inputs)
    """
    for name, port in (spec.get("inputs") or {}).items():
        if spec.get("type") == "parallel" and port.get("type") not in PARALLEL_INPUTS:
            allowed = ", ".join(sorted(PARALLEL_INPUTS))
            message = f"the input {name} of a parallel step is of type {port.get('type')}: allowed are {allowed}"
            raise ServiceError(400, "UserError", message)


def _hash(resource: StoredResource) -> str | None:
    """The content's hash that a client gave a code."""
    return (resource.body["properties"].get("properties") or {}).get("hash_sha256")


def _version_by_content(spec: dict[str, Any]) -> str:
    content = json.dumps({name: value for name, value in spec.items() if name != "version"}, sort_keys=True)
    return str(uuid5(NAMESPACE_URL, sha256(content.encode()).hexdigest()))


def _shown(kind: str, sent: dict[str, Any]) -> dict[str, Any]:
    """The properties as the service answers them."""
    shown = {"description": None, "tags": {}, "properties": {}, "isArchived": False, **sent}
    if kind == "models":
        shown["flavors"] = sent.get("flavors") or {}
    elif kind == "environments":
        shown |= {"environmentType": "UserCreated", "osType": "Linux"}
    elif kind == "components":
        shown["componentSpec"] = _rendered(sent["componentSpec"])
    return shown


def _rendered(spec: dict[str, Any]) -> dict[str, Any]:
    """A component as the service gives it back: scalars as text, without inner jobs, modes and where it came from.

    Seen in the recordings of the SDK's own tests; a client must not rely on getting back what it sent.
    """
    dropped = ("_source", "jobs", "sourceJobId")
    rendered: dict[str, Any] = _as_text({name: value for name, value in spec.items() if name not in dropped})
    for port in (*rendered.get("inputs", {}).values(), *rendered.get("outputs", {}).values()):
        port.pop("mode", None)
    for port in rendered.get("inputs", {}).values():
        port.setdefault("optional", "False")
    return {"is_deterministic": "False"} | rendered


def _as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_text(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_as_text(inner) for inner in value]
    return str(value) if isinstance(value, bool | int | float) else value
