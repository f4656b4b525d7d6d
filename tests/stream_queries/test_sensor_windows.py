"""The query that is deployed: its cases, its columns, its accounting, and every reference reading recomputed."""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_queries import query_file, schema
from stream_queries.commands.cases import CASES, Case, find_cases
from stream_queries.engine import EVENT_SCHEMA, Query, decode, run_batch
from stream_queries.schema import RejectReason
from stream_queries.time_policy import TimePolicy

pytestmark = pytest.mark.slow

START = datetime(2026, 1, 1, tzinfo=UTC)
QUERY = Query.parse(query_file().read_text(), name="sensor_windows")
READINGS = Path(__file__).parents[2] / "simulator" / "devices" / "data" / "reference_readings.csv"
RAW = EVENT_SCHEMA.set(0, pa.field("body", pa.binary()))


@pytest.mark.parametrize("case", find_cases(CASES), ids=lambda case: case.folder.name)
def test_case(case: Case):
    assert case.failures() == []


def test_outputs_are_the_relations_of_the_schema():
    empty = run_batch(QUERY, {}, policy=TimePolicy())
    assert {name: table.column_names for name, table in empty.items()} == {
        schema.WINDOWS_OUTPUT: schema.names(schema.WINDOW_COLUMNS),
        schema.ARCHIVE_OUTPUT: schema.names(schema.ARCHIVE_COLUMNS),
        schema.REJECTS_OUTPUT: schema.names(schema.REJECT_COLUMNS),
    }
    types = {
        "name": pa.string(), "text": pa.string(), "time": pa.timestamp("us", "UTC"),
        "count": pa.int64(), "number": pa.float64(),
    }  # fmt: skip
    for columns, output in (
        (schema.WINDOW_COLUMNS, schema.WINDOWS_OUTPUT),
        (schema.ARCHIVE_COLUMNS, schema.ARCHIVE_OUTPUT),
        (schema.REJECT_COLUMNS, schema.REJECTS_OUTPUT),
    ):
        assert empty[output].schema.types == [types[column.type] for column in columns]


def test_inputs_horizon_and_remarks():
    assert dict(QUERY.inputs) == {schema.READINGS_INPUT: schema.TS, schema.ARRIVALS_INPUT: None}
    assert QUERY.horizon == schema.WINDOW_LENGTH
    assert QUERY.remarks == ()


GOOD_NAMES = st.sampled_from(["a", "A", "x.y-z_:0"])
NAMES = GOOD_NAMES | st.sampled_from(["", "a b", "k\u212a", "x" * 129, 5, None, True, [], {}, "a\n"])
GOOD_VALUES = st.sampled_from([0, 1, 2.5, -1e100])
BAD_VALUES = st.sampled_from(["1", None, True, 1e101, float("nan"), float("inf"), [], {}])
DELAYS = st.sampled_from([0, 1, 2, 59, 60, 61, 3600, -5, -299, -300, -301, -99999])
BAD_TIMES = st.sampled_from(["", "now", None, 5, "2026-02-30", "10000-01-01T00:00:00Z", "0000-01-01"])


@st.composite
def sent(draw: st.DrawFn) -> tuple[dict, int, int]:
    """(body, arrival in seconds, partition): often good, or wrong in some ways at once."""
    wrong = (
        draw(st.sets(st.sampled_from(["name", "value", "time", "absent"]), max_size=2))
        if draw(st.booleans())
        else set()
    )
    arrival = draw(st.integers(0, 90))
    ts = (START + timedelta(seconds=arrival - draw(DELAYS))).isoformat()
    body = {
        "device": draw(NAMES if "name" in wrong else GOOD_NAMES),
        "sensor": draw(NAMES if "name" in wrong else GOOD_NAMES),
        "ts": draw(BAD_TIMES) if "time" in wrong else ts,
        "value": draw(BAD_VALUES if "value" in wrong else GOOD_VALUES),
    }
    if "absent" in wrong:
        del body[draw(st.sampled_from(sorted(body)))]
    return body, arrival, draw(st.integers(0, 1))


