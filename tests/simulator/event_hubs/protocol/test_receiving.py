"""What the unpatched SDK reads: positions, consumer groups, owner levels, checkpoints, metrics, slow readers."""

import time
from collections import Counter
from datetime import UTC, datetime
from threading import Lock
from typing import Any

import pytest
from azure.eventhub import EventData, PartitionContext
from azure.eventhub._eventprocessor.in_memory_checkpoint_store import InMemoryCheckpointStore

from simulator.event_hubs import LoopbackEventHubs
from tests.simulator.event_hubs.sdk import Clients, send, wait_until

pytestmark = pytest.mark.slow


def next_millisecond() -> datetime:
    """A time after everything that was enqueued before, and before everything that is enqueued after."""
    start = time.time_ns() // 1_000_000
    wait_until(lambda: time.time_ns() // 1_000_000 > start, what="the clock to move on")
    moment = datetime.fromtimestamp((start + 1) / 1000, UTC)
    wait_until(lambda: time.time_ns() // 1_000_000 > start + 1, what="the clock to move on")
    return moment


def test_a_reader_starts_at_an_offset_a_sequence_number_or_a_time(server: LoopbackEventHubs, clients: Clients) -> None:
    everything = clients.receiver(server, partition_id="0")
    producer = clients.producer(server)
    send(producer, "01234", partition_id="0")
    moment = next_millisecond()
    send(producer, "56789", partition_id="0")
    offset = everything.wait_for(10).events[4][1].offset

    starts: list[tuple[dict[str, Any], str]] = [
        ({"starting_position": offset}, "56789"),
        ({"starting_position": offset, "starting_position_inclusive": True}, "456789"),
        ({"starting_position": 6}, "789"),
        ({"starting_position": 6, "starting_position_inclusive": True}, "6789"),
        ({"starting_position": moment}, "56789"),
    ]
    receivers = [clients.receiver(server, "archive", partition_id="0", **options) for options, _ in starts]
    for receiver, (_, expected) in zip(receivers, starts, strict=True):
        assert receiver.wait_for(len(expected)).bodies == list(expected)


def test_the_latest_position_shows_only_what_comes(server: LoopbackEventHubs, clients: Clients) -> None:
    producer = clients.producer(server)
    send(producer, ["old"], partition_id="0")
    late = clients.receiver(server, partition_id="0", starting_position="@latest")

    def something_new_arrived() -> bool:
        send(producer, ["new"], partition_id="0")
        return bool(late.events)

    wait_until(something_new_arrived, what="the late reader to see a new event")
    assert set(late.bodies) == {"new"}


def test_consumer_groups_read_independently_and_unknown_ones_are_refused(
    server: LoopbackEventHubs, clients: Clients
) -> None:
    receivers = [clients.receiver(server, group, partition_id="0") for group in ("$Default", "archive", "REPLAY")]
    unknown = clients.receiver(server, "nobody", partition_id="0")
    send(clients.producer(server), ["a"] * 10, partition_id="0")
    for receiver in receivers:
        assert receiver.wait_for(10).bodies == ["a"] * 10
    assert "could not be found" in str(unknown.wait_for_error())


def test_the_highest_owner_level_reads_alone(server: LoopbackEventHubs, clients: Clients) -> None:
    low = clients.receiver(server, partition_id="0", owner_level=1)
    elsewhere = clients.receiver(server, "archive", partition_id="0")
    send(clients.producer(server), ["one"], partition_id="0")
    low.wait_for(1)
    lower = clients.receiver(server, partition_id="0", owner_level=0)
    plain = clients.receiver(server, partition_id="0")
    assert "higher epoch" in str(lower.wait_for_error())
    assert "non-epoch receiver is not allowed" in str(plain.wait_for_error())
    assert elsewhere.wait_for(1).bodies == ["one"]

    high = clients.receiver(server, partition_id="0", owner_level=2).wait_for(1)
    assert "getting disconnected" in str(low.wait_for_error())
    wait_until(lambda: bool(low.closed), what="the lower owner to be told")
    assert low.closed == [("0", "OWNERSHIP_LOST")]
    assert high.bodies == ["one"] and not lower.events and not plain.events


def test_a_group_has_at_most_five_readers_on_a_partition(server: LoopbackEventHubs, clients: Clients) -> None:
    receivers = [clients.receiver(server, partition_id="0") for _ in range(6)]
    send(clients.producer(server), ["a"], partition_id="0")
    wait_until(lambda: all(receiver.events or receiver.errors for receiver in receivers), what="six answers")
    refused = [receiver for receiver in receivers if receiver.errors]
    assert len(refused) == 1 and not refused[0].events
    assert "maximum number of allowed receivers" in str(refused[0].errors[0])


def test_a_reader_may_ask_how_far_it_lags(server: LoopbackEventHubs, clients: Clients) -> None:
    send(clients.producer(server), "abc", partition_id="0")
    receiver = clients.receiver(server, partition_id="0", track_last_enqueued_event_properties=True).wait_for(3)
    last = receiver.last_enqueued[-1]
    assert last["sequence_number"] == 2
    assert last["offset"] == receiver.events[-1][1].offset
    assert last["enqueued_time"] == receiver.events[-1][1].enqueued_time


def test_two_consumers_share_the_partitions_and_resume_from_checkpoints(
    server: LoopbackEventHubs, hub: str, clients: Clients
) -> None:
    store, lock = InMemoryCheckpointStore(), Lock()
    seen: list[tuple[str, str, str]] = []

    def start(name: str) -> None:
        client = clients.consumer(server, checkpoint_store=store, load_balancing_interval=0.2)

        def take(context: PartitionContext, events: list[EventData]) -> None:
            with lock:
                seen.extend((name, context.partition_id, event.body_as_str()) for event in events)
            if events:
                context.update_checkpoint(events[-1])

        clients.receive(client, on_event_batch=take)

    producer = clients.producer(server)
    for partition in "0123":
        send(producer, [f"{partition}.{number}" for number in range(25)], partition_id=partition)
    start("A")
    wait_until(lambda: len(seen) >= 100, what="the first consumer to read everything")
    start("B")

    def owners() -> list[str]:
        return [claim["owner_id"] for claim in store.list_ownership(f"127.0.0.1:{server.port}", hub, "$Default")]

    wait_until(lambda: sorted(map(owners().count, set(owners()))) == [2, 2], what="two partitions for each consumer")
    for partition in "0123":
        send(producer, ["more"], partition_id=partition)
    wait_until(lambda: len({(partition, body) for _, partition, body in seen}) >= 104, what="the rest")
    twice = {
        body for (_, body), count in Counter((partition, body) for _, partition, body in seen).items() if count > 1
    }
    assert twice <= {"more"}, "only what comes while partitions change hands may be read by both, as in Azure"
    assert {name for name, _, body in seen if body == "more"} == {"A", "B"}


def test_a_slow_reader_gets_everything_once_and_in_order(server: LoopbackEventHubs, clients: Clients) -> None:
    producer = clients.producer(server)
    for batch in range(8):
        send(producer, [f"{batch}:{number}:" + "z" * 1500 for number in range(250)], partition_id="0")
    numbers: list[int | None] = []

    def take(_context: PartitionContext, events: list[EventData]) -> None:
        numbers.extend(event.sequence_number for event in events)
        time.sleep(0.01)  # slower than the server, so that its socket fills up

    clients.receive(clients.consumer(server), on_event_batch=take, partition_id="0", prefetch=1500)
    wait_until(lambda: len(numbers) >= 2000, what="2,000 events")
    assert numbers == list(range(2000))
