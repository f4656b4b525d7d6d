"""Requests to the simulated management endpoint, over its proxy and with a token from its Entra."""

from types import TracebackType
from typing import Any, Self

import requests

from simulator.azure.arm.answers import TENANT, client_config
from simulator.azure.cloud import Cloud

ARM = "https://management.azure.com"
TOKENS = f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"


class Management:
    """A client that knows nothing of the cloud but what `Cloud.environment` says."""

    def __init__(self, cloud: Cloud) -> None:
        environment = cloud.environment
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.proxies = {"https": environment["HTTPS_PROXY"], "http": environment["HTTP_PROXY"]}
        self.session.verify = environment["REQUESTS_CA_BUNDLE"]
        self._secret = environment["AZURE_CLIENT_SECRET"]

    def __enter__(self) -> Self:
        self.session.headers["Authorization"] = f"Bearer {self.token(ARM)}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()

    def token(self, resource: str) -> str:
        """The deployer's token for a resource."""
        form = {
            "client_id": client_config()["clientId"],
            "client_secret": self._secret,
            "scope": f"{resource}/.default",
        }
        return self.session.post(TOKENS, data=form).json()["access_token"]

    def ask(self, method: str, resource_id: str, body: Any = None, **query: str) -> requests.Response:
        """Send one request about a resource."""
        return self.session.request(method, f"{ARM}{resource_id}", json=body, params={"api-version": "1", **query})
