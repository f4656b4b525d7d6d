"""Where the stream job's three outputs go on one machine, and what it could not decode, in the layout of Azure.

    archive/YYYY/MM/DD/HH/step-000001.parquet     every event that could be decoded, by its hour of arrival
    rejects/YYYY/MM/DD/HH/step-000001.jsonl       events that no window counts, with the reason
    undecodable/step-000001.jsonl                 bodies that are no JSON object, as base64
    windows.db                                    table sensor_windows

Files are named by the step that wrote them. A step that was cut short is done again under the same number, after
`discard_after` has removed what it left.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stream_queries.arrow_schemas import ARCHIVE_SCHEMA, REJECT_SCHEMA, WINDOW_SCHEMA
from stream_queries.errors import UserError
from stream_queries.schema import ARCHIVE_OUTPUT, ARRIVED_AT, REJECTS_OUTPUT, WINDOWS_OUTPUT
from stream_queries.window_store import WindowStore

UNDECODABLE = "undecodable"
DATABASE = "windows.db"


def database_url(out: Path) -> str:
    """The window store of a run's folder."""
    return f"sqlite:///{out / DATABASE}"


class StreamOutputs:
    """The outputs below one folder; UserError if they cannot be written."""

    def __init__(self, out: Path) -> None:
        self._out = out
        try:
            for name in (ARCHIVE_OUTPUT, REJECTS_OUTPUT, UNDECODABLE):
                (out / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write to {out}: {error.strerror} ({error.filename})") from error
        self._store = WindowStore(database_url(out))
        self._store.create()

    def write(self, step: int, outputs: Sequence[Mapping[str, pa.Table]], undecodable: pa.Table) -> None:
        """Write what one step gave; writing a step a second time changes nothing."""
        archive = _gather(outputs, ARCHIVE_OUTPUT, ARCHIVE_SCHEMA)
        rejects = _gather(outputs, REJECTS_OUTPUT, REJECT_SCHEMA)
        try:
            for hour, rows in _by_hour(archive):
                pq.write_table(rows, self._file(ARCHIVE_OUTPUT, hour, step, "parquet"), compression="zstd")
            for hour, rows in _by_hour(rejects):
                _write_lines(self._file(REJECTS_OUTPUT, hour, step, "jsonl"), rows)
            if undecodable.num_rows:
                _write_lines(self._out / UNDECODABLE / f"{_name(step)}.jsonl", undecodable)
        except OSError as error:
            raise UserError(f"cannot write to {self._out}: {error.strerror} ({error.filename})") from error
        self._store.insert(_gather(outputs, WINDOWS_OUTPUT, WINDOW_SCHEMA))

    def discard_after(self, step: int) -> None:
        """Remove the files of steps after `step`, never committed. Windows stay: a step done again has the same."""
        for name in (ARCHIVE_OUTPUT, REJECTS_OUTPUT, UNDECODABLE):
            for file in (self._out / name).rglob("step-*"):
                number = file.stem.removeprefix("step-")
                if number.isdecimal() and int(number) > step:
                    file.unlink()

    def close(self) -> None:
        """Release the database."""
        self._store.close()

    def _file(self, output: str, hour: datetime, step: int, suffix: str) -> Path:
        file = self._out / output / f"{hour:%Y/%m/%d/%H}" / f"{_name(step)}.{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        return file


def _name(step: int) -> str:
    return f"step-{step:06d}"


def _gather(outputs: Sequence[Mapping[str, pa.Table]], name: str, schema: pa.Schema) -> pa.Table:
    """All rows of one output."""
    return pa.concat_tables(
        [schema.empty_table(), *(tables[name].cast(schema) for tables in outputs if name in tables)]
    )


def _by_hour(rows: pa.Table) -> Iterator[tuple[datetime, pa.Table]]:
    """Split rows by the hour in which their events arrived."""
    hours = rows[ARRIVED_AT].to_numpy().astype("datetime64[h]")
    for hour in np.unique(hours):
        yield hour.astype(datetime), rows.take(np.flatnonzero(hours == hour))


def _write_lines(file: Path, rows: pa.Table) -> None:
    with file.open("w", encoding="utf-8") as lines:
        for row in rows.to_pylist():
            lines.write(json.dumps({name: _plain(value) for name, value in row.items()}) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, datetime) else value
