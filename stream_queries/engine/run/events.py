"""Events as Arrow tables, and the first thing that happens to them: is the body a JSON object at all?"""

import json
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

ARRIVED_AT = pa.timestamp("us", "UTC")
EVENT_SCHEMA = pa.schema(
    [("body", pa.string()), ("partition_id", pa.int64()), ("sequence_number", pa.int64()), ("arrived_at", ARRIVED_AT)]
)
"""Decoded events, in arrival order within each partition. Before decoding, `body` is binary."""

LARGEST_INTEGER_TEXT = len(str(-(2**63)))


class UndecodableReason(StrEnum):
    """Why no input shows an event to a query. Stream Analytics calls all of them InputDeserializationError."""

    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    INTEGER_TOO_LARGE = "integer_too_large"  # outside 64 bits
    NESTED_TOO_DEEPLY = "nested_too_deeply"


@dataclass(frozen=True)
class Decoded:
    """`events` for a query (EVENT_SCHEMA), and the `undecodable` ones: their columns as they came, and a `reason`."""

    events: pa.Table
    undecodable: pa.Table


class _IntegerTooLargeError(ValueError):
    pass


def _integer(text: str) -> int:
    if len(text) <= LARGEST_INTEGER_TEXT and -(2**63) <= (number := int(text)) < 2**63:
        return number
    raise _IntegerTooLargeError


_decoder = json.JSONDecoder(parse_int=_integer)
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def canonical(body: bytes) -> str | UndecodableReason:
    """The body's JSON as one text that every later step can read, or what is wrong with it.

    Of two equal keys the last counts; a byte order mark is skipped; numbers beyond a float's range become Infinity;
    lone surrogates, which are no characters, become U+FFFD. NaN and Infinity are kept: a reading that holds one should
    be rejected for its value, not vanish.
    """
    try:
        value = _decoder.decode(body.decode("utf-8-sig"))
        if not isinstance(value, dict):
            return UndecodableReason.NOT_AN_OBJECT
        text = _encoder.encode(value)
    except UnicodeDecodeError:
        return UndecodableReason.NOT_UTF8
    except _IntegerTooLargeError:
        return UndecodableReason.INTEGER_TOO_LARGE
    except RecursionError:
        return UndecodableReason.NESTED_TOO_DEEPLY
    except ValueError:
        return UndecodableReason.NOT_JSON
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def decode(events: pa.Table) -> Decoded:
    """Split events with binary bodies into those a query sees and the others."""
    results = [canonical(body or b"") for body in events["body"].to_pylist()]
    failed = [isinstance(result, UndecodableReason) for result in results]
    bodies = pa.array([None if bad else str(result) for result, bad in zip(results, failed, strict=True)], pa.string())
    reasons = pa.array([str(result) if bad else None for result, bad in zip(results, failed, strict=True)], pa.string())
    decoded = events.set_column(events.schema.get_field_index("body"), "body", bodies)
    good = pa.array([not bad for bad in failed], pa.bool_())
    return Decoded(
        events=decoded.filter(good).select(EVENT_SCHEMA.names).cast(EVENT_SCHEMA),
        undecodable=events.append_column("reason", reasons).filter(pa.array(failed, pa.bool_())),
    )
