"""Which bodies a query sees, and that nothing it sees can stop it."""

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_queries import query_file
from stream_queries.engine import EVENT_SCHEMA, Query, UndecodableReason, decode, run_batch
from stream_queries.time_policy import TimePolicy

RAW = EVENT_SCHEMA.set(0, pa.field("body", pa.binary()))
SENSOR_WINDOWS = Query.parse(query_file().read_text(), name="sensor_windows")


def raw(*bodies: bytes) -> pa.Table:
    rows = [{"body": body, "partition_id": 0, "sequence_number": n, "arrived_at": n} for n, body in enumerate(bodies)]
    return pa.Table.from_pylist(rows, schema=RAW)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff{}", UndecodableReason.NOT_UTF8), (b'{"a":"\xed\xa0\x80"}', UndecodableReason.NOT_UTF8),
        ('{"a":1}'.encode("utf-16"), UndecodableReason.NOT_UTF8), (b"", UndecodableReason.NOT_JSON),
        (b"{'a':1}", UndecodableReason.NOT_JSON), (b'{"a":1,}', UndecodableReason.NOT_JSON),
        (b'{"a":01}', UndecodableReason.NOT_JSON), (b'{"a":"\t"}', UndecodableReason.NOT_JSON),
        (b'{"a":1}{}', UndecodableReason.NOT_JSON), (b'{"a":1}\x00', UndecodableReason.NOT_JSON),
        (b"[]", UndecodableReason.NOT_AN_OBJECT), (b"null", UndecodableReason.NOT_AN_OBJECT),
        (b'{"a":9223372036854775808}', UndecodableReason.INTEGER_TOO_LARGE),
        (b'{"a":[{"b":-9223372036854775809}]}', UndecodableReason.INTEGER_TOO_LARGE),
        (b'{"a":' + b"9" * 10000 + b"}", UndecodableReason.INTEGER_TOO_LARGE),
        (b'{"a":' * 100_000, UndecodableReason.NESTED_TOO_DEEPLY),
    ],
)  # fmt: skip
def test_undecodable_bodies_are_split_off_with_a_reason(body, reason):
    decoded = decode(raw(b"{}", body))
    assert decoded.events["body"].to_pylist() == ["{}"]
    assert decoded.undecodable["body"].to_pylist() == [body]
    assert decoded.undecodable["reason"].to_pylist() == [reason]
    assert decoded.undecodable["sequence_number"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'\xef\xbb\xbf {"a" : 1}\n', '{"a":1}'), (b'{"a":1,"a":2}', '{"a":2}'), (b'{"a":"\\ud800"}', '{"a":"\ufffd"}'),
        (b'{"\\udc00":"\\ud83d\\ude00"}', '{"\ufffd":"😀"}'), (b'{"a":1e400,"b":NaN}', '{"a":Infinity,"b":NaN}'),
        (b'{"a":9223372036854775807}', '{"a":9223372036854775807}'), (b'{"a":1.0}', '{"a":1.0}'),
        (b'{"a":"\\u0000"}', '{"a":"\\u0000"}'),
    ],
)  # fmt: skip
def test_odd_bodies_are_made_readable(body, text):
    assert decode(raw(body)).events["body"].to_pylist() == [text]


def test_no_events_are_no_events():
    decoded = decode(raw())
    assert decoded.events.num_rows == decoded.undecodable.num_rows == 0
    outputs = run_batch(SENSOR_WINDOWS, dict.fromkeys(SENSOR_WINDOWS.inputs, decoded.events), policy=TimePolicy())
    assert [table.num_rows for table in outputs.values()] == [0, 0, 0]


TEXTS = st.text(st.characters(exclude_categories=[]), max_size=8) | st.sampled_from(
    ["2026-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "0001-01-01", "infinity", "-1e999", "%s", '"', "\\", "'"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.integers(-(2**63), 2**63 - 1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
BODIES = st.dictionaries(st.sampled_from(["device", "sensor", "ts", "value", "", "$", '"']), VALUES, max_size=5).map(
    lambda body: json.dumps(body).encode()
)


@pytest.mark.slow
@given(st.lists(BODIES | st.binary(max_size=20), max_size=30))
@settings(max_examples=15)
def test_whatever_is_decoded_stops_nothing_and_is_archived(bodies):
    decoded = decode(raw(*bodies))
    assert decoded.events.num_rows + decoded.undecodable.num_rows == len(bodies)
    inputs = dict.fromkeys(SENSOR_WINDOWS.inputs, decoded.events)
    outputs = run_batch(SENSOR_WINDOWS, inputs, policy=TimePolicy())
    assert outputs["archive"].num_rows == decoded.events.num_rows
