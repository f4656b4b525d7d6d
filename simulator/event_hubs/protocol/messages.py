"""AMQP messages as Event Hubs stores them: batches taken apart, events stamped with their place in a partition.

A message is a row of sections, each under a descriptor. Nothing here decodes a body: sections are found, checked to
fill the message exactly, and copied.
"""

import struct
from collections.abc import Iterator
from typing import Any

from simulator.event_hubs.protocol import codec
from simulator.event_hubs.protocol.codec import DecodeError

HEADER, DELIVERY_ANNOTATIONS, ANNOTATIONS = 0x70, 0x71, 0x72
PROPERTIES, APPLICATION_PROPERTIES = 0x73, 0x74
DATA, SEQUENCE, VALUE, FOOTER = 0x75, 0x76, 0x77, 0x78

BATCH_FORMAT = 0x80013700
"""The message format of a batch: each data section of the envelope holds one whole message."""

_PARTITION_KEY = "x-opt-partition-key"
_SYSTEM_NAMES = ("x-opt-sequence-number", "x-opt-offset", "x-opt-enqueued-time")
_SEQUENCE_KEY, _OFFSET_KEY, _TIME_KEY = (codec.symbol(name) for name in _SYSTEM_NAMES)
_ANNOTATIONS_START = b"\x00\x53\x72\xd1"
_SIZE_AND_COUNT = struct.Struct(">II")
_SIGNED_64 = struct.Struct(">q")


def sections(message: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Each section's descriptor, start, start of its value, and end."""
    position = 0
    while position < len(message):
        if message[position : position + 2] != b"\x00\x53" or not HEADER <= message[position + 2] <= FOOTER:
            raise DecodeError(f"no message section at byte {position}")
        end = codec.skip(message, position + 3)
        yield message[position + 2], position, position + 3, end
        position = end


def events_in(payload: bytes, message_format: int) -> list[bytes]:
    """The events of one delivery: a batch's messages, or the one message itself."""
    if message_format != BATCH_FORMAT:
        return [payload]
    events = []
    for section, _, value, _ in sections(payload):
        if section == DATA:  # other sections of the envelope (annotations, some SDKs' empty properties) hold no event
            data, _ = codec.decode(payload, value)
            if not isinstance(data, bytes):
                raise DecodeError("a batch's data section does not hold bytes")
            events.append(data)
    return events


def partition_key(payload: bytes) -> str | None:
    """The partition key on a delivery's envelope, or None."""
    for section, _, value, _ in sections(payload):
        if section == ANNOTATIONS:
            annotations, _ = codec.decode(payload, value)
            key = annotations.get(_PARTITION_KEY) if isinstance(annotations, dict) else None
            return key.decode() if isinstance(key, bytes) else key
    return None


def stamped(event: bytes, *, sequence: int, offset: int, enqueued_ms: int) -> bytes:
    """The event as readers receive it: its annotations extended by its place in the partition and its enqueued time."""
    header, count, pairs, rest_start = b"", 0, b"", 0
    last_section = 0
    for section, start, value, end in sections(event):
        if section < last_section:
            raise DecodeError("the sections of an event are out of order")
        last_section = section
        if section == HEADER:
            header = event[start:end]
        elif section == ANNOTATIONS:
            count, pairs = _foreign_annotations(event, value, end)
        if section <= ANNOTATIONS:  # delivery annotations are for one hop and end here
            rest_start = end
    if last_section < DATA:
        raise DecodeError("an event without a body")

    offset_text = str(offset).encode()
    added = b"".join(
        (
            _SEQUENCE_KEY + b"\x81" + _SIGNED_64.pack(sequence),
            _OFFSET_KEY + bytes((0xA1, len(offset_text))) + offset_text,
            _TIME_KEY + b"\x83" + _SIGNED_64.pack(enqueued_ms),
        )
    )
    size_and_count = _SIZE_AND_COUNT.pack(len(pairs) + len(added) + 4, count + 6)
    return b"".join((header, _ANNOTATIONS_START, size_and_count, pairs, added, event[rest_start:]))


def _foreign_annotations(event: bytes, value: int, end: int) -> tuple[int, bytes]:
    """Number of items and encoded pairs of a map of annotations, without those that only the server writes."""
    annotations, _ = codec.decode(event, value)
    if not isinstance(annotations, dict):
        raise DecodeError("message annotations are not a map")
    pairs = event[value + (3 if event[value] == 0xC1 else 9) : end]
    if annotations.keys().isdisjoint(_SYSTEM_NAMES):
        return 2 * len(annotations), pairs

    kept, position = [], 0  # a re-sent event still carries the annotations of its first life
    while position < len(pairs):
        key, key_end = codec.decode(pairs, position)
        pair_end = codec.skip(pairs, key_end)
        if key not in _SYSTEM_NAMES:
            kept.append(pairs[position:pair_end])
        position = pair_end
    return 2 * len(kept), b"".join(kept)


def with_delivery_annotations(message: bytes, annotations: list[tuple[bytes, bytes]]) -> bytes:
    """A stored message with delivery annotations (encoded pairs) in their place behind the header."""
    cut = codec.skip(message, 3) if message[2] == HEADER else 0
    return message[:cut] + codec.described(DELIVERY_ANNOTATIONS, codec.map_of(annotations)) + message[cut:]


def request_parts(message: bytes) -> tuple[bytes, dict[str, Any], Any]:
    """A management request's message id (still encoded), application properties, and value."""
    message_id, properties, content = codec.NULL, {}, None
    for section, _, value, _ in sections(message):
        if section == PROPERTIES:
            message_id = next(iter(codec.encoded_items(message, value)), codec.NULL)
        elif section == APPLICATION_PROPERTIES:
            properties, _ = codec.decode(message, value)
            if not isinstance(properties, dict):
                raise DecodeError("application properties are not a map")
        elif section == VALUE:
            content, _ = codec.decode(message, value)
    return message_id, properties, content


def reply(message_id: bytes, status: int, description: str, *, condition: str | None, body: bytes) -> bytes:
    """A management reply to the request with the encoded `message_id`."""
    outcome = [
        (codec.string("status-code"), codec.integer(status)),
        (codec.string("status-description"), codec.string(description)),
        (codec.string("statusDescription"), codec.string(description)),  # where the SDK looks for $management's
    ]
    if condition:
        outcome.append((codec.string("error-condition"), codec.symbol(condition)))
    correlated = codec.list_of(*(codec.NULL,) * 5, message_id)
    return (
        codec.described(PROPERTIES, correlated)
        + codec.described(APPLICATION_PROPERTIES, codec.map_of(outcome))
        + codec.described(VALUE, body)
    )
