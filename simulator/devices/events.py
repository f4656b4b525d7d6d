"""What a device sends: events in the order in which they arrive, and the JSON body of a reading."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

CHUNK_LENGTH = timedelta(minutes=10)
"""Events are handed on in chunks of this much arrival time, so that a long stream never sits in memory as a whole."""


ARRIVED_AT_PROPERTY, POSITION_PROPERTY = "arrived_at", "position"
"""Application properties of a replayed event; `simulator.hub_clients.replay_sender` says what they are for."""


class EventKind(StrEnum):
    """Why an event is in the stream."""

    READING = "reading"
    DUPLICATE = "duplicate"  # the exact copy of a reading, sent again soon after it
    LATE = "late"  # a reading that arrives later than the time policy tolerates
    OUT_OF_ORDER = "out_of_order"  # a reading that newer ones overtook, within the policy's tolerance
    MALFORMED = "malformed"  # a JSON object that is no reading
    UNDECODABLE = "undecodable"  # no JSON object in UTF-8 at all


class Event(NamedTuple):
    """One event: when it reaches the hub (UTC), the device that sends it (the partition key), its body and its kind.

    A named tuple because a stream holds millions of them and a frozen dataclass takes three times as long to make.
    """

    arrived_at: datetime
    device: str
    body: bytes
    kind: EventKind


Chunk = list[Event]


def timestamp(moment: datetime) -> str:
    """`moment`, which must be in UTC, as readings spell it: ISO 8601 with milliseconds and Z."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def in_chunks(events: Iterable[Event]) -> Iterator[Chunk]:
    """Group events, which must be in arrival order, into chunks of `CHUNK_LENGTH` counted from the first."""
    chunk: Chunk = []
    ends_at: datetime | None = None
    for event in events:
        if ends_at is None:
            ends_at = event.arrived_at + CHUNK_LENGTH
        if event.arrived_at >= ends_at:
            yield chunk
            chunk = []
            ends_at += ((event.arrived_at - ends_at) // CHUNK_LENGTH + 1) * CHUNK_LENGTH
        chunk.append(event)
    if chunk:
        yield chunk
