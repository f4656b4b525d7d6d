"""Folders from Blob Storage and back, with the rights that a cluster's identity has.

Assumed: a step whose data are missing, or not its identity's to use, fails at once. Azure ML may try again for a while;
a run that fails here would fail there too, only later.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from azure.core.exceptions import AzureError
from azure.storage.blob import ContainerClient

from simulator.azure.cloud.blobs.storage import BlobStorage
from simulator.azure.cloud.machine_learning import MachineLearning, Workspace
from simulator.azure.cloud.management.access import Access
from simulator.azure.cloud.pipelines.definition import MODEL
from simulator.azure.cloud.pipelines.errors import StepError
from simulator.azure.cloud.request_log import BLOB_SUFFIX
from simulator.azure.roles import BLOB_READERS, BLOB_WRITERS
from simulator.azure.subscription import StoredResource

_DATASTORE_PATH = re.compile(r"azureml://(?:.*/)?datastores/([^/]+)/paths/(.*)")


@dataclass(frozen=True)
class Place:
    """A folder in a container."""

    account: StoredResource
    container: str
    folder: str


@dataclass(frozen=True)
class Data:
    """What a step of `workspace` can read and write as `object_id` (None: as nobody, where keys do instead)."""

    workspace: Workspace
    machine_learning: MachineLearning
    storage: BlobStorage
    access: Access
    object_id: str | None

    def download(self, uri: str, target: Path) -> None:
        """Copy everything below `uri` to the new folder `target`; StepError where there is nothing to read."""
        place = self.find(uri)
        self._check(place, BLOB_READERS, "read")
        target.mkdir(parents=True)
        start = f"{place.folder}/" if place.folder else ""
        with self._open(place) as container:
            names = list(container.list_blob_names(name_starts_with=start))
            for name in names:
                file = target / name.removeprefix(start)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(container.download_blob(name).readall())

    def upload(self, source: Path, uri: str) -> None:
        """Copy all files of the folder `source` to below `uri`. Folders without files do not exist there."""
        place = self.find(uri)
        self._check(place, BLOB_WRITERS, "write")
        with self._open(place) as container:
            for file in sorted(source.rglob("*")):
                if file.is_file():
                    name = "/".join((place.folder, file.relative_to(source).as_posix()))
                    container.upload_blob(name, file.read_bytes(), overwrite=True)

    def find(self, uri: str) -> Place:
        """Where a URI leads: a model's id, a path on a datastore, or the URL of a container."""
        if MODEL.fullmatch(uri):
            model = self.workspace.subscription.get(uri)
            if model is None:
                raise StepError(f"the model {uri} does not exist")
            return self.find(str(model.body["properties"]["modelUri"]))
        if found := _DATASTORE_PATH.fullmatch(uri):
            properties = self.machine_learning.datastores.body(self.workspace, found[1])["properties"]
            return Place(self._account(properties["accountName"]), properties["containerName"], found[2].strip("/"))
        parts = urlsplit(uri)
        if parts.scheme != "https" or parts.hostname is None or not parts.hostname.endswith(BLOB_SUFFIX):
            raise StepError(f"{uri} leads nowhere")
        container, _, folder = unquote(parts.path).strip("/").partition("/")
        return Place(self._account(parts.hostname.removesuffix(BLOB_SUFFIX)), container, folder)

    def _account(self, name: str) -> StoredResource:
        account = self.storage.account(name)
        if account is None:
            raise StepError(f"the storage account {name} does not exist")
        return account

    @contextmanager
    def _open(self, place: Place) -> Generator[ContainerClient]:
        """The container of a place; what storage refuses is a StepError."""
        try:
            with self.storage.container(place.account, place.container) as container:
                yield container
        except AzureError as error:
            raise StepError(f"{place.account.name}/{place.container}/{place.folder}: {error.message}") from error

    def _check(self, place: Place, roles: frozenset[str], what: str) -> None:
        """StepError unless the identity may; a workspace that works with keys lets everybody."""
        if not self.workspace.uses_identities:
            return
        scope = f"{place.account.id}/blobServices/default/containers/{place.container}"
        if self.object_id is None or not self.access.may(self.object_id, roles, scope):
            raise StepError(f"the cluster's identity ({self.object_id}) has no role to {what} {scope}")
