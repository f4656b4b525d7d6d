"""Tokens: Entra's endpoints for a client secret, and the endpoint of managed identities on a cluster's node."""

import secrets
import time
from urllib.parse import parse_qsl

import jwt

from simulator.azure.arm.answers import TENANT, client_config
from simulator.azure.cloud.http.messages import Answer, Request, ServiceError
from simulator.azure.cloud.management.access import Access

LOGIN_HOST = "login.microsoftonline.com"
AUTHORITY = f"https://{LOGIN_HOST}/{TENANT}"
IDENTITY_PATH = "/msi/token"
LIFETIME_SECONDS = 3600

ARM_AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")
STORAGE_AUDIENCES = ("https://storage.azure.com",)


class Tokens:
    """Gives out tokens and recognizes them. `secret` is the deployer's, nodes ask with `node_secret`.

    Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow (a secret's token),
    https://learn.microsoft.com/azure/app-service/overview-managed-identity (an endpoint for identities).
    Assumed: that a cluster's node has the like, how it refuses, and the code of a token that is not good; the SDKs look
    at the status and the challenge.
    """

    def __init__(self, access: Access) -> None:
        self.secret, self.node_secret = secrets.token_hex(16), secrets.token_hex(16)
        self._access, self._key = access, secrets.token_hex(32)

    def login(self, request: Request) -> Answer:
        """Answer a request to Entra: what is where, or a token for a client secret."""
        if request.path.endswith("/openid-configuration"):
            return Answer.of(
                200,
                {
                    "issuer": f"{AUTHORITY}/v2.0",
                    "authorization_endpoint": f"{AUTHORITY}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{AUTHORITY}/oauth2/v2.0/token",
                },
            )
        if request.path == "/common/discovery/instance":
            aliases = {"preferred_network": LOGIN_HOST, "preferred_cache": LOGIN_HOST, "aliases": [LOGIN_HOST]}
            endpoint = f"{AUTHORITY}/v2.0/.well-known/openid-configuration"
            return Answer.of(200, {"tenant_discovery_endpoint": endpoint, "metadata": [aliases]})
        if request.path == f"/{TENANT}/oauth2/v2.0/token":
            return self._token_for_secret(dict(parse_qsl(request.content.decode())))
        raise ServiceError(404, "NotFound", f"Entra does not know {request.path}")

    def managed_identity(self, request: Request) -> Answer:
        """Answer a step that asks for a token of its node's identity, as Azure ML's nodes do."""
        if request.headers.get("secret") != self.node_secret:
            raise ServiceError(401, "Unauthorized", "the header `secret` is not MSI_SECRET")
        client_id = request.query.get("clientid", "")
        object_id = self._access.object_id_of_identity(client_id)
        if object_id is None:
            raise ServiceError(400, "BadRequest", f"no managed identity has the client id {client_id!r}")
        resource = request.query.get("resource", "")
        return Answer.of(
            200,
            {
                "access_token": self.issue(object_id, client_id, resource),
                "expires_on": int(time.time()) + LIFETIME_SECONDS,
                "resource": resource,
                "token_type": "Bearer",
                "client_id": client_id,
            },
        )

    def issue(self, object_id: str, client_id: str, audience: str) -> str:
        """A token that lets its bearer in at `audience` as the principal `object_id`."""
        now = int(time.time())
        claims = {
            "aud": audience.removesuffix("/"),
            "iss": f"https://sts.windows.net/{TENANT}/",
            "tid": TENANT,
            "oid": object_id,
            "appid": client_id,
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME_SECONDS,
            **self._access.settings.directory.claims(object_id),
        }
        return jwt.encode(claims, self._key, algorithm="HS256")

    def bearer(self, request: Request, audiences: tuple[str, ...]) -> str:
        """The object id of the principal whose token a request carries; ServiceError unless it is for `audiences`."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            raise self._unauthorized("the request has no bearer token", audiences)
        try:
            return jwt.decode(token, self._key, algorithms=["HS256"], audience=audiences)["oid"]
        except jwt.InvalidTokenError as error:
            raise self._unauthorized(f"the token is not good here: {error}", audiences) from error

    def _token_for_secret(self, form: dict[str, str]) -> Answer:
        deployer = client_config()
        if form.get("client_id") != deployer["clientId"] or form.get("client_secret") != self.secret:
            return Answer.of(401, {"error": "invalid_client", "error_description": "wrong client id or secret"})
        scope = form.get("scope", "").split()[0]
        token = self.issue(deployer["objectId"], deployer["clientId"], scope.removesuffix(".default").rstrip("/"))
        return Answer.of(200, {"token_type": "Bearer", "expires_in": LIFETIME_SECONDS, "access_token": token})

    @staticmethod
    def _unauthorized(message: str, audiences: tuple[str, ...]) -> ServiceError:
        challenge = f'Bearer authorization_uri="{AUTHORITY}", resource="{audiences[0]}"'
        return ServiceError(401, "InvalidAuthenticationToken", message, {"WWW-Authenticate": challenge})
