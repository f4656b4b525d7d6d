"""The file of one partition: a header, then one record per batch, written before the batch is acknowledged.

A record is magic, CRC-32, body length, number of events, enqueued time; then the events, each behind its length. The
checksum covers all that follows it and is seeded with the record's position, so that bytes which merely look like a
record (an event may carry a copy of one) are not taken for one.

What the file promises: a process that is killed loses no acknowledged batch, and leaves each other one wholly there or
wholly absent. It does not call fsync: a power failure may take the last second.
"""

import contextlib
import logging
import mmap
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from stream_queries.errors import UserError

log = logging.getLogger(__name__)

_FILE_MAGIC = b"EHSLOG01"
_FILE_HEADER = struct.Struct(">8sIIq")  # magic, partition, partitions of the hub, created (ms)
_MAGIC = b"\xabEHR"
_SEAL = struct.Struct(">4sI")  # magic, CRC-32
_FIELDS = struct.Struct(">IIq")  # body length, number of events, enqueued time (ms)
_RECORD_HEADER_SIZE = _SEAL.size + _FIELDS.size
_LENGTH = struct.Struct(">I")


class Batch(NamedTuple):
    """The events of one delivery, as readers receive them, and when they arrived (milliseconds since 1970)."""

    enqueued_ms: int
    events: list[bytes]


class RecordFile:
    """One partition's file. Read `recover()` to its end once before the first `append()`."""

    def __init__(self, path: Path, *, partition: int, partitions: int, now_ms: int) -> None:
        """Open or create the file; a `UserError` if it belongs to a hub with another number of partitions."""
        self.path = path
        try:
            path.touch()
            self._file = path.open("r+b", buffering=0)
        except OSError as error:
            raise UserError(f"cannot open {path}: {error.strerror}") from error
        try:
            self.created_ms = self._check_header(partition, partitions, now_ms)
        except BaseException:
            self.close()
            raise
        self._end = _FILE_HEADER.size

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _check_header(self, partition: int, partitions: int, now_ms: int) -> int:
        self._file.seek(0)
        found = self._file.read(_FILE_HEADER.size) or b""
        if len(found) < _FILE_HEADER.size and _FILE_MAGIC.startswith(found[: len(_FILE_MAGIC)]):
            self._file.seek(0)  # new, or its creator was killed within the header
            self._file.write(_FILE_HEADER.pack(_FILE_MAGIC, partition, partitions, now_ms))
            return now_ms
        magic, held_partition, held_partitions, created_ms = _FILE_HEADER.unpack(found.ljust(_FILE_HEADER.size, b"\0"))
        if magic != _FILE_MAGIC:
            raise UserError(f"{self.path} is not an event log of this server: choose another data folder")
        if (held_partition, held_partitions) != (partition, partitions):
            raise UserError(
                f"{self.path} is partition {held_partition} of a hub with {held_partitions} partitions, not "
                f"{partition} of {partitions}: a partition count cannot change; ask for {held_partitions}, "
                "or choose another data folder"
            )
        return created_ms

    # ---- Writing
    def append(self, batch: Batch) -> None:
        """Write the batch as one record; OSError if the disk does not take it, and then nothing of it stays."""
        body = b"".join(part for event in batch.events for part in (_LENGTH.pack(len(event)), event))
        fields = _FIELDS.pack(len(body), len(batch.events), batch.enqueued_ms)
        record = memoryview(_SEAL.pack(_MAGIC, _checksum(fields, body, self._end)) + fields + body)
        self._file.seek(self._end)
        written = 0
        try:
            while written < len(record):
                written += self._file.write(record[written:])
        except OSError:
            with contextlib.suppress(OSError):  # what cannot be cut off now, the next record overwrites
                self._file.truncate(self._end)
            raise
        self._end += len(record)

    # ---- Reading
    def recover(self) -> Iterator[Batch]:
        """All whole batches, in order. A damaged last record is cut off, with one line in the log.

        A damaged record before others is not what a killed process leaves: it is refused, and the file stays as it is.
        """
        with mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            position = _FILE_HEADER.size
            while position < len(data) and (end := _record_end(data, position)):
                yield _batch(data, position)
                position = end
            excess = len(data) - position
            if excess and _is_followed(data, position):
                raise UserError(
                    f"{self.path}: the record at byte {position} is damaged, but others follow it; nothing was "
                    "changed. Restore the file from a copy, or start with another data folder"
                )
        if excess:
            log.warning("%s: cut off %d bytes of an unfinished record at byte %d", self.path, excess, position)
            self._file.truncate(position)
        self._end = position


def _checksum(fields: bytes, body: bytes | memoryview, position: int) -> int:
    return zlib.crc32(body, zlib.crc32(fields, position & 0xFFFFFFFF))


def _record_end(data: mmap.mmap, position: int) -> int:
    """Where the record at `position` ends; 0 if no whole, undamaged record stands there."""
    start = position + _RECORD_HEADER_SIZE
    if start > len(data) or data[position : position + len(_MAGIC)] != _MAGIC:
        return 0
    fields = data[position + _SEAL.size : start]
    end = start + _FIELDS.unpack(fields)[0]
    if end > len(data):
        return 0
    _, checksum = _SEAL.unpack_from(data, position)
    return end if _checksum(fields, data[start:end], position) == checksum else 0


def _is_followed(data: mmap.mmap, position: int) -> bool:
    """Whether another record follows the damaged one at `position`: a whole one, or the start of one at its end."""
    start = position + _RECORD_HEADER_SIZE
    if start <= len(data):
        stated_end = start + _FIELDS.unpack_from(data, position + _SEAL.size)[0]
        if stated_end < len(data) and data[stated_end : stated_end + len(_MAGIC)] == _MAGIC:
            return True
    candidate = data.find(_MAGIC, position + 1)
    while candidate >= 0:
        if _record_end(data, candidate):
            return True
        candidate = data.find(_MAGIC, candidate + 1)
    return False


def _batch(data: mmap.mmap, position: int) -> Batch:
    _, count, enqueued_ms = _FIELDS.unpack_from(data, position + _SEAL.size)
    start, events = position + _RECORD_HEADER_SIZE, []
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(data, start)
        start += _LENGTH.size
        events.append(data[start : start + length])
        start += length
    return Batch(enqueued_ms, events)
