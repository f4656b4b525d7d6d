"""The folder that keeps a server's events: one sub-folder per hub, one file per partition, one server at a time."""

import fcntl
from pathlib import Path

from stream_queries.errors import UserError


class DataFolder:
    """A data folder that this process holds until `close()` (or its end, however it ends)."""

    def __init__(self, path: Path) -> None:
        """Create the folder if need be and lock it; a `UserError` if that fails or another server holds it."""
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = (path / "server.lock").open("ab")
        except OSError as error:
            raise UserError(f"cannot write to the data folder {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise UserError(
                f"another Event Hubs server uses the data folder {path}: stop it, or choose another folder"
            ) from error

    def log_path(self, hub: str, partition: int) -> Path:
        """The file of one partition. Hub names compare without case, so the folder's name has none."""
        folder = self.path / hub.lower()
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write to the data folder {folder}: {error.strerror}") from error
        return folder / f"{partition}.log"

    def close(self) -> None:
        """Let other servers use the folder."""
        self._lock.close()
