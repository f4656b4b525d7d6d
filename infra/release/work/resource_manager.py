"""Requests to Azure Resource Manager that no resource of the program stands for: start a job, look up an identity."""

from collections.abc import Mapping
from typing import Any

from azure.core import PipelineClient
from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import HeadersPolicy, RequestIdPolicy, RetryPolicy, UserAgentPolicy
from azure.core.rest import HttpRequest
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

ENDPOINT = "https://management.azure.com"
_SCOPE = f"{ENDPOINT}/.default"


class ResourceManager:
    """GET, PUT, POST and DELETE by resource id, as whoever deploys.

    Throttling and broken connections are tried again a few times by azure-core; what remains is raised as one of
    azure.core.exceptions, for the caller to wait longer or to give up.
    """

    def __init__(self, credential: TokenCredential, endpoint: str = ENDPOINT) -> None:
        self._client = PipelineClient(
            endpoint,
            policies=[
                RequestIdPolicy(),
                HeadersPolicy(),
                UserAgentPolicy("batch-scoring"),
                RetryPolicy(retry_total=3),
                ARMChallengeAuthenticationPolicy(credential, _SCOPE),
            ],
        )

    def get(self, resource_id: str, api_version: str, *, expand: str | None = None) -> dict[str, Any] | None:
        """The resource, or None if there is none; `expand` names what Azure leaves out unless it is asked for."""
        return self._send("GET", resource_id, api_version, expand=expand, missing_is_none=True)

    def list(self, path: str, api_version: str) -> list[dict[str, Any]]:
        """All that a collection holds, page after page."""
        found: list[dict[str, Any]] = []
        page = self._send("GET", path, api_version) or {}
        while True:
            found += page.get("value") or []
            if not (following := page.get("nextLink")):
                return found
            page = self._send("GET", following, "") or {}

    def put(self, resource_id: str, api_version: str, body: Mapping[str, Any]) -> None:
        """Create or replace a resource."""
        self._send("PUT", resource_id, api_version, body)

    def post(
        self, resource_id: str, action: str, api_version: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Ask a resource to do or to tell something; Azure may only have begun with it when this returns."""
        return self._send("POST", f"{resource_id}/{action}", api_version, body) or {}

    def delete(self, resource_id: str, api_version: str) -> None:
        """Delete a resource; one that is not there is deleted already."""
        self._send("DELETE", resource_id, api_version, missing_is_none=True)

    def _send(
        self,
        method: str,
        path: str,
        api_version: str,
        body: Mapping[str, Any] | None = None,
        *,
        expand: str | None = None,
        missing_is_none: bool = False,
    ) -> dict[str, Any] | None:
        # the address of a next page has all parameters of its own
        parameters = ({"api-version": api_version} if api_version else {}) | ({"$expand": expand} if expand else {})
        request = HttpRequest(method, path, params=parameters, json=body)
        request.url = self._client.format_url(request.url)
        response = self._client.send_request(request)
        if missing_is_none and response.status_code == 404:
            return None
        if response.status_code >= 400:
            raise HttpResponseError(response=response)
        return response.json() if response.content else {}

    def close(self) -> None:
        """Release the connections."""
        self._client.close()
