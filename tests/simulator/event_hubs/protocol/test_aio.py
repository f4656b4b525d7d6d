"""The SDK's asyncio clients work as its sync ones do."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient, PartitionContext

from simulator.event_hubs import LoopbackEventHubs
from tests.support.deadline import ENOUGH_SECONDS


async def until(condition: Callable[[], bool], *, what: str, seconds: float = ENOUGH_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain for {what}")
        await asyncio.sleep(0.01)


@pytest.mark.slow
def test_asyncio_clients_send_and_receive(server: LoopbackEventHubs, hub: str) -> None:
    received: list[str] = []
    one_by_one: list[str] = []

    async def take_batch(_context: PartitionContext, events: list[EventData]) -> None:
        received.extend(event.body_as_str() for event in events)

    async def take(_context: PartitionContext, event: EventData | None) -> None:
        if event:
            one_by_one.append(event.body_as_str())

    async def session() -> None:
        options: dict[str, Any] = {"eventhub_name": hub, "retry_total": 0}
        producer = EventHubProducerClient.from_connection_string(server.connection_string, **options)
        options["load_balancing_interval"] = 0.1  # also how long a closed client lets `receive` wait
        batches = EventHubConsumerClient.from_connection_string(server.connection_string, "archive", **options)
        singles = EventHubConsumerClient.from_connection_string(server.connection_string, "replay", **options)
        async with producer, batches, singles:
            assert (await producer.get_eventhub_properties())["partition_ids"] == ["0", "1", "2", "3"]
            for number in range(5):
                batch = await producer.create_batch(partition_key=f"k{number}")
                for item in range(20):
                    batch.add(EventData(f"{number}.{item}"))
                await producer.send_batch(batch)
            await producer.send_event(EventData("one"), partition_id="2")
            tasks = [
                asyncio.create_task(batches.receive_batch(take_batch, starting_position="-1")),
                asyncio.create_task(singles.receive(take, starting_position="-1")),
            ]
            await until(lambda: len(received) >= 101 and len(one_by_one) >= 101, what="101 events for each consumer")
        await asyncio.gather(*tasks)  # they end because their clients have been closed

    asyncio.run(session())
    expected = sorted(["one", *(f"{number}.{item}" for number in range(5) for item in range(20))])
    assert sorted(received) == expected
    assert sorted(one_by_one) == expected
