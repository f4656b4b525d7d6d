"""Reads a hub from a position to its present end, as tables for the query engine.

The stream job in Azure has two inputs with a consumer group each on the one hub. Here one pass over the hub feeds both:
they see the same events, and reading is what costs the time.
"""

import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

import pyarrow as pa
from azure.eventhub import EventData, EventHubConsumerClient, PartitionContext
from azure.eventhub.amqp import AmqpMessageBodyType
from azure.eventhub.exceptions import EventHubError

from simulator.devices.events import ARRIVED_AT_PROPERTY
from simulator.hub_clients.address import ONE_ATTEMPT, HubAddress, reason
from stream_queries.errors import UserError
from stream_queries.schema import READINGS_INPUT

EVENTS_PER_STEP = 20_000
PATIENCE_SECONDS = 60.0
_MOST_AT_ONCE = 3_000
_ARRIVED_AT = ARRIVED_AT_PROPERTY.encode()
_BEGINNING = datetime.min.replace(tzinfo=UTC)

EVENT_SCHEMA = pa.schema(
    [
        ("body", pa.binary()),
        ("partition_id", pa.int64()),
        ("sequence_number", pa.int64()),
        ("arrived_at", pa.timestamp("us", tz="UTC")),
    ]
)

Position = Mapping[int, int]
"""The sequence number of the last event that was read, by partition."""

Arrivals = Mapping[int, datetime]
"""The latest arrival of a partition's events up to a position: later events never arrive before it."""


@dataclass(frozen=True)
class Step:
    """Some events (`EVENT_SCHEMA`), in order of arrival within each partition.

    Every event still to come arrives at `clock` or later; after the last step none comes.
    """

    events: pa.Table
    clock: datetime
    position: Position
    arrivals: Arrivals
    last: bool = False


@dataclass
class _Partition:
    """One partition's progress. `ready` holds events that were received and not yet handed on.

    Events are taken in order of their sequence numbers, which have no gaps; `overtaken` holds those that wait for an
    earlier one. The SDK needs this (azure-eventhub 5.15.1): every 30 s its keep-alive thread reads from the connection
    beside the thread that receives, and two events that they read at the same time may change places.
    """

    end: int
    last_read: int
    last_arrival: datetime = _BEGINNING
    handed_on_until: datetime = _BEGINNING
    ready: deque[tuple[bytes, int, datetime]] = field(default_factory=deque)
    overtaken: dict[int, EventData] = field(default_factory=dict)

    def take(self, event: EventData) -> None:
        """Take one event; one that was read before, or that came after the reading began, is left out."""
        sequence_number = cast("int", event.sequence_number)
        if not self.last_read < sequence_number <= self.end:
            return
        self.overtaken[sequence_number] = event
        while (following := self.overtaken.pop(self.last_read + 1, None)) is not None:
            self.last_read += 1
            self.last_arrival = max(self.last_arrival, _arrival(following))
            self.ready.append((_body(following), self.last_read, self.last_arrival))

    @property
    def finished(self) -> bool:
        return self.last_read >= self.end


def hub_ends(address: HubAddress) -> dict[int, int]:
    """The sequence number of the last event in each partition, -1 for none; UserError if the hub cannot be reached."""
    try:
        with address.consumer(**ONE_ATTEMPT) as consumer:
            partition_ids = consumer.get_partition_ids()
        with ThreadPoolExecutor(8) as pool:
            ends = list(pool.map(lambda partition: _end(address, partition), partition_ids))
    except EventHubError as error:
        raise UserError(f"cannot reach {address}: {reason(error)}") from error
    return dict(enumerate(ends))


def read_to_end(
    address: HubAddress,
    ends: Position,
    after: Position,
    arrivals: Arrivals | None = None,
    *,
    group: str = READINGS_INPUT,
    size: int = EVENTS_PER_STEP,
) -> Iterator[Step]:
    """Yield the events after `after` and up to `ends`, in steps of about `size`, the last one marked.

    `arrivals` belong to `after`: both are those of the step that was read last. Raises UserError if the hub goes away
    or stays silent for a minute.
    """
    known = arrivals or {}
    partitions = {
        number: _Partition(
            end,
            last_read=after.get(number, -1),
            last_arrival=known.get(number, _BEGINNING),
            handed_on_until=known.get(number, _BEGINNING),
        )
        for number, end in ends.items()
    }
    if not all(partition.finished for partition in partitions.values()):
        with _Receiver(address, partitions, group, batch=min(size, _MOST_AT_ONCE)) as receiver:
            received = 0
            while True:
                received += receiver.receive_more(partitions)
                if all(partition.finished for partition in partitions.values()):
                    break
                clock = min(part.last_arrival for part in partitions.values() if not part.finished)
                if received >= size and clock > _BEGINNING:
                    yield _step(partitions, clock)
                    received = 0
    latest = max((partition.last_arrival for partition in partitions.values()), default=_BEGINNING)
    yield replace(_step(partitions, latest), last=True)


