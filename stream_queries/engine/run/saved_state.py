"""A running query on disk: a zip archive of its tables (Arrow) and what they belong to (JSON)."""

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from stream_queries.engine.planning.query import Query
from stream_queries.engine.run.timestamps import microseconds
from stream_queries.errors import UserError
from stream_queries.time_policy import TimePolicy

FORMAT = 1
HEADER = "state.json"


@dataclass(frozen=True)
class Owner:
    """Whose state it is: no other query text, policy or format may go on with it."""

    query: str
    late_arrival: int
    out_of_order: int
    format: int = FORMAT

    @classmethod
    def of(cls, query: Query, policy: TimePolicy) -> "Owner":
        """The owner for a query and policy; durations in microseconds."""
        return cls(query.digest, microseconds(policy.late_arrival), microseconds(policy.out_of_order))


@dataclass(frozen=True)
class Position:
    """How far the stream is, in microseconds since 1970."""

    watermark: int
    clock: int
    closed: bool


def write(file: Path, owner: Owner, position: Position, tables: Mapping[str, pa.Table]) -> None:
    """Write to a temporary file beside `file`, then rename: readers see the old state or the new one."""
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            with zipfile.ZipFile(stream, "w") as archive:
                archive.writestr(HEADER, json.dumps({"owner": asdict(owner), "position": asdict(position)}))
                for name, table in tables.items():
                    with (
                        archive.open(f"{name}.arrow", "w") as member,
                        pa.ipc.new_stream(member, table.schema) as writer,
                    ):
                        writer.write_table(table)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read(file: Path, owner: Owner) -> tuple[Position, dict[str, pa.Table]]:
    """The state in `file`; `UserError` if it cannot be read or belongs to another query or policy."""
    try:
        with zipfile.ZipFile(file) as archive:
            header = json.loads(archive.read(HEADER))
            if header["owner"] != asdict(owner):
                raise UserError(f"{file}: written by another query text or time policy: remove it to start afresh")
            tables = {
                name.removesuffix(".arrow"): pa.ipc.open_stream(archive.read(name)).read_all()
                for name in archive.namelist()
                if name != HEADER
            }
            return Position(**header["position"]), tables
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError, pa.ArrowInvalid) as error:
        raise UserError(f"{file}: cannot be read as a saved stream ({error}): remove it to start afresh") from None
