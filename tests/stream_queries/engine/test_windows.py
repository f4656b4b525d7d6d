"""Windows and time policies against a reading of their rules so plain that it needs no engine."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_queries.engine import Query, run_batch
from stream_queries.time_policy import TimePolicy

START = datetime(2026, 1, 1, tzinfo=UTC)
HOPPING = {"tumbling": (5, 5), "hopping": (30, 10), "overlapping": (7, 2), "gaps": (2, 6)}
AGGREGATES = "COUNT(*) AS n, SUM(v) AS total, MIN(v) AS low, MAX(v) AS high"


def one(name: str, frame: str) -> str:
    columns = f"k, System.Timestamp() AS t, {AGGREGATES}"
    return f"SELECT {columns} INTO {name} FROM typed GROUP BY k, {frame}\n"


WINDOWS = Query.parse(
    "WITH typed AS (SELECT TRY_CAST(k AS nvarchar(max)) AS k, TRY_CAST(v AS bigint) AS v FROM i TIMESTAMP BY ts)\n"
    + "".join(one(name, f"HoppingWindow(second, {size}, {hop})") for name, (size, hop) in HOPPING.items())
    + one("same", "TumblingWindow(second, 5)")
    + one("sliding", "SlidingWindow(second, 5)")
    + one("snapshot", "System.Timestamp()")
    + "SELECT k, v, System.Timestamp() AS t INTO rows FROM typed",
    name="windows",
)


@dataclass(frozen=True)
class Event:
    partition: int
    arrival: int
    delay: int
    key: str
    value: int

    @property
    def body(self) -> dict:
        ts = START + timedelta(seconds=self.arrival - self.delay)
        return {"ts": ts.isoformat(), "k": self.key, "v": self.value}


def stamped(events: list[Event], late: int, out_of_order: int) -> list[tuple[int, str, int]]:
    """(System.Timestamp, key, value) of each event that is not dropped, one event after the other."""
    newest: dict[int, int] = {}
    found = []
    for event in events:
        if -event.delay > 300:
            continue
        time = max(event.arrival - event.delay, event.arrival - late)
        time = max(time, newest.get(event.partition, time) - out_of_order)
        newest[event.partition] = max(newest.get(event.partition, time), time)
        found.append((time, event.key, event.value))
    return found


def expected(name: str, rows: list[tuple[int, str, int]]) -> set[tuple]:
    """The windows of one output, by trying every second at which one could end."""
    keys = {key for _, key, _ in rows}
    groups: dict[tuple[str, int], list[int]] = {}
    for key in keys:
        own = [(time, value) for time, each, value in rows if each == key]
        times = [time for time, _ in own]
        for end in range(min(times) - 40, max(times) + 41):
            if name == "sliding":
                changes = end in times or end - 5 in times
                inside = [value for time, value in own if end - 5 < time <= end] if changes else []
            elif name == "snapshot":
                inside = [value for time, value in own if time == end]
            else:
                size, hop = HOPPING.get(name, (5, 5))
                inside = [value for time, value in own if end - size < time <= end] if end % hop == 0 else []
            if inside:
                groups[key, end] = inside
    return {(key, end, len(each), sum(each), min(each), max(each)) for (key, end), each in groups.items()}


def seconds(moment: datetime) -> int:
    return round((moment - START).total_seconds())


EVENTS = st.lists(
    st.builds(
        Event,
        partition=st.integers(0, 1),
        arrival=st.integers(0, 60),
        delay=st.one_of(st.integers(-10, 20), st.sampled_from([-301, -300, 60])),
        key=st.sampled_from("ab"),
        value=st.integers(-9, 9),
    ),
    max_size=25,
).map(lambda found: sorted(found, key=lambda event: event.arrival))
TOLERANCES = st.sampled_from([0, 3, 10, 60])
CUTS = st.lists(st.integers(0, 90), max_size=4, unique=True)


@pytest.mark.slow
@given(found=EVENTS, late=TOLERANCES, out_of_order=TOLERANCES, cuts=CUTS, shuffle=st.randoms(use_true_random=False))
@settings(max_examples=15)
def test_a_stream_cut_anywhere_equals_the_batch_and_a_plain_reading_of_the_rules(
    events, streamed, found, late, out_of_order, cuts, shuffle: random.Random
):
    policy = TimePolicy(timedelta(seconds=late), timedelta(seconds=out_of_order))
    table = events([(event.body, event.arrival, event.partition) for event in found])
    batch = run_batch(WINDOWS, {"i": table}, policy=policy)
    rows = stamped(found, late, out_of_order)

    for name in WINDOWS.outputs[:-1]:
        actual = [(*row.values(),) for row in batch[name].to_pylist()]
        assert len(actual) == len(set(actual))
        assert {(key, seconds(time), *rest) for key, time, *rest in actual} == expected(name, rows)
    assert [(seconds(row["t"]), row["k"], row["v"]) for row in batch["rows"].to_pylist()] == sorted(rows)

    assert streamed(WINDOWS, {"i": table}, policy, cuts) == batch

    partitions = [[event for event in found if event.partition == number] for number in (0, 1)]
    assert run_batch(WINDOWS, {"i": events(interleaved(partitions, shuffle))}, policy=policy) == batch


@pytest.mark.slow
@pytest.mark.parametrize(("step", "saved"), [(1, False), (5, True)])
def test_a_stream_cut_every_second_or_saved_often_equals_the_batch(events, streamed, tmp_path: Path, step, saved):
    chance = random.Random(4)
    found = []
    for arrival in sorted(chance.randrange(40) for _ in range(60)):
        event = Event(chance.randrange(2), arrival, chance.randrange(-8, 25), chance.choice("ab"), arrival)
        found.append((event.body, event.arrival, event.partition))
    policy = TimePolicy(timedelta(seconds=15), timedelta(seconds=6))
    batch = run_batch(WINDOWS, {"i": events(found)}, policy=policy)
    file = tmp_path / "state.zip" if saved else None
    assert streamed(WINDOWS, {"i": events(found)}, policy, range(0, 60, step), file) == batch


def interleaved(partitions: list[list[Event]], shuffle: random.Random) -> Iterable[tuple]:
    """The same events, each partition in its order, the partitions mixed at random."""
    order = [number for number, partition in enumerate(partitions) for _ in partition]
    shuffle.shuffle(order)
    queues = [iter(partition) for partition in partitions]
    mixed = [next(queues[number]) for number in order]
    return [(event.body, event.arrival, event.partition) for event in mixed]


def test_windows_before_1970_end_where_they_should(events):
    policy = TimePolicy(timedelta(days=40000), timedelta(days=40000))
    bodies = [({"ts": ts, "k": "a", "v": 1}, 0) for ts in ("1969-12-31T23:59:56Z", "1969-12-31T23:59:55Z")]
    ends = run_batch(WINDOWS, {"i": events(bodies)}, policy=policy)["tumbling"]["t"].to_pylist()
    assert [f"{end:%H:%M:%S}" for end in ends] == ["23:59:55", "00:00:00"]


def test_a_window_that_ends_at_the_watermark_waits_for_its_last_events(events, streamed):
    policy = TimePolicy(timedelta(0), timedelta(seconds=5))
    rows = [({"ts": (START + timedelta(seconds=s)).isoformat(), "k": "a", "v": 1}, 5) for s in (5, 5)]
    result = streamed(WINDOWS, {"i": events(rows)}, policy, [5, 6])
    assert result["tumbling"]["n"].to_pylist() == [2]
