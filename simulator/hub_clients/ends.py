"""How far a hub got: the position and the body of each partition's last event."""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

from azure.eventhub import EventData, EventHubConsumerClient, PartitionContext
from azure.eventhub.exceptions import EventHubError, OperationTimeoutError

from simulator.devices.events import POSITION_PROPERTY
from simulator.hub_clients.address import ONE_ATTEMPT, HubAddress
from stream_queries.errors import UserError

_PATIENCE_SECONDS = 30.0
_AT_ONCE = 8  # each partition takes three connections and more than a second, nearly all of it waiting


@dataclass(frozen=True)
class PartitionEnd:
    """The last event of a partition: its index in the replay that sent it, and its body."""

    position: int
    body: bytes


def partition_ends(address: HubAddress, partition_ids: Sequence[str]) -> dict[int, PartitionEnd]:
    """The last event of every partition that has one, by the partition's index.

    Raises `EventHubError` when a connection breaks and `UserError` for events that no replay has sent.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        ends = list(pool.map(lambda partition_id: _partition_end(address, partition_id), partition_ids))
    return {partition: end for partition, end in enumerate(ends) if end is not None}


def _partition_end(address: HubAddress, partition_id: str) -> PartitionEnd | None:
    # socket_timeout: how long a receive waits for bytes that may not come. load_balancing_interval: how long a thread
    # of the SDK outlives the client.
    with address.consumer(**ONE_ATTEMPT, socket_timeout=0.02, load_balancing_interval=0.1) as consumer:
        properties = consumer.get_partition_properties(partition_id)
        if properties["is_empty"]:
            return None
        event = _receive(consumer, partition_id, properties["last_enqueued_sequence_number"])
    position = (event.properties or {}).get(POSITION_PROPERTY.encode())
    if not isinstance(position, int):
        raise UserError(
            f"partition {partition_id} of {address} holds events that no replay has sent: use an empty hub, or send "
            "without --replay"
        )
    return PartitionEnd(position, b"".join(cast("Iterable[bytes]", event.body)))


def _receive(consumer: EventHubConsumerClient, partition_id: str, sequence_number: int) -> EventData:
    """The event with this number; closes `consumer`, which is how a receiving client is stopped."""
    events: list[EventData] = []
    failures: list[Exception] = []
    deadline = time.monotonic() + _PATIENCE_SECONDS

    def take(_context: PartitionContext, event: EventData | None) -> None:
        if event is not None:
            events.append(event)
        if events or time.monotonic() > deadline:
            consumer.close()

    def fail(_context: PartitionContext | None, error: Exception) -> None:
        failures.append(error)
        consumer.close()

    consumer.receive(
        take,
        on_error=fail,
        partition_id=partition_id,
        starting_position=sequence_number,
        starting_position_inclusive=True,
        max_wait_time=0.5,
    )
    if events:
        return events[0]
    if failures:
        raise failures[0] if isinstance(failures[0], EventHubError) else EventHubError(str(failures[0]))
    raise OperationTimeoutError(f"the last event of partition {partition_id} did not come")
