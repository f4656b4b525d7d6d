"""Sends a replay so that the hub ends up with every event exactly once, whatever stops sender or hub on the way.

Order within a partition is arrival order: batches are made per partition, which is chosen from the device by the
service's own hash of the partition key. Every event carries two application properties:

* `arrived_at`: when it is to have arrived (ISO 8601). A replay packs hours into seconds, so the time at which the hub
  takes an event says nothing; the local stream processor takes this property as the arrival time instead.
* `position`: its index in the whole replay, so that the last event of each partition says how far a replay came. What
  the hub already has is not sent again.

Deliberately absent: the SDK's retries. A batch whose acknowledgement got lost may or may not be in the hub, and sending
it once more would double it; only the hub knows, so it is asked.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from azure.eventhub import EventData, EventHubProducerClient
from azure.eventhub.exceptions import AuthenticationError, ConnectionLostError, EventHubError

from simulator.devices.events import ARRIVED_AT_PROPERTY, POSITION_PROPERTY, Chunk, Event, EventKind, timestamp
from simulator.hub_clients.address import ONE_ATTEMPT, HubAddress, reason
from simulator.hub_clients.batches import PartitionBatches
from simulator.hub_clients.ends import PartitionEnd, partition_ends
from stream_queries.errors import UserError

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 2.0


class SingleAttemptProducer(EventHubProducerClient):
    """The SDK's producer without its hidden second attempt.

    Even with `retry_total=0`, azure-eventhub 5.15.1 answers a failed send by opening the partition's link again and
    sending the batch once more. Opening is where this class stops it: once per partition and client is enough.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._opened: set[str] = set()

    def _start_producer(self, partition_id: str, send_timeout: float | None = None) -> None:
        if partition_id in self._opened:
            raise ConnectionLostError(f"the link to partition {partition_id} was lost")
        self._opened.add(partition_id)
        super()._start_producer(partition_id, send_timeout)


@dataclass(frozen=True)
class Sent:
    """What the hub has after a replay: events by kind, and how many of them were there before it began."""

    kinds: Counter[EventKind]
    already_there: int = 0

    @property
    def total(self) -> int:
        """All events of the replay."""
        return self.kinds.total()


def replay(
    open_events: Callable[[], Iterable[Chunk]],
    address: HubAddress,
    *,
    patience: timedelta = timedelta(seconds=30),
) -> Sent:
    """Bring the hub at `address` to hold exactly the events of `open_events()`, each at its original time.

    `open_events` is called again after a lost connection and must then give the same events. Raises `UserError` if the
    hub cannot be reached at first, accepts nothing for `patience` later, or holds events of something else.
    """
    course = _Course(address)
    wait = _FIRST_WAIT
    while True:
        accepted = course.accepted
        try:
            return course.run(open_events)
        except AuthenticationError as error:
            raise UserError(f"{address} refuses us, or there is no such hub: {reason(error)}") from error
        except EventHubError as error:
            if course.found is None:
                raise UserError(f"cannot reach {address}: {reason(error)}") from error
            if course.accepted > accepted:
                wait = _FIRST_WAIT
            if time.monotonic() - course.last_accepted > patience.total_seconds():
                raise UserError(
                    f"{address} has accepted nothing for {patience.total_seconds():g} s ({reason(error)}); "
                    "run the same command again when it is back: it goes on where it stopped"
                ) from error
        time.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


@dataclass
class _Course:
    """One replay over all its connections."""

    address: HubAddress
    found: dict[int, PartitionEnd] | None = None  # the partitions' last events when the replay began
    accepted: int = 0
    last_accepted: float = field(default_factory=time.monotonic)

    def run(self, open_events: Callable[[], Iterable[Chunk]]) -> Sent:
        """Send all that the hub lacks over one connection; raises `EventHubError` when that breaks."""
        with self.address.producer(SingleAttemptProducer, **ONE_ATTEMPT) as producer:
            partitions = producer.get_eventhub_properties()["partition_ids"]
            ends = partition_ends(self.address, partitions)
            if self.found is None:
                self.found = ends
            return self._pass(open_events, PartitionBatches(producer, partitions, on_sent=self._note), ends)

    def _pass(
        self, open_events: Callable[[], Iterable[Chunk]], batches: PartitionBatches, ends: dict[int, PartitionEnd]
    ) -> Sent:
        kinds: Counter[EventKind] = Counter()
        already_there = position = 0
        found = self.found or {}
        unmet = {end.position: partition for partition, end in ends.items()}
        for chunk in open_events():
            for event in chunk:
                partition = batches.partition(event.device)
                if partition in found and position <= found[partition].position:
                    already_there += 1
                if position in unmet and (unmet.pop(position) != partition or ends[partition].body != event.body):
                    raise self._other_replay(partition)
                if partition not in ends or position > ends[partition].position:
                    batches.add(partition, _event_data(event, position))
                position += 1
            kinds.update(event.kind for event in chunk)
        if unmet:
            raise self._other_replay(min(unmet.values()))
        batches.send_all()
        return Sent(kinds, already_there)

    def _note(self, count: int) -> None:
        self.accepted += count
        self.last_accepted = time.monotonic()

    def _other_replay(self, partition: int) -> UserError:
        return UserError(
            f"partition {partition} of {self.address} holds events of another replay: use an empty hub, or the same "
            "source and settings as before"
        )


def _event_data(event: Event, position: int) -> EventData:
    data = EventData(event.body)
    data.properties = {ARRIVED_AT_PROPERTY: timestamp(event.arrived_at), POSITION_PROPERTY: position}
    return data
