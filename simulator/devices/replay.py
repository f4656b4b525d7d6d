"""Recorded readings as events: any CSV file with the columns TS, Device, Sensor and Value, and the reference readings.

A replayed reading arrives at its own time (`arrived_at` equals `ts`): the recording does not say when it arrived. To a
live stream job every one of them would be late, so a plain send shifts them to the present.
"""

import csv
import json
import math
from collections.abc import Iterable
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path

from simulator.devices.events import Chunk, Event, EventKind, in_chunks, timestamp
from stream_queries.errors import UserError
from stream_queries.schema import DEVICE, SENSOR, TS, VALUE

REFERENCE_READINGS = Path(__file__).parent / "data" / "reference_readings.csv"

_COLUMNS = (TS, DEVICE, SENSOR, VALUE)


def reference_events() -> list[Chunk]:
    """The reference readings: 17,768 events of 15 series."""
    return csv_events(REFERENCE_READINGS)


def csv_events(path: Path) -> list[Chunk]:
    """The readings of the file at `path`, in the order of their times, in chunks of 10 minutes.

    The header's names compare without case, further columns are ignored, and times without a zone are UTC. The whole
    file is read before the first event is handed on, so a mistake in its last line costs no half-sent replay.
    Raises `UserError` naming file, line and column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            events = _read(path, file)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no text in UTF-8 (byte {error.start}): save it as UTF-8") from error
    except csv.Error as error:
        raise UserError(f"{path} is no CSV file: {error}") from error
    if not events:
        raise UserError(f"{path} holds no readings: it needs a header and at least one line")
    events.sort(key=attrgetter("arrived_at"))
    return list(in_chunks(events))


def _read(path: Path, lines: Iterable[str]) -> list[Event]:
    table = csv.reader(lines, strict=True)
    header = [name.strip().lower() for name in next(filter(None, table), [])]
    missing = [column for column in _COLUMNS if column not in header]
    if header and missing:
        raise UserError(f"{path} line {table.line_num}: no column {', '.join(missing)} (found {', '.join(header)})")
    places = [header.index(column) for column in _COLUMNS] if header else []
    events = []
    for row in table:
        if not row:  # a blank line
            continue
        if len(row) <= max(places):
            raise UserError(f"{path} line {table.line_num}: {len(row)} cells, the header has {len(header)}")
        ts, device, sensor, value = (row[place].strip() for place in places)
        where = f"{path} line {table.line_num}"
        events.append(
            _event(_time(ts, where), _name(device, DEVICE, where), _name(sensor, SENSOR, where), value, where)
        )
    return events


def _event(ts: datetime, device: str, sensor: str, value: str, where: str) -> Event:
    body = {DEVICE: device, SENSOR: sensor, TS: timestamp(ts), VALUE: _number(value, where)}
    return Event(ts, device, json.dumps(body, separators=(",", ":")).encode(), EventKind.READING)


def _time(text: str, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UserError(f"{where} column {TS}: {text!r} is no time such as 2026-01-31 23:59:00.000") from None


def _number(text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"{where} column {VALUE}: {text!r} is no finite number")
    return number


def _name(text: str, column: str, where: str) -> str:
    if not text:
        raise UserError(f"{where} column {column}: the cell is empty")
    return text
