"""The places where predictions can be kept, as tests see them: what is there, and when what happens to it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from azure.storage.blob import ContainerClient

from scoring.cluster.stores.blob_store import BlobStore
from scoring.cluster.stores.result_store import FolderStore, ResultStore, StoredManifest

Files = dict[str, tuple[bytes, object]]


@dataclass(frozen=True)
class Place:
    """A store, and all of its files: name to content and a stamp that changes whenever the file is written."""

    store: ResultStore
    files: Callable[[], Files]


def folder_place(root: Path) -> Place:
    """A folder of this machine; a file's stamp is when it was written, and its inode."""

    def files() -> Files:
        found = {str(file.relative_to(root)): (file.read_bytes(), file.stat()) for file in root.rglob("*.*")}
        return {name: (content, (stat.st_mtime_ns, stat.st_ino)) for name, (content, stat) in found.items()}

    return Place(FolderStore(root), files)


def blob_place(container: ContainerClient) -> Place:
    """A container; a blob's stamp is its ETag."""

    def files() -> Files:
        blobs = list(container.list_blobs())
        return {blob.name: (container.download_blob(blob.name).readall(), blob.etag) for blob in blobs}

    return Place(BlobStore(container), files)


@dataclass(frozen=True)
class Watched:
    """A store that calls `before`, with the operation's name and what it is about, before each operation."""

    store: ResultStore
    before: Callable[[str, str], None]

    def read_manifest(self, folder: str) -> StoredManifest | None:
        self.before("read_manifest", folder)
        return self.store.read_manifest(folder)

    def write_manifest(self, folder: str, content: bytes, *, replaces: StoredManifest | None) -> None:
        self.before("write_manifest", folder)
        self.store.write_manifest(folder, content, replaces=replaces)

    def has_part(self, folder: str, name: str, content: bytes) -> bool:
        self.before("has_part", name)
        return self.store.has_part(folder, name, content)

    def write_part(self, folder: str, name: str, content: bytes) -> None:
        self.before("write_part", name)
        self.store.write_part(folder, name, content)

    def read_part(self, folder: str, name: str) -> bytes:
        self.before("read_part", name)
        return self.store.read_part(folder, name)
