"""Where predictions are kept: a folder or Blob Storage, with the same layout and the same guarantee.

Parts are written first, under names that are their content's hash; the manifest is written last and names them. Whoever
reads a manifest, and nothing that it does not name, sees one whole run. Two runs of the same interval cannot mix:
a manifest is replaced only if it is still the one that the writer has seen.
"""

import fcntl
import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stream_queries.errors import UserError
from stream_queries.files import replace_file

MANIFEST = "manifest.json"
UNFINISHED = ".unfinished"


class ManifestConflictError(Exception):
    """Another run wrote the manifest in the meantime."""


@dataclass(frozen=True)
class StoredManifest:
    """A manifest as it was read; `tag` stands for exactly this state of it."""

    content: bytes
    tag: str


class ResultStore(Protocol):
    """The few operations that collecting and reading predictions need. `folder` is an interval's, `name` a part's.

    All raise UserError where the place cannot be read or written.
    """

    def read_manifest(self, folder: str) -> StoredManifest | None:
        """The folder's manifest, or None if no run of this interval has finished."""
        ...

    def write_manifest(self, folder: str, content: bytes, *, replaces: StoredManifest | None) -> None:
        """Write the manifest if the stored one still is `replaces` (None: none); else raise `ManifestConflictError`."""
        ...

    def has_part(self, folder: str, name: str, content: bytes) -> bool:
        """Whether a part is there, whole: one that was damaged since is not."""
        ...

    def write_part(self, folder: str, name: str, content: bytes) -> None:
        """Write a part, whole or not at all."""
        ...

    def read_part(self, folder: str, name: str) -> bytes:
        """Read a part that a manifest names."""
        ...


class FolderStore:
    """Predictions in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read_manifest(self, folder: str) -> StoredManifest | None:
        """See `ResultStore`."""
        try:
            content = (self.root / folder / MANIFEST).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(error) from error
        return StoredManifest(content, hashlib.sha256(content).hexdigest())

    def write_manifest(self, folder: str, content: bytes, *, replaces: StoredManifest | None) -> None:
        """See `ResultStore`; the comparison and the rename happen under the folder's lock."""
        with self._writable(folder) as place:
            if self.read_manifest(folder) != replaces:
                raise ManifestConflictError(f"{place / MANIFEST} was written by another run")
            replace_file(place / MANIFEST, content, durable=True, unfinished=UNFINISHED)

    def has_part(self, folder: str, name: str, content: bytes) -> bool:
        """See `ResultStore`."""
        try:
            return (self.root / folder / name).read_bytes() == content
        except OSError:
            return False

    def write_part(self, folder: str, name: str, content: bytes) -> None:
        """See `ResultStore`."""
        with self._writable(folder) as place:
            replace_file(place / name, content, durable=True, unfinished=UNFINISHED)

    def read_part(self, folder: str, name: str) -> bytes:
        """See `ResultStore`."""
        try:
            return (self.root / folder / name).read_bytes()
        except OSError as error:
            raise _unreadable(error) from error

    @contextmanager
    def _writable(self, folder: str) -> Generator[Path]:
        """Make a folder and hold its lock."""
        place = self.root / folder
        try:
            place.mkdir(parents=True, exist_ok=True)
            with _locked(place):
                yield place
        except OSError as error:
            raise UserError(f"cannot write predictions to {place}: {error.strerror}") from error


def _unreadable(error: OSError) -> UserError:
    return UserError(f"cannot read predictions from {error.filename}: {error.strerror}")


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    """Hold an exclusive lock on a folder; the system releases it when the process ends, however that happens."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