def _step(partitions: dict[int, _Partition], clock: datetime) -> Step:
    """Hand on what has arrived by `clock`: what one partition is ahead of the others waits for them."""
    rows: list[tuple[bytes, int, int, datetime]] = []
    position = {}
    for number, partition in partitions.items():
        ready = partition.ready
        while ready and ready[0][2] <= clock:
            body, sequence_number, arrived_at = ready.popleft()
            rows.append((body, number, sequence_number, arrived_at))
            partition.handed_on_until = arrived_at
        position[number] = ready[0][1] - 1 if ready else partition.last_read
    columns = zip(*rows, strict=True) if rows else [[] for _ in EVENT_SCHEMA]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, EVENT_SCHEMA, strict=True)]
    arrivals = {number: partition.handed_on_until for number, partition in partitions.items()}
    return Step(pa.table(arrays, schema=EVENT_SCHEMA), clock, position, arrivals)


class _Receiver:
    """The SDK's consumer on a thread of its own; what it receives, or its failure, comes through a queue."""

    def __init__(self, address: HubAddress, partitions: Mapping[int, _Partition], group: str, *, batch: int) -> None:
        self._address, self._batch = address, batch
        self._queue: queue.SimpleQueue[tuple[int, list[EventData]] | Exception] = queue.SimpleQueue()
        # socket_timeout: with the SDK's default one idle partition holds up all the others
        self._consumer: EventHubConsumerClient = address.consumer(group=group, socket_timeout=0.02, **ONE_ATTEMPT)
        starts = {str(number): partition.last_read for number, partition in partitions.items()}
        self._thread = threading.Thread(target=self._receive, args=(starts,), name="hub-reader", daemon=True)

    def __enter__(self) -> "_Receiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()
        self._thread.join()

    def receive_more(self, partitions: Mapping[int, _Partition]) -> int:
        """Wait for the next batch and append it to its partition; returns how many events it held."""
        try:
            item = self._queue.get(timeout=PATIENCE_SECONDS)
        except queue.Empty:
            raise UserError(f"{self._address} has sent nothing for {PATIENCE_SECONDS:g} s; run again") from None
        if isinstance(item, Exception):
            raise UserError(f"lost {self._address} while reading: {' '.join(str(item).split())}; run again") from item
        number, events = item
        for event in events:
            partitions[number].take(event)
        return len(events)

    def _receive(self, starts: dict[str, Any]) -> None:
        try:
            self._consumer.receive_batch(
                lambda context, events: self._queue.put((int(context.partition_id), list(events))),
                on_error=self._failed,
                starting_position={number: "-1" if start < 0 else start for number, start in starts.items()},
                max_batch_size=self._batch,
                prefetch=self._batch,
            )
        except Exception as error:
            self._queue.put(error)

    def _failed(self, _context: PartitionContext | None, error: Exception) -> None:
        self._queue.put(error)


def _arrival(event: EventData) -> datetime:
    """When the event arrived: what a replay says, else when the hub took it.

    A replay packs hours into seconds, so its events say themselves when they are to have arrived. The time policy then
    sees the arrivals of the original stream; with the hub's own times every reading of the past would be late.
    """
    replayed = (event.properties or {}).get(_ARRIVED_AT)
    if isinstance(replayed, bytes):
        with suppress(ValueError, OverflowError):  # what is no time, or has no zone, was not written by a replay
            arrived_at = datetime.fromisoformat(replayed.decode())
            if arrived_at.tzinfo is not None:
                return arrived_at.astimezone(UTC)
    return cast("datetime", event.enqueued_time).astimezone(UTC)


def _body(event: EventData) -> bytes:
    """The body as bytes; one that is an AMQP value is kept as its text, which no JSON decoder will take."""
    if event.body_type is AmqpMessageBodyType.DATA:
        return b"".join(cast("Iterable[bytes]", event.body))
    return repr(event.body).encode()


def _end(address: HubAddress, partition_id: str) -> int:
    with address.consumer(**ONE_ATTEMPT) as consumer:
        properties = consumer.get_partition_properties(partition_id)
    if properties["beginning_sequence_number"] > 0:
        raise UserError(
            f"partition {partition_id} of {address} has dropped its oldest events: only whole hubs are read"
        )
    return -1 if properties["is_empty"] else properties["last_enqueued_sequence_number"]
