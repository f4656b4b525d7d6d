"""What the unpatched SDK sends arrives: batches, keys, properties, sizes, and the errors a sender can meet."""

import json
import os
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from azure.eventhub import EventData, EventHubProducerClient
from azure.eventhub.amqp import AmqpAnnotatedMessage
from azure.eventhub.exceptions import ConnectError, EventHubError

from simulator.event_hubs import Hub, LoopbackEventHubs, partition_of
from tests.simulator.event_hubs.sdk import Clients, send

pytestmark = pytest.mark.slow


def test_management_tells_about_the_hub_and_its_partitions(
    server: LoopbackEventHubs, hub: str, clients: Clients
) -> None:
    producer = clients.producer(server)
    properties = producer.get_eventhub_properties()
    assert properties["eventhub_name"] == hub
    assert properties["partition_ids"] == ["0", "1", "2", "3"]
    assert abs(properties["created_at"] - datetime.now(UTC)) < timedelta(minutes=1)

    send(producer, ["a", "b"], partition_id="3")
    partition = producer.get_partition_properties("3")
    assert partition["id"] == "3" and partition["is_empty"] is False
    assert (partition["beginning_sequence_number"], partition["last_enqueued_sequence_number"]) == (0, 1)
    assert abs(partition["last_enqueued_time_utc"] - datetime.now(UTC)) < timedelta(minutes=1)
    with pytest.raises(EventHubError, match="The specified partition '9' is invalid"):
        producer.get_partition_properties("9")


def test_a_key_chooses_the_partition_and_travels_with_the_event(server: LoopbackEventHubs, clients: Clients) -> None:
    received = clients.receiver(server)
    producer = clients.producer(server)
    keys = [f"device-{number}" for number in range(20)] + ["x", "k" * 12, "k" * 13, "k" * 25]
    for key in keys:
        send(producer, [key], partition_key=key)
    received.wait_for(len(keys))
    assert sorted(received.bodies) == sorted(keys)
    for partition, event in received.events:
        assert event.partition_key == event.body_as_str().encode()
        assert partition == str(partition_of(event.body_as_str(), 4))


def test_batches_without_a_key_take_turns_over_the_partitions(server: LoopbackEventHubs, clients: Clients) -> None:
    received = clients.receiver(server)
    producer = clients.producer(server)
    for _ in range(8):
        send(producer, ["a"])
    received.wait_for(8)
    assert sorted(partition for partition, _ in received.events) == sorted("00112233")


def test_order_sequence_numbers_and_offsets_follow_the_sender(server: LoopbackEventHubs, clients: Clients) -> None:
    before = (server.stats.batches_in, server.stats.events_in, server.stats.events_out)
    received = clients.receiver(server, partition_id="1")
    producer = clients.producer(server)
    for batch in range(3):
        send(producer, [f"{batch}-{number}" for number in range(4)], partition_id="1")
    received.wait_for(12)
    assert received.bodies == [f"{batch}-{number}" for batch in range(3) for number in range(4)]
    events = [event for _, event in received.events]
    assert [event.sequence_number for event in events] == list(range(12))
    offsets = [int(event.offset or "") for event in events]
    assert offsets == sorted(set(offsets)) and offsets[0] == 0
    after = server.stats
    assert (after.batches_in, after.events_in, after.events_out) == tuple(
        n + m for n, m in zip(before, (3, 12, 12), strict=True)
    )


def test_bodies_and_properties_come_back_as_they_were(server: LoopbackEventHubs, clients: Clients) -> None:
    event = EventData(json.dumps({"value": 1}))
    event.properties = {"text": "x", "int": 7, "float": 1.5, "flag": True, "none": None, "uuid": uuid.UUID(int=5)}
    event.content_type, event.correlation_id, event.message_id = "application/json", "c1", "m1"
    large = os.urandom(700_000)  # eleven frames
    received = clients.receiver(server, partition_id="0")
    producer = clients.producer(server)
    send(producer, [event, b"\x00\xff", large], partition_id="0")
    producer.send_event(AmqpAnnotatedMessage(value_body={"k": [1, 2]}), partition_id="0")
    producer.send_event(AmqpAnnotatedMessage(sequence_body=[[1, 2], [3]]), partition_id="0")

    events = [event for _, event in received.wait_for(5).events]
    first = events[0]
    assert first.body_as_json() == {"value": 1}
    assert (first.content_type, first.correlation_id, first.message_id) == ("application/json", "c1", "m1")
    assert {(key.decode() if isinstance(key, bytes) else key): value for key, value in first.properties.items()} == {
        "text": b"x",
        "int": 7,
        "float": 1.5,
        "flag": True,
        "none": None,
        "uuid": uuid.UUID(int=5),
    }
    assert b"".join(cast("Iterable[bytes]", events[1].body)) == b"\x00\xff"
    assert b"".join(cast("Iterable[bytes]", events[2].body)) == large
    assert events[3].raw_amqp_message.body == {b"k": [1, 2]}
    assert list(events[4].raw_amqp_message.body) == [[1, 2], [3]]


def test_an_event_sent_on_gets_its_own_place_and_time(server: LoopbackEventHubs, clients: Clients) -> None:
    first, second = (clients.receiver(server, partition_id=partition) for partition in "01")
    producer = clients.producer(server)
    send(producer, ["a", "b"], partition_id="0")
    _, event = first.wait_for(2).events[1]
    annotations = event.raw_amqp_message.annotations
    assert annotations is not None
    annotations.pop(b"x-opt-enqueued-time")  # the SDK cannot write back the time that it has read
    producer.send_event(event, partition_id="1")
    _, again = second.wait_for(1).events[0]
    assert again.body_as_str() == "b" and (again.sequence_number, again.offset) == (0, "0")
    assert len(again.raw_amqp_message.annotations or {}) == 3


def test_the_sender_learns_how_large_a_batch_may_be(clients: Clients) -> None:
    with LoopbackEventHubs([Hub("readings", 1)], max_message_size=20_000) as server:
        producer = clients.producer(server, hub="readings")
        batch = producer.create_batch()
        assert batch.max_size_in_bytes == 20_000
        with pytest.raises(ValueError, match="size limit"):
            batch.add(EventData(b"x" * 20_000))
        with pytest.raises(EventHubError, match="larger than 20000 bytes"):
            producer.send_event(EventData(b"x" * 60_000))
        assert server.stats.events_in == 0
        clients.close()


def test_a_buffered_producer_loses_nothing(server: LoopbackEventHubs, hub: str, clients: Clients) -> None:
    sent: list[Any] = []
    failed: list[Exception] = []
    producer = EventHubProducerClient.from_connection_string(
        server.connection_string,
        eventhub_name=hub,
        buffered_mode=True,
        max_wait_time=0.1,
        max_buffer_length=500,
        on_success=lambda events, _: sent.extend(events),
        on_error=lambda _events, _partition, error: failed.append(error),
        retry_total=0,
        socket_timeout=0.02,
    )
    with producer:
        for number in range(200):
            producer.send_event(EventData(str(number)), partition_key=f"k{number % 7}")
        producer.flush()
    assert len(sent) == 200 and not failed
    assert sorted(map(int, clients.receiver(server).wait_for(200).bodies)) == list(range(200))


def test_an_unknown_hub_or_partition_is_refused(server: LoopbackEventHubs, clients: Clients) -> None:
    stranger = clients.producer(server, hub="nowhere")
    with pytest.raises(EventHubError, match="could not be found"):
        stranger.send_event(EventData("x"))
    with pytest.raises(ConnectError, match="Invalid partition 7"):
        send(clients.producer(server), ["x"], partition_id="7")
