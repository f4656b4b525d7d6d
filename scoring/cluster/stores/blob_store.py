"""Predictions in a container of Azure Blob Storage."""

from collections.abc import Generator
from contextlib import contextmanager

from azure.core import MatchConditions
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import ContainerClient, StorageErrorCode

from scoring.cluster.stores.result_store import MANIFEST, ManifestConflictError, StoredManifest
from stream_queries.errors import UserError


class BlobStore:
    """See `scoring.cluster.stores.result_store.ResultStore`; manifests are compared by their ETag, in the service."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    @classmethod
    def from_url(cls, url: str, credential: TokenCredential) -> "BlobStore":
        """The container at `https://ACCOUNT.blob.core.windows.net/NAME`; UserError for another URL."""
        try:
            return cls(ContainerClient.from_container_url(url, credential=credential))
        except ValueError as error:
            raise UserError(f"{url!r} is not https://ACCOUNT.blob.core.windows.net/CONTAINER: {error}") from error

    def read_manifest(self, folder: str) -> StoredManifest | None:
        """The folder's manifest with its ETag, or None."""
        with self._one_line_errors("read", f"{folder}/{MANIFEST}"):
            try:
                download = self._container.download_blob(f"{folder}/{MANIFEST}")
                return StoredManifest(download.readall(), str(download.properties.etag))
            except ResourceNotFoundError as error:
                if getattr(error, "error_code", None) != StorageErrorCode.BLOB_NOT_FOUND:
                    raise
                return None

    def write_manifest(self, folder: str, content: bytes, *, replaces: StoredManifest | None) -> None:
        """Write with If-None-Match (no manifest yet) or If-Match (still the one seen)."""
        blob = self._container.get_blob_client(f"{folder}/{MANIFEST}")
        with self._one_line_errors("write", f"{folder}/{MANIFEST}"):
            try:
                if replaces is None:
                    blob.upload_blob(content, overwrite=False)
                else:
                    unchanged = MatchConditions.IfNotModified
                    blob.upload_blob(content, overwrite=True, etag=replaces.tag, match_condition=unchanged)
            except (ResourceExistsError, ResourceModifiedError) as error:
                raise ManifestConflictError(f"{blob.blob_name} was written by another run") from error

    def has_part(self, folder: str, name: str, content: bytes) -> bool:
        """Whether a part is there, with as many bytes: the service keeps a blob's content itself from harm."""
        with self._one_line_errors("read", f"{folder}/{name}"):
            try:
                return self._container.get_blob_client(f"{folder}/{name}").get_blob_properties().size == len(content)
            except ResourceNotFoundError:
                return False

    def write_part(self, folder: str, name: str, content: bytes) -> None:
        """Write a part, whole or not at all; written twice it has the same content, because its name is its hash."""
        with self._one_line_errors("write", f"{folder}/{name}"):
            self._container.upload_blob(f"{folder}/{name}", content, overwrite=True)

    def read_part(self, folder: str, name: str) -> bytes:
        """Read a part that a manifest names."""
        with self._one_line_errors("read", f"{folder}/{name}"):
            return self._container.download_blob(f"{folder}/{name}").readall()

    @contextmanager
    def _one_line_errors(self, doing: str, blob: str) -> Generator[None]:
        """Turn what the service, the credential or the network refuses into a UserError of one line."""
        try:
            yield
        except AzureError as error:
            reason = next(iter(str(error.message).splitlines()), type(error).__name__)
            raise UserError(f"cannot {doing} {self._container.url}/{blob}: {reason}") from error
