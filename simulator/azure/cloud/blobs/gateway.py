"""The HTTP interface of Blob Storage: who may come in is decided here, the rest is Azurite's."""

from http.client import HTTPConnection
from urllib.parse import parse_qsl, urlencode, urlsplit

from simulator.azure.cloud.blobs.storage import BlobStorage
from simulator.azure.cloud.entra.tokens import STORAGE_AUDIENCES, Tokens
from simulator.azure.cloud.http.messages import Answer, Request, ServiceError
from simulator.azure.cloud.management.access import Access
from simulator.azure.cloud.request_log import BLOB_SUFFIX
from simulator.azure.roles import BLOB_READERS, BLOB_WRITERS
from simulator.azure.subscription import StoredResource

SIGNATURE = frozenset({"sv", "ss", "sr", "srt", "sp", "spr", "st", "se", "sip", "sig", "skoid", "sktid", "skt", "ske"})
"""What a shared access signature adds to a query.
https://learn.microsoft.com/rest/api/storageservices/create-service-sas"""

HOP_BY_HOP = frozenset({"host", "connection", "authorization", "transfer-encoding", "keep-alive", "accept-encoding"})


class BlobGateway:
    """Answers for `ACCOUNT.blob.core.windows.net`. Lets tokens and shared access signatures in, never a key."""

    def __init__(self, storage: BlobStorage, tokens: Tokens, access: Access) -> None:
        self._storage, self._tokens, self._access = storage, tokens, access

    def knows(self, host: str) -> bool:
        """Whether the host is that of an account in the subscription; the names of others do not resolve."""
        return host.endswith(BLOB_SUFFIX) and self._storage.account(host.removesuffix(BLOB_SUFFIX)) is not None

    def answer(self, request: Request) -> Answer:
        """Answer a request as Blob Storage would.

        Assumed: an account that went while a request was on its way answers 404; later ones find no such host.
        """
        account = self._storage.account(request.host.removesuffix(BLOB_SUFFIX))
        if account is None:
            raise ServiceError(404, "ResourceNotFound", f"{request.host} is no account any more")
        refusal = self._refusal(request, account)
        if refusal is not None:
            return refusal
        slot = self._storage.slot(account)
        parts = urlsplit(request.target)
        query = [(name, value) for name, value in parse_qsl(parts.query, True) if name not in SIGNATURE]
        target = f"/{slot}{parts.path}?{'&'.join(filter(None, (urlencode(query), self._storage.pass_for(slot))))}"
        headers = {name: value for name, value in request.headers.items() if name not in HOP_BY_HOP}
        return self._forward(Request(request.method, request.host, target, headers, request.content))

    def _forward(self, request: Request) -> Answer:
        azurite = self._storage.azurite
        connection = HTTPConnection(azurite.host, azurite.port)
        try:
            connection.request(request.method, request.target, request.content, dict(request.headers))
            response = connection.getresponse()
            headers = {name: value for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP}
            return Answer(response.status, headers, response.read())
        finally:
            connection.close()

    def _refusal(self, request: Request, account: StoredResource) -> Answer | None:
        """Why a request is not let in, in the form of Blob Storage; None if it is.

        Source: https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes (the codes) and
        https://learn.microsoft.com/azure/storage/common/shared-key-authorization-prevent (keys)
        """
        container = request.path.strip("/").partition("/")[0]
        signature = request.query.get("sig")
        if signature is not None:
            if self._storage.is_signed(signature, account, container):
                return None
            return _refused(403, "AuthenticationFailed", "the signature was not given out for this container")
        if request.headers.get("authorization", "").startswith("SharedKey"):
            return _refused(403, "KeyBasedAuthenticationNotPermitted", "keys are not permitted on this account")
        object_id = self._tokens.bearer(request, STORAGE_AUDIENCES)
        roles = BLOB_READERS if request.method in ("GET", "HEAD") else BLOB_WRITERS
        scope = f"{account.id}/blobServices/default/containers/{container}" if container else account.id
        if self._access.may(object_id, roles, scope):
            return None
        return _refused(403, "AuthorizationPermissionMismatch", f"{object_id} has no role for this on {scope}")


def _refused(status: int, code: str, message: str) -> Answer:
    """An error as Blob Storage writes it.

    Source: https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
    """
    content = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Answer(status, {"Content-Type": "application/xml", "x-ms-error-code": code}, content.encode())
