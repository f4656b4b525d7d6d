"""The folder of one local run: what lies where in it, whose run it is, and that only one runs at a time."""

import fcntl
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from simulator.stream_outputs import DATABASE, UNDECODABLE
from stream_queries.command_line import UserError
from stream_queries.schema import ARCHIVE_OUTPUT, REJECTS_OUTPUT

_STATE, _IDENTITY, _LOCK = "state", "run.json", "lock"
_DERIVED = (
    ARCHIVE_OUTPUT,
    REJECTS_OUTPUT,
    UNDECODABLE,
    DATABASE,
    f"{DATABASE}-wal",
    f"{DATABASE}-shm",
    "fleet",
    "predictions",
    "summary.json",
    f"{_STATE}/stream",
)
_PATIENCE_SECONDS = 15.0


@dataclass(frozen=True)
class RunFolder:
    """One run's folder, locked for this process and the ones it starts.

    `lock` is a file descriptor. Child processes inherit it, so the folder stays locked until the last of them is gone,
    also when this process is killed: no second run meets what a first one left working.
    """

    root: Path
    lock: int

    @classmethod
    def open(cls, root: Path, *, source: dict[str, Any], program: dict[str, Any], fresh: bool) -> Self:
        """Open or make the folder of a run.

        `source` is what is sent, `program` what is made of it (query, policies, intervals). If the folder holds a run
        of the same source by another program, all but what was sent is removed and made anew. Raises UserError if it
        holds anything else, is in use, or cannot be written; `fresh` removes an older run of any kind.
        """
        state = root / _STATE
        known = (state / _IDENTITY).is_file()
        if root.is_dir() and any(root.iterdir()) and not known and not (state / _LOCK).is_file():
            raise UserError(f"{root} holds something that is not a run: choose another folder with --out")
        try:
            state.mkdir(parents=True, exist_ok=True)
            lock = _lock(state / _LOCK, root)
            folder = cls(root, lock)
            identity = {"source": source, "program": program}
            earlier = json.loads((state / _IDENTITY).read_text()) if known else None
            if earlier is not None and fresh:
                folder._remove(*_DERIVED, f"{_STATE}/hub", f"{_STATE}/{_IDENTITY}")
            elif earlier is not None and earlier["source"] != source:
                raise UserError(f"{root} holds a run of other readings: choose another --out, or --fresh to replace it")
            elif earlier is not None and earlier["program"] != program:
                print(f"{root} was made by another query or other settings: its results are made anew")
                folder._remove(*_DERIVED)
            temporary = state / f"{_IDENTITY}.new"
            temporary.write_text(json.dumps(identity, indent=1) + "\n")
            temporary.replace(state / _IDENTITY)
        except OSError as error:
            raise UserError(f"cannot write to {root}: {error.strerror} ({error.filename})") from error
        return folder

    @property
    def hub(self) -> Path:
        """Where the hub keeps its events."""
        return self.root / _STATE / "hub"

    @property
    def fleet(self) -> Path:
        """The models."""
        return self.root / "fleet"

    @property
    def predictions(self) -> Path:
        """The predictions."""
        return self.root / "predictions"

    @property
    def summary(self) -> Path:
        """The summary of the last complete run."""
        return self.root / "summary.json"

    def close(self) -> None:
        """Release the lock."""
        os.close(self.lock)

    def _remove(self, *names: str) -> None:
        for name in names:
            path = self.root / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _lock(file: Path, root: Path) -> int:
    """Lock `file`, waiting a little for the processes of a run that was just killed."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise UserError(f"another run is using {root}: wait for it, or choose another --out") from None
            time.sleep(0.1)
        else:
            return descriptor
