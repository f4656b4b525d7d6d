"""Windows grouped by partition as well: the same where a device keeps to one partition, and where not, data lost.

That is why the query groups across partitions; docs/decisions/0010-windows-are-grouped-across-partitions.md.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.event_hubs.storage.partition_keys import partition_of
from stream_queries import query_file
from stream_queries.engine import EVENT_SCHEMA, Query, run_batch
from stream_queries.time_policy import TimePolicy
from stream_queries.window_store import WindowStore

pytestmark = pytest.mark.slow

START = datetime(2026, 1, 1, tzinfo=UTC)
DEPLOYED = query_file().read_text()
PARTITIONS = 4
CHANGES = {
    "SELECT device, sensor, MIN(value) AS value\n": "SELECT device, sensor, partition_id, MIN(value) AS value\n",
    "GROUP BY device, sensor, System.Timestamp()": "GROUP BY device, sensor, partition_id, System.Timestamp()",
    "GROUP BY device, sensor, TumblingWindow(": "GROUP BY device, sensor, partition_id, TumblingWindow(",
}

Reading = tuple[str, int, int, float]
"""Device, partition, second and value."""


def aligned() -> str:
    """The deployed query with the partition in every GROUP BY."""
    text = DEPLOYED
    for old, new in CHANGES.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


QUERIES = {"across": Query.parse(DEPLOYED, name="across"), "aligned": Query.parse(aligned(), name="aligned")}


def windows(which: str, readings: Sequence[Reading]) -> pa.Table:
    bodies = [
        json.dumps({"device": device, "sensor": "1", "ts": _time(second).isoformat(), "value": value})
        for device, _, second, value in readings
    ]
    events = pa.table(
        {
            "body": bodies,
            "partition_id": [partition for _, partition, _, _ in readings],
            "sequence_number": list(range(len(readings))),
            "arrived_at": [_time(second) for _, _, second, _ in readings],
        },
        schema=EVENT_SCHEMA,
    )
    query = QUERIES[which]
    return run_batch(query, dict.fromkeys(query.inputs, events), policy=TimePolicy())["sensor_windows"]


def _time(second: int) -> datetime:
    return START + timedelta(seconds=second)


def stored(table: pa.Table, folder: Path) -> list[int]:
    """How many readings each row counts that the database keeps."""
    store = WindowStore(f"sqlite:///{folder}/windows.db")
    with store:
        store.create()
        store.insert(table)
        return store.read(START, START + timedelta(hours=1))["reading_count"].to_pylist()


@given(
    readings=st.lists(
        st.tuples(st.sampled_from("abcdef"), st.integers(0, 200), st.floats(-1e6, 1e6)), min_size=1, max_size=60
    )
)
@settings(max_examples=25)
def test_a_device_that_keeps_to_its_partition_has_the_same_windows_either_way(
    readings: list[tuple[str, int, float]],
):
    sent = [
        (device, partition_of(device, PARTITIONS), second, value)
        for device, second, value in sorted(readings, key=lambda reading: reading[1])
    ]
    assert windows("aligned", sent) == windows("across", sent)


def test_a_device_in_two_partitions_has_two_rows_of_one_key_of_which_the_database_drops_one(tmp_path: Path):
    readings = [("a", second % 2, second, float(second)) for second in range(1, 31)]
    across, split = windows("across", readings), windows("aligned", readings)
    key = ["device", "sensor", "window_end"]
    assert across["reading_count"].to_pylist() == [30]
    assert split["reading_count"].to_pylist() == [15, 15]
    assert split.select(key).group_by(key).aggregate([]).num_rows == 1
    for name, table, kept in (("across", across, [30]), ("split", split, [15])):
        (tmp_path / name).mkdir()
        assert stored(table, tmp_path / name) == kept


def test_a_reading_sent_again_to_another_partition_counts_once_only_across_partitions():
    readings = [("a", 0, 1, 5.0), ("a", 1, 1, 5.0)]
    assert windows("across", readings)["reading_count"].to_pylist() == [1]
    assert windows("aligned", readings)["reading_count"].to_pylist() == [1, 1]
