"""Predictions in a container of Azure Blob Storage."""

from azure.core import MatchConditions
from azure.core.credentials import TokenCredential
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import ContainerClient

from scoring.result_store import MANIFEST, ManifestConflictError, StoredManifest


class BlobStore:
    """See `scoring.result_store.ResultStore`; manifests are compared by their ETag, in the service."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    @classmethod
    def from_url(cls, url: str, credential: TokenCredential) -> "BlobStore":
        """The container at `https://ACCOUNT.blob.core.windows.net/NAME`."""
        return cls(ContainerClient.from_container_url(url, credential=credential))

    def read_manifest(self, folder: str) -> StoredManifest | None:
        """The folder's manifest with its ETag, or None."""
        try:
            download = self._container.download_blob(f"{folder}/{MANIFEST}")
            return StoredManifest(download.readall(), str(download.properties.etag))
        except ResourceNotFoundError:
            return None

    def write_manifest(self, folder: str, content: bytes, *, replaces: StoredManifest | None) -> None:
        """Write with If-None-Match (no manifest yet) or If-Match (still the one seen)."""
        blob = self._container.get_blob_client(f"{folder}/{MANIFEST}")
        try:
            if replaces is None:
                blob.upload_blob(content, overwrite=False)
            else:
                blob.upload_blob(
                    content, overwrite=True, etag=replaces.tag, match_condition=MatchConditions.IfNotModified
                )
        except (ResourceExistsError, ResourceModifiedError) as error:
            raise ManifestConflictError(f"{blob.blob_name} was written by another run") from error

    def has_part(self, folder: str, name: str) -> bool:
        """Whether a part is there."""
        return self._container.get_blob_client(f"{folder}/{name}").exists()

    def write_part(self, folder: str, name: str, content: bytes) -> None:
        """Write a part; one that is there already has the same content, because its name is its hash."""
        try:
            self._container.upload_blob(f"{folder}/{name}", content, overwrite=False)
        except ResourceExistsError:
            return

    def read_part(self, folder: str, name: str) -> bytes:
        """Read a part that a manifest names."""
        return self._container.download_blob(f"{folder}/{name}").readall()
