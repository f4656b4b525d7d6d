"""Reading a hub to its end, with the real SDK, and the order of what it hands on."""

import itertools
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from azure.eventhub import EventData
from hypothesis import given
from hypothesis import strategies as st

from simulator.devices.events import Event, EventKind
from simulator.event_hubs import Hub, LoopbackEventHubs
from simulator.hub_clients.address import HubAddress
from simulator.hub_clients.reader import _Partition, hub_ends, read_to_end
from simulator.hub_clients.replay_sender import replay
from stream_queries.errors import UserError

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def events(count: int) -> list[list[Event]]:
    devices = [f"device-{number}" for number in range(5)]
    return [
        [
            Event(NOON + timedelta(seconds=index), devices[index % 5], f'{{"n": {index}}}'.encode(), EventKind.READING)
            for index in range(count)
        ]
    ]


@pytest.fixture(scope="module")
def address():
    """A hub with four partitions, at least one of them empty, that holds 1,000 replayed events."""
    with LoopbackEventHubs([Hub("readings", 4, ("readings",))]) as hubs:
        place = HubAddress(connection_string=hubs.connection_string)
        replay(lambda: events(1000), place)
        yield place


@pytest.mark.slow
def test_every_event_is_read_once_in_order_with_the_arrival_that_the_replay_gave_it(address: HubAddress):
    ends = hub_ends(address)
    steps = list(read_to_end(address, ends, {}, size=200))
    assert len(steps) > 1 and [step.last for step in steps] == [False] * (len(steps) - 1) + [True]
    rows = [row for step in steps for row in step.events.to_pylist()]
    assert sorted(int(row["body"][6:-1]) for row in rows) == list(range(1000))
    for partition, end in ends.items():
        own = [row for row in rows if row["partition_id"] == partition]
        assert [row["sequence_number"] for row in own] == list(range(end + 1))
    assert all(row["arrived_at"] == NOON + timedelta(seconds=int(row["body"][6:-1])) for row in rows)
    assert steps[-1].position == ends


@pytest.mark.slow
def test_a_step_holds_what_arrived_by_its_clock_and_later_steps_only_what_arrived_after(address: HubAddress):
    steps = list(read_to_end(address, hub_ends(address), {}, size=200))
    for earlier, later in itertools.pairwise(steps):
        assert max(earlier.events["arrived_at"].to_pylist()) <= earlier.clock <= later.clock
        assert min(later.events["arrived_at"].to_pylist()) >= earlier.clock


@pytest.mark.slow
def test_reading_goes_on_after_any_position(address: HubAddress):
    ends = hub_ends(address)
    first, *_ = read_to_end(address, ends, {}, size=300)
    rest = [row for step in read_to_end(address, ends, first.position) for row in step.events.to_pylist()]
    assert first.events.num_rows + len(rest) == 1000
    bodies = {row["body"] for row in rest} | set(first.events["body"].to_pylist())
    assert len(bodies) == 1000


@pytest.mark.slow
def test_a_hub_without_events_gives_one_empty_last_step():
    with LoopbackEventHubs([Hub("readings", 2, ("readings",))]) as hubs:
        place = HubAddress(connection_string=hubs.connection_string)
        (step,) = read_to_end(place, hub_ends(place), {})
    assert step.last and step.events.num_rows == 0


def test_a_hub_that_is_not_there_is_said_in_one_line():
    with LoopbackEventHubs() as hubs:
        gone = hubs.connection_string
    with pytest.raises(UserError, match=r"cannot reach hub readings at 127\.0\.0\.1"):
        hub_ends(HubAddress(connection_string=gone))


@given(order=st.permutations(range(12)), after=st.integers(-1, 5), end=st.integers(5, 11), repeated=st.integers(0, 11))
def test_events_that_change_places_or_come_twice_are_taken_once_and_in_order(
    order: list[int], after: int, end: int, repeated: int
):
    """The SDK's two reading threads may swap events."""
    partition = _Partition(end=end, last_read=after)
    for number in [*order, order[repeated]]:
        data = EventData(str(number))
        event = SimpleNamespace(
            sequence_number=number,
            properties={b"arrived_at": (NOON + timedelta(seconds=number)).isoformat().encode()},
            body=data.body,
            body_type=data.body_type,
        )
        partition.take(cast("EventData", event))
    assert [(body, number) for body, number, _ in partition.ready] == [
        (str(number).encode(), number) for number in range(after + 1, end + 1)
    ]
    assert partition.finished and not partition.overtaken


@pytest.mark.slow
@pytest.mark.parametrize("odd", [b"junk", b"2026-01-01T00:10:00", b"", b"9999-12-31T23:59:59-05:00", 7, None])
def test_an_odd_arrival_property_stops_nothing_and_the_hubs_own_time_counts(odd: object):
    with LoopbackEventHubs([Hub("readings", 1, ("readings",))]) as hubs:
        place = HubAddress(connection_string=hubs.connection_string)
        event = EventData(b"{}")
        event.properties = {"arrived_at": odd}
        with place.producer() as producer:
            producer.send_event(event, partition_id="0")
        before = datetime.now(UTC)
        (step,) = read_to_end(place, hub_ends(place), {})
    (arrived_at,) = step.events["arrived_at"].to_pylist()
    assert abs(before - arrived_at) < timedelta(minutes=1)


def test_arrival_never_goes_back_within_a_partition():
    partition = _Partition(end=2, last_read=-1)
    for number, second in enumerate((10, 5, 20)):
        data = EventData(b"{}")
        event = SimpleNamespace(
            sequence_number=number,
            properties={b"arrived_at": (NOON + timedelta(seconds=second)).isoformat().encode()},
            body=data.body,
            body_type=data.body_type,
        )
        partition.take(cast("EventData", event))
    assert [(arrived_at - NOON).seconds for _, _, arrived_at in partition.ready] == [10, 10, 20]
