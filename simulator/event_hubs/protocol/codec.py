"""AMQP 1.0 types as bytes: what the server writes for, and reads from, the Event Hubs SDK.

Encoders return the bytes of one value, constructor included, and compose: `list_of(uint(1), string("a"))`. Decoders
turn every fault into a `DecodeError`, so that one broken peer can be refused without harm to the others.

Source: OASIS AMQP 1.0, part 1 (types) and part 2 (transport).
"""

import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import Any, NamedTuple

NULL, TRUE, FALSE = b"\x40", b"\x41", b"\x42"


class DecodeError(ValueError):
    """Bytes that are not the AMQP value they claim to be."""


class Described(NamedTuple):
    """A described value: its descriptor (a number or a symbol) and what it describes."""

    descriptor: Any
    value: Any


class Performative(IntEnum):
    """Descriptors of the frame bodies that an AMQP connection exchanges."""

    OPEN = 0x10
    BEGIN = 0x11
    ATTACH = 0x12
    FLOW = 0x13
    TRANSFER = 0x14
    DISPOSITION = 0x15
    DETACH = 0x16
    END = 0x17
    CLOSE = 0x18


FIELD_COUNTS = {
    Performative.OPEN: 10,
    Performative.BEGIN: 8,
    Performative.ATTACH: 14,
    Performative.FLOW: 11,
    Performative.TRANSFER: 11,
    Performative.DISPOSITION: 6,
    Performative.DETACH: 3,
    Performative.END: 1,
    Performative.CLOSE: 1,
}

_UNSIGNED_32, _UNSIGNED_64, _SIGNED_32, _SIGNED_64 = (struct.Struct(f) for f in (">I", ">Q", ">i", ">q"))


# ---- Encoders
def boolean(value: object) -> bytes:
    """A Boolean."""
    return TRUE if value else FALSE


def ubyte(value: int) -> bytes:
    """An unsigned 8-bit number."""
    return bytes((0x50, value))


def ushort(value: int) -> bytes:
    """An unsigned 16-bit number."""
    return b"\x60" + value.to_bytes(2, "big")


def uint(value: int) -> bytes:
    """An unsigned 32-bit number; counters wrap around as the transport's serial numbers do."""
    return b"\x70" + _UNSIGNED_32.pack(value & 0xFFFFFFFF)


def ulong(value: int) -> bytes:
    """An unsigned 64-bit number."""
    return b"\x80" + _UNSIGNED_64.pack(value)


def integer(value: int) -> bytes:
    """A signed 32-bit number."""
    return b"\x71" + _SIGNED_32.pack(value)


def long(value: int) -> bytes:
    """A signed 64-bit number."""
    return b"\x81" + _SIGNED_64.pack(value)


def timestamp(milliseconds: int) -> bytes:
    """A point in time, in milliseconds since 1970 (UTC)."""
    return b"\x83" + _SIGNED_64.pack(milliseconds)


def binary(value: bytes) -> bytes:
    """Bytes."""
    return _variable(0xA0, value)


def string(value: str) -> bytes:
    """A text, in UTF-8."""
    return _variable(0xA1, value.encode())


def symbol(value: str) -> bytes:
    """A name from a constrained domain, in ASCII."""
    return _variable(0xA3, value.encode("ascii"))


def _variable(small_constructor: int, value: bytes) -> bytes:
    if len(value) < 256:
        return bytes((small_constructor, len(value))) + value
    return bytes((small_constructor + 0x10,)) + _UNSIGNED_32.pack(len(value)) + value


def list_of(*fields: bytes) -> bytes:
    """A list of encoded values. Always the long form: the SDK does not read the short empty list of a performative."""
    return b"\xd0" + _counted(b"".join(fields), len(fields))


