"""GET and POST to Resource Manager and Microsoft Graph, for questions about a subscription and a tenant."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from azure.core import PipelineClient
from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, HeadersPolicy, RetryPolicy, UserAgentPolicy
from azure.core.rest import HttpRequest

MANAGER, GRAPH = "https://management.azure.com", "https://graph.microsoft.com"

_SECONDS_TO_ANSWER = 30


class RestApi:
    """One of Azure's endpoints, asked as `credential`; what is refused is raised as HttpResponseError.

    Throttling and broken connections are tried again twice, by azure-core.
    """

    def __init__(self, credential: TokenCredential, endpoint: str) -> None:
        self._client = PipelineClient(
            endpoint,
            policies=[
                HeadersPolicy(),
                UserAgentPolicy("batch-scoring"),
                RetryPolicy(retry_total=2),
                BearerTokenCredentialPolicy(credential, f"{endpoint}/.default"),
            ],
        )

    def get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        """The answer to one GET."""
        return self._send(HttpRequest("GET", path, params=dict(query)))

    def list(self, path: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """All that a GET lists, over all pages."""
        page = self.get(path, query)
        found = list(page.get("value", ()))
        while following := page.get("nextLink") or page.get("@odata.nextLink"):
            page = self._send(HttpRequest("GET", following))
            found += page.get("value", ())
        return found

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a POST that asks and changes nothing."""
        return self._send(HttpRequest("POST", path, json=dict(body)))

    def _send(self, request: HttpRequest) -> dict[str, Any]:
        request.url = self._client.format_url(request.url)
        response = self._client.send_request(request, timeout=_SECONDS_TO_ANSWER)
        if response.status_code >= 400:
            raise HttpResponseError(response=response)
        return response.json()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
