"""Who the release is logged in as, read from its own token: no request, no right to read the directory is needed."""

import base64
import json
from dataclasses import dataclass
from typing import Any, Literal

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError

from infra.release.work.resource_manager import ENDPOINT
from scoring.patience import first_line
from stream_queries.errors import UserError


@dataclass(frozen=True)
class Principal:
    """A user or a service principal. `object_id` is what roles are given to: never the application's object id.

    `address` is where a user has logged in from; the tokens of service principals do not tell.
    """

    object_id: str
    client_id: str
    kind: Literal["User", "ServicePrincipal"]
    name: str
    address: str | None

    def __str__(self) -> str:
        return f"{self.name} ({self.kind} {self.object_id})" if self.name else f"{self.kind} {self.object_id}"


def running_principal(credential: TokenCredential) -> Principal:
    """Who `credential` is; UserError where nobody is logged in.

    Source of the claims: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
    """
    try:
        token = credential.get_token(f"{ENDPOINT}/.default").token
    except AzureError as error:
        raise UserError(f"nobody is logged in to Azure: {first_line(error)[:200]}") from error
    claims = _claims(token)
    name = claims.get("upn") or claims.get("unique_name") or claims.get("preferred_username") or ""
    is_user = claims["idtyp"] == "user" if "idtyp" in claims else bool(name)
    return Principal(
        object_id=claims.get("oid", ""),
        client_id=claims.get("appid", ""),
        kind="User" if is_user else "ServicePrincipal",
        name=name,
        address=claims.get("ipaddr"),
    )


def _claims(token: str) -> dict[str, Any]:
    """What a token says of its bearer. It is not verified: whom it is for, Azure itself decides."""
    try:
        body = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError) as error:
        raise UserError("the token of Azure's login cannot be read: log in again (`az login`)") from error
