"""One partition: an append-only log of events in memory, kept in a file if the server has a data folder."""

import re
import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable

from simulator.event_hubs.protocol.messages import stamped
from simulator.event_hubs.storage.records import Batch, RecordFile

_SELECTOR = re.compile(r"amqp\.annotation\.x-opt-(sequence-number|offset|enqueued-time)\s*(>=?)\s*'?([^']*?)'?\s*")


class SelectorError(ValueError):
    """A reader's filter that says nothing this server knows."""


def milliseconds_now() -> int:
    """The time in milliseconds since 1970 (UTC)."""
    return time.time_ns() // 1_000_000


class PartitionLog:
    """Events of one partition, each at its sequence number (0, 1, …), as the bytes that readers receive.

    An event's offset is the number of bytes stored before it, so offsets and sequence numbers follow from the file's
    content alone. Enqueued times never go backwards, whatever the clock does, here or across a restart.
    """

    def __init__(self, file: RecordFile | None = None, *, clock_ms: Callable[[], int] = milliseconds_now) -> None:
        self.events: list[bytes] = []
        self.last_offset = -1
        self.last_enqueued_ms = 0
        self._offsets, self._enqueued = array("q"), array("q")
        self._end = 0
        self._file, self._clock_ms = file, clock_ms
        if file:
            for batch in file.recover():
                self._remember(batch)

    @property
    def next_sequence(self) -> int:
        """The sequence number of the next event to arrive."""
        return len(self.events)

    def append(self, events: list[bytes]) -> None:
        """Store a batch, whole or (on any error) not at all; it is safe against a kill when this returns.

        Raises DecodeError for an event that is no AMQP message, OSError if the disk does not take the batch.
        """
        if not events:
            return
        enqueued_ms = max(self._clock_ms(), self.last_enqueued_ms)
        sequence, offset, wire = self.next_sequence, self._end, []
        for event in events:
            wire.append(stamped(event, sequence=sequence, offset=offset, enqueued_ms=enqueued_ms))
            sequence += 1
            offset += len(wire[-1])
        batch = Batch(enqueued_ms, wire)
        if self._file:
            self._file.append(batch)
        self._remember(batch)

    def _remember(self, batch: Batch) -> None:
        for event in batch.events:
            self.last_offset = self._end
            self._offsets.append(self._end)
            self._enqueued.append(batch.enqueued_ms)
            self._end += len(event)
        self.events += batch.events
        self.last_enqueued_ms = batch.enqueued_ms

    def position(self, selector: str | None) -> int:
        """The sequence number a reader starts at, given its filter: `amqp.annotation.x-opt-offset > '-1'`, say."""
        if selector is None:
            return 0
        match = _SELECTOR.fullmatch(selector)
        if match is None:
            raise SelectorError(f"the filter {selector!r} is not understood")
        annotation, operator, text = match.groups()
        if text == "@latest":
            return self.next_sequence
        try:
            value = int(text)
        except ValueError:
            raise SelectorError(f"the filter {selector!r} does not compare with a number") from None
        if annotation == "sequence-number":
            return min(max(value + (operator == ">"), 0), self.next_sequence)
        bisect = bisect_right if operator == ">" else bisect_left
        return bisect(self._offsets if annotation == "offset" else self._enqueued, value)

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file:
            self._file.close()