def map_of(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A map of encoded keys to encoded values."""
    items = [item for pair in pairs for item in pair]
    return b"\xd1" + _counted(b"".join(items), len(items))


def array_of(values: Iterable[bytes]) -> bytes:
    """An array of encoded values, which share one constructor (all short strings, say); at least one."""
    items = list(values)
    constructor = items[0][:1]
    body = constructor + b"".join(item[1:] for item in items)
    return b"\xf0" + _counted(body, len(items))


def _counted(body: bytes, count: int) -> bytes:
    return _UNSIGNED_32.pack(len(body) + 4) + _UNSIGNED_32.pack(count) + body


def described(code: int, value: bytes) -> bytes:
    """An encoded value under the descriptor `code` (below 256)."""
    return bytes((0x00, 0x53, code)) + value


def error(condition: str, text: str) -> bytes:
    """An AMQP error: its condition, and a sentence for the person who reads it."""
    return described(0x1D, list_of(symbol(condition), string(text), NULL))


def performative(kind: Performative, *fields: bytes) -> bytes:
    """A frame body with *every* field of its definition, trailing nulls included.

    AMQP lets a sender leave trailing nulls out. azure-eventhub 5.15.1 (`_pyamqp`) reads the fields by fixed index and
    fails with an IndexError where one is missing, so nothing is left out here.
    """
    missing = FIELD_COUNTS[kind] - len(fields)
    return described(kind, list_of(*fields, *(NULL,) * missing))


# ---- Decoders
_LAYOUTS = (
    {0x50: ">B", 0x51: ">b", 0x52: ">B", 0x53: ">B", 0x54: ">b", 0x55: ">b", 0x56: ">?", 0x60: ">H", 0x61: ">h"}
    | {0x70: ">I", 0x71: ">i", 0x72: ">f", 0x73: ">I", 0x80: ">Q", 0x81: ">q", 0x82: ">d", 0x83: ">q"}
    | {0x74: ">4s", 0x84: ">8s", 0x94: ">16s", 0x98: ">16s"}  # decimals and UUIDs stay bytes
)
_FIXED = {constructor: struct.Struct(layout) for constructor, layout in _LAYOUTS.items()}
_CONSTANT = {0x40: None, 0x41: True, 0x42: False, 0x43: 0, 0x44: 0}
_WIDTHS = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}  # by the constructor's upper half
_SHORT, _LONG = (0xA, 0xC, 0xE), (0xB, 0xD, 0xF)
_MAX_ELEMENTS_WITHOUT_WIDTH = 65536


def skip(data: bytes, position: int) -> int:
    """The position after the value whose constructor stands at `position`; cheaper than decoding it."""
    try:
        constructor = data[position]
        if constructor == 0x00:
            return skip(data, skip(data, position + 1))
        kind = constructor >> 4
        if kind in _SHORT:
            end = position + 2 + data[position + 1]
        elif kind in _LONG:
            end = position + 5 + _UNSIGNED_32.unpack_from(data, position + 1)[0]
        else:
            end = position + 1 + _WIDTHS[kind]
    except (IndexError, KeyError, struct.error, RecursionError) as fault:
        raise DecodeError(f"no AMQP value at byte {position}") from fault
    if end > len(data):
        raise DecodeError(f"the AMQP value at byte {position} ends at {end}, beyond the data's {len(data)} bytes")
    return end


def encoded_items(data: bytes, position: int) -> list[bytes]:
    """The items of the list at `position`, each as the bytes it is encoded in."""
    end = skip(data, position)
    start = position + (3 if data[position] == 0xC0 else 9)
    items = []
    while start < end:
        item_end = skip(data, start)
        items.append(data[start:item_end])
        start = item_end
    return items


def decode(data: bytes, position: int = 0) -> tuple[Any, int]:
    """The value whose constructor stands at `position`, and the position after it.

    Numbers, Booleans and null become Python's own, strings and symbols `str`, binary, UUIDs and decimals `bytes`,
    lists and arrays `list`, maps `dict`, described values `Described`.
    """
    try:
        return _decode(data, position + 1, data[position])
    except (IndexError, KeyError, TypeError, struct.error, UnicodeDecodeError, RecursionError) as fault:
        raise DecodeError(f"no AMQP value at byte {position}: {fault}") from fault


def _decode(data: bytes, position: int, constructor: int) -> tuple[Any, int]:
    if (layout := _FIXED.get(constructor)) is not None:
        return layout.unpack_from(data, position)[0], position + layout.size
    if constructor in _CONSTANT:
        return _CONSTANT[constructor], position
    if constructor == 0x45:
        return [], position
    if constructor == 0x00:
        descriptor, position = _decode(data, position + 1, data[position])
        value, position = _decode(data, position + 1, data[position])
        return Described(descriptor, value), position

    kind, flavour = constructor >> 4, constructor & 0xF
    size, position = _number(data, position, short=kind in _SHORT)
    end = position + size
    if end > len(data):
        raise DecodeError(f"a value ends at {end}, beyond the data's {len(data)} bytes")
    match kind, flavour:
        case ((0xA | 0xB), 0x0):
            return bytes(data[position:end]), end
        case ((0xA | 0xB), (0x1 | 0x3)):
            return data[position:end].decode("utf-8"), end
        case ((0xC | 0xD), (0x0 | 0x1)):
            return _decode_compound(data, position, end, short=kind == 0xC, is_map=flavour == 0x1), end
        case ((0xE | 0xF), 0x0):
            return _decode_array(data, position, end, short=kind == 0xE), end
    raise DecodeError(f"unknown constructor {constructor:#04x}")


def _number(data: bytes, position: int, *, short: bool) -> tuple[int, int]:
    if short:
        return data[position], position + 1
    return _UNSIGNED_32.unpack_from(data, position)[0], position + 4


def _decode_compound(data: bytes, position: int, end: int, *, short: bool, is_map: bool) -> list[Any] | dict[Any, Any]:
    count, position = _number(data, position, short=short)
    values = []
    for _ in range(count):
        value, position = _decode(data, position + 1, data[position])
        values.append(value)
    if position != end:
        raise DecodeError(f"a list or map should end at byte {end}, its values end at {position}")
    if not is_map:
        return values
    if count % 2:
        raise DecodeError("a map has a key without a value")
    return dict(zip(values[::2], values[1::2], strict=True))


def _decode_array(data: bytes, position: int, end: int, *, short: bool) -> list[Any]:
    count, position = _number(data, position, short=short)
    if count == 0:
        return []
    constructor, position = data[position], position + 1
    if constructor >> 4 == 0x4 and count > _MAX_ELEMENTS_WITHOUT_WIDTH:  # a few bytes must not claim a billion nulls
        raise DecodeError(f"an array of {count} elements without content")
    values = []
    for _ in range(count):
        value, position = _decode(data, position, constructor)
        values.append(value)
    if position != end:
        raise DecodeError(f"an array should end at byte {end}, its values end at {position}")
    return values
