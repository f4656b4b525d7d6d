"""Events and rows as JSON lines, for query cases and the command line.

A line of events is `{"arrived_at": "2026-01-01T00:00:01Z", "partition_id": 0, "body": {…}}`; `partition_id` may be left
out (0). A body written as a text stands for exactly that text, which need not be JSON.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from stream_queries.arrow_schemas import times
from stream_queries.engine import EVENT_SCHEMA
from stream_queries.errors import UserError

EVENT_FORM = '{"arrived_at": "2026-01-01T00:00:01Z", "partition_id": 0, "body": {…}}'
EVENT_KEYS = {"arrived_at", "partition_id", "body"}
RAW_EVENT_SCHEMA = EVENT_SCHEMA.set(0, pa.field("body", pa.binary()))


def read_events(file: Path) -> pa.Table:
    """Events (RAW_EVENT_SCHEMA) in arrival order; lines of equal arrival keep their order."""
    rows = [_event(line, f"{file}:{number}") for number, line in _lines(file)]
    rows.sort(key=lambda row: row["arrived_at"])
    for number, row in enumerate(rows):
        row["sequence_number"] = number
    return pa.Table.from_pylist(rows, schema=RAW_EVENT_SCHEMA)


def _lines(file: Path) -> list[tuple[int, str]]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read: {error}") from None
    return [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def _event(line: str, where: str) -> dict:
    try:
        event = json.loads(line)
        body = event["body"]
        arrived_at = datetime.fromisoformat(event["arrived_at"])
        if arrived_at.tzinfo is None or set(event) - EVENT_KEYS:
            raise ValueError("arrived_at has no offset, or there are other keys")
        return {
            "body": (body if isinstance(body, str) else json.dumps(body)).encode("utf-8", "surrogatepass"),
            "partition_id": int(event.get("partition_id", 0)),
            "arrived_at": arrived_at.astimezone(UTC),
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{where}: not an event ({error!r}): write {EVENT_FORM}") from None


def read_rows(file: Path) -> list[dict]:
    """Rows of an output, as `row_lines` writes them."""
    try:
        return [json.loads(line) for _, line in _lines(file)]
    except ValueError as error:
        raise UserError(f"{file}: not JSON lines: {error}") from None


def rows(table: pa.Table) -> list[dict]:
    """Rows for JSON: datetimes become ISO 8601 texts with microseconds."""
    columns: Mapping[str, Sequence] = {
        field.name: [value and f"{value.isoformat(timespec='microseconds')}Z" for value in times(column)]
        if pa.types.is_timestamp(field.type)
        else column.to_pylist()
        for field, column in zip(table.schema, table.columns, strict=True)
    }
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def row_lines(table: pa.Table) -> str:
    """JSON lines, one for each row; NaN and infinities as Python writes them."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows(table))
