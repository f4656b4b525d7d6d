"""AMQP values survive the way into bytes and back, agree with the SDK's own codec, and garbage is only ever refused."""

import contextlib
import struct
from typing import Any

import pytest
from azure.eventhub._pyamqp._decode import decode_frame, decode_payload
from azure.eventhub._pyamqp._encode import encode_value
from hypothesis import given
from hypothesis import strategies as st

from simulator.event_hubs.protocol import codec
from simulator.event_hubs.protocol.codec import FIELD_COUNTS, DecodeError, Described, Performative

texts = st.text(st.characters(codec="utf-8"), max_size=300)
names = st.text(st.characters(codec="ascii"), max_size=300)

scalars: st.SearchStrategy[tuple[bytes, Any]] = st.one_of(
    st.just((codec.NULL, None)),
    st.booleans().map(lambda value: (codec.boolean(value), value)),
    st.integers(0, 255).map(lambda value: (codec.ubyte(value), value)),
    st.integers(0, 2**16 - 1).map(lambda value: (codec.ushort(value), value)),
    st.integers(0, 2**32 - 1).map(lambda value: (codec.uint(value), value)),
    st.integers(0, 2**64 - 1).map(lambda value: (codec.ulong(value), value)),
    st.integers(-(2**31), 2**31 - 1).map(lambda value: (codec.integer(value), value)),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: (codec.long(value), value)),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: (codec.timestamp(value), value)),
    st.binary(max_size=300).map(lambda value: (codec.binary(value), value)),
    texts.map(lambda value: (codec.string(value), value)),
    names.map(lambda value: (codec.symbol(value), value)),
)


def _list(items: list[tuple[bytes, Any]]) -> tuple[bytes, Any]:
    return codec.list_of(*(encoded for encoded, _ in items)), [value for _, value in items]


def _map(items: dict[str, tuple[bytes, Any]]) -> tuple[bytes, Any]:
    encoded = codec.map_of((codec.string(key), value) for key, (value, _) in items.items())
    return encoded, {key: value for key, (_, value) in items.items()}


def _array(items: list[int]) -> tuple[bytes, Any]:
    return codec.array_of(map(codec.long, items)), items


def _described(item: tuple[bytes, Any]) -> tuple[bytes, Any]:
    return codec.described(0x77, item[0]), Described(0x77, item[1])


values = st.recursive(
    scalars,
    lambda children: st.one_of(
        st.lists(children, max_size=5).map(_list),
        st.dictionaries(texts, children, max_size=5).map(_map),
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5).map(_array),
        children.map(_described),
    ),
    max_leaves=20,
)


@given(values, st.binary(max_size=8), st.binary(max_size=8))
def test_a_value_survives_encoding_wherever_it_stands(value: tuple[bytes, Any], before: bytes, after: bytes) -> None:
    encoded, expected = value
    data = before + encoded + after
    assert codec.decode(data, len(before)) == (expected, len(before) + len(encoded))
    assert codec.skip(data, len(before)) == len(before) + len(encoded)


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-(2**31), 2**31 - 1), st.floats(allow_nan=False), texts),
        lambda children: st.one_of(st.lists(children, max_size=4), st.dictionaries(texts, children, max_size=4)),
        max_leaves=10,
    )
)
def test_what_the_sdk_encodes_is_decoded(value: Any) -> None:
    encoded = bytearray()
    encode_value(encoded, value)
    assert codec.decode(bytes(encoded)) == (value, len(encoded))


@given(values)
def test_what_is_encoded_the_sdk_decodes(value: tuple[bytes, Any]) -> None:
    message = decode_payload(memoryview(codec.described(0x77, value[0])))
    assert _plain(message.value) == _plain(value[1])


def _plain(value: Any) -> Any:
    """The SDK leaves text as bytes, drops the descriptors it does not know, and reads a null symbol as None."""
    match value:
        case Described():
            return _plain(value.value)
        case str():
            return value.encode()
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {_plain(key): _plain(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize("kind", Performative)
def test_every_field_of_a_performative_is_there_for_the_sdk(kind: Performative) -> None:
    code, fields = decode_frame(memoryview(codec.performative(kind)))
    payload = 1 if kind is Performative.TRANSFER else 0  # the SDK appends the payload as a last field
    assert code == kind and len(fields) - payload == FIELD_COUNTS[kind]


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_nothing_worse(data: bytes) -> None:
    for read in (codec.decode, codec.skip, codec.encoded_items):
        with contextlib.suppress(DecodeError):
            read(data, 0)


@given(values, st.data())
def test_a_damaged_value_is_refused_or_another_value(value: tuple[bytes, Any], data: st.DataObject) -> None:
    encoded = bytearray(value[0])
    encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    try:
        _, end = codec.decode(bytes(encoded))
    except DecodeError:
        return
    assert end <= len(encoded)


@given(values)
def test_a_value_cut_short_is_refused(value: tuple[bytes, Any]) -> None:
    for end in range(len(value[0])):
        with pytest.raises(DecodeError):
            codec.decode(value[0][:end])
        with pytest.raises(DecodeError):
            codec.skip(value[0][:end], 0)


def test_a_few_bytes_cannot_claim_a_billion_elements_or_endless_depth() -> None:
    a_billion_nulls = b"\xf0" + struct.pack(">II", 5, 1_000_000_000) + b"\x40"
    with pytest.raises(DecodeError):
        codec.decode(a_billion_nulls)
    for read in (codec.decode, codec.skip):
        with pytest.raises(DecodeError):
            read(b"\x00" * 100_000, 0)
