"""The folder of one local run: what lies where in it, whose run it is, and that only one runs at a time."""

import fcntl
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from simulator.stream.outputs import DATABASE, UNDECODABLE
from stream_queries.errors import UserError
from stream_queries.files import replace_file
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
_STREAM_OUTPUTS = (ARCHIVE_OUTPUT, REJECTS_OUTPUT, UNDECODABLE, DATABASE)
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
            folder = cls(root, _lock(state / _LOCK, root))
            try:
                folder._settle(source, program, fresh=fresh)
            except BaseException:
                folder.close()
                raise
        except OSError as error:
            raise UserError(f"cannot write to {root}: {error.strerror} ({error.filename})") from error
        return folder

    def _settle(self, source: dict[str, Any], program: dict[str, Any], *, fresh: bool) -> None:
        """Decide what of an earlier run stays, and note whose run this is now."""
        file = self.root / _STATE / _IDENTITY
        if fresh:
            self._remove(*_DERIVED, f"{_STATE}/hub", f"{_STATE}/{_IDENTITY}")
        earlier = _identity(file) if file.is_file() else None
        if earlier is not None and earlier["source"] != source:
            raise UserError(
                f"{self.root} holds a run of other readings: choose another --out, or --fresh to replace it"
            )
        outputs = (self.root / name for name in _STREAM_OUTPUTS)
        if earlier is not None and earlier["program"] != program:
            print(f"{self.root} was made by another query or other settings: its results are made anew")
            self._remove(*_DERIVED)
        elif (self.root / _STATE / "stream").is_dir() and not all(output.exists() for output in outputs):
            print(f"{self.root} has lost outputs of the stream: its results are made anew")
            self._remove(*_DERIVED)
        self._remove(f"{_STATE}/work")
        self.work.mkdir()
        replace_file(file, json.dumps({"source": source, "program": program}, indent=1) + "\n")

    @property
    def hub(self) -> Path:
        """Where the hub keeps its events."""
        return self.root / _STATE / "hub"

    @property
    def work(self) -> Path:
        """For files that live as long as a stage; emptied before the next run."""
        return self.root / _STATE / "work"

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


def _identity(file: Path) -> dict[str, Any]:
    """Whose run the folder holds."""
    try:
        identity = json.loads(file.read_text())
        return {"source": identity["source"], "program": identity["program"]}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} is damaged ({type(error).__name__}: {error}): start anew with --fresh") from error


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