@given(found=st.lists(sent(), max_size=40).map(lambda rows: sorted(rows, key=lambda row: row[1])))
@settings(max_examples=20)
def test_every_archived_event_is_in_a_window_or_a_duplicate_or_rejected_for_one_reason(found):
    table = pa.table(
        {
            "body": [json.dumps(body).encode() for body, _, _ in found],
            "partition_id": [partition for _, _, partition in found],
            "sequence_number": list(range(len(found))),
            "arrived_at": [START + timedelta(seconds=arrival) for _, arrival, _ in found],
        },
        schema=RAW,
    )
    events = decode(table).events
    outputs = run_batch(QUERY, dict.fromkeys(QUERY.inputs, events), policy=TimePolicy())
    reasons = Counter(outputs["rejects"]["reason"].to_pylist())
    expected, counted, newest = Counter(), Counter(), {}
    for body, arrival, partition in found:
        reason = expected_reason(body, START + timedelta(seconds=arrival), partition, newest)
        if reason is None:
            counted[body["device"], body["sensor"], datetime.fromisoformat(body["ts"])] += 1
        else:
            expected[str(reason)] += 1
    assert reasons == expected
    in_windows = sum(outputs["sensor_windows"]["reading_count"].to_pylist())
    assert in_windows == len(counted)
    duplicates = counted.total() - len(counted)
    assert outputs["archive"].num_rows == len(found) == in_windows + duplicates + reasons.total()


def expected_reason(body: dict, arrived_at: datetime, partition: int, newest: dict) -> RejectReason | None:
    """The reject reason by the schema's words, event by event; `newest` is kept for each partition."""
    ts = own_time(body.get("ts"))
    moved = None
    if ts is not None and ts <= arrived_at + timedelta(minutes=5):
        moved = max(ts, arrived_at - timedelta(seconds=60))
        moved = max(moved, newest.get(partition, moved) - timedelta(seconds=60))
        newest[partition] = max(moved, newest.get(partition, moved))
    for name in ("device", "sensor"):
        if not isinstance(body.get(name), str) or not re.fullmatch(schema.NAME_PATTERN.strip("^$"), body[name]):
            return RejectReason.INVALID_NAME
    value = body.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= schema.VALUE_MAX_MAGNITUDE:
        return RejectReason.INVALID_VALUE
    if ts is None:
        return RejectReason.INVALID_TIME
    if moved is None:
        return RejectReason.EARLY
    return None if moved == ts else RejectReason.LATE


def own_time(ts: object) -> datetime | None:
    try:
        return datetime.fromisoformat(ts) if isinstance(ts, str) else None
    except ValueError:
        return None


def test_every_window_of_the_reference_readings_recomputed_with_pandas():
    readings = pd.read_csv(READINGS, dtype={"Device": str, "Sensor": str})
    times = pd.to_datetime(readings["TS"]).dt.tz_localize("UTC")
    assert len(readings) == 17_768
    bodies = [
        json.dumps({"device": device, "sensor": sensor, "ts": time.isoformat(), "value": value}).encode()
        for time, device, sensor, value in zip(
            times, readings["Device"], readings["Sensor"], readings["Value"], strict=True
        )
    ]
    order = np.argsort(times.to_numpy(), kind="stable")
    table = pa.table(
        {
            "body": [bodies[index] for index in order],
            "partition_id": [0] * len(bodies),
            "sequence_number": list(range(len(bodies))),
            "arrived_at": [times.iloc[index] for index in order],
        },
        schema=RAW,
    )
    outputs = run_batch(QUERY, dict.fromkeys(QUERY.inputs, decode(table).events), policy=TimePolicy())
    assert outputs["archive"].num_rows == len(readings)
    assert outputs["rejects"].num_rows == 0

    frame = pd.DataFrame(
        {"device": readings["Device"], "sensor": readings["Sensor"], "time": times, "value": readings["Value"]}
    )
    single = frame.groupby(["device", "sensor", "time"], as_index=False)["value"].min()
    single["window_end"] = single["time"].dt.ceil("min")
    values = single.groupby(["window_end", "device", "sensor"])["value"]
    expected = pd.DataFrame(
        {
            "reading_count": values.count(),
            "mean_value": values.mean(),
            "min_value": values.min(),
            "max_value": values.max(),
            "stdev_value": values.apply(lambda group: group.std(ddof=1)).fillna(0.0),
        }
    )
    actual = outputs["sensor_windows"].to_pandas().set_index(["window_end", "device", "sensor"])
    assert len(actual) == len(expected) > 1000
    pd.testing.assert_frame_equal(
        actual.sort_index(), expected.sort_index(), rtol=1e-12, atol=1e-13, check_dtype=False, check_index_type=False
    )
