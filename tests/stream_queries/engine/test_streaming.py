"""Stopping and going on, and what a caller must not do."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stream_queries import query_file
from stream_queries.engine import Query, StreamingQuery, run_batch
from stream_queries.errors import UserError
from stream_queries.time_policy import TimePolicy

START = datetime(2026, 1, 1, tzinfo=UTC)
TEXT = query_file().read_text()
QUERY = Query.parse(TEXT, name="sensor_windows")
POLICY = TimePolicy()


@pytest.fixture
def readings(events):
    """A few hundred readings: two partitions, late ones, duplicates, wrong ones."""
    rows = []
    for second in range(0, 300, 2):
        ts = (START + timedelta(seconds=second - 75 * (second % 14 == 0))).isoformat()
        for copy in range(1 + (second % 10 == 0)):
            value = "wrong" if second % 22 == 0 else second / 7 + copy
            body = {"device": f"d{second % 4}", "sensor": "s", "ts": ts, "value": value}
            rows.append((body, second, second % 4 // 2))
    return dict.fromkeys(QUERY.inputs, events(rows))


@pytest.mark.slow
def test_a_stream_saved_and_restored_after_every_push_equals_the_batch(readings, streamed, tmp_path: Path):
    batch = run_batch(QUERY, readings, policy=POLICY)
    assert min(table.num_rows for table in batch.values()) > 5
    assert streamed(QUERY, readings, POLICY, range(0, 420, 35), tmp_path / "state.zip") == batch
    assert [file.name for file in tmp_path.iterdir()] == ["state.zip"]


def ends(outputs: dict) -> set[str]:
    return {f"{end:%H:%M}" for end in outputs["sensor_windows"]["window_end"].to_pylist()}


def test_rows_come_out_once_and_as_soon_as_they_are_final(readings):
    running = StreamingQuery(QUERY, policy=POLICY)
    first = running.push(readings, clock=START + timedelta(seconds=300))
    assert ends(first) == {"00:01", "00:02", "00:03"}
    assert all(table.num_rows == 0 for table in running.push({}, clock=START + timedelta(seconds=300)).values())
    second = running.push({}, clock=START + timedelta(seconds=300, microseconds=1))
    assert ends(second) == {"00:04"}


def test_what_is_kept_does_not_grow_with_the_stream(events, tmp_path: Path):
    running, sizes = StreamingQuery(QUERY, policy=POLICY), []
    for minute in range(6):
        rows = []
        for second in range(60):
            moment = minute * 60 + second
            body = {"device": "d", "sensor": "s", "ts": (START + timedelta(seconds=moment)).isoformat(), "value": 1}
            rows.append((body, moment))
        running.push(dict.fromkeys(QUERY.inputs, events(rows)), clock=START + timedelta(minutes=minute + 1))
        running.save(tmp_path / "state.zip")
        sizes.append((tmp_path / "state.zip").stat().st_size)
    assert sizes[-1] == pytest.approx(sizes[2], rel=0.1)


@pytest.mark.parametrize(
    ("query", "policy"),
    [(Query.parse(TEXT + " ", name="q"), POLICY), (QUERY, TimePolicy(timedelta(seconds=61)))],
    ids=["query", "policy"],
)
def test_another_query_or_policy_cannot_go_on(query: Query, policy: TimePolicy, tmp_path: Path):
    StreamingQuery(QUERY, policy=POLICY).save(tmp_path / "state.zip")
    with pytest.raises(UserError, match="written by another query text or time policy"):
        StreamingQuery.restore(query, policy=policy, file=tmp_path / "state.zip")


@pytest.mark.parametrize("content", [None, b"", b"not a zip", b"PK\x05\x06" + b"\0" * 18])
def test_a_broken_state_is_a_users_error(content: bytes | None, tmp_path: Path):
    file = tmp_path / "state.zip"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read as a saved stream"):
        StreamingQuery.restore(QUERY, policy=POLICY, file=file)


def test_a_failed_save_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "state.zip"
    running = StreamingQuery(QUERY, policy=POLICY)
    running.save(file)
    before = file.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("pyarrow.ipc.new_stream", fail)
    with pytest.raises(OSError, match="disk full"):
        running.save(file)
    assert file.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["state.zip"]


def test_broken_promises_are_told(events):
    running = StreamingQuery(QUERY, policy=POLICY)
    running.push({}, clock=START)
    with pytest.raises(ValueError, match="before the clock"):
        running.push({"readings": events([({}, -1)])}, clock=START)
    with pytest.raises(ValueError, match="has no input other"):
        running.push({"other": events([])}, clock=START)
    running.close()
    with pytest.raises(ValueError, match="closed"):
        running.push({}, clock=START)


def test_the_first_and_last_moments_overflow_nothing(readings):
    running = StreamingQuery(QUERY, policy=TimePolicy(timedelta.max, timedelta.max))
    assert running.push({}, clock=datetime.min.replace(tzinfo=UTC))["archive"].num_rows == 0
    running.receive(readings)
    assert running.push({}, clock=datetime.max.replace(tzinfo=UTC))["archive"].num_rows == 0
    assert running.close()["archive"].num_rows == readings["arrivals"].num_rows
