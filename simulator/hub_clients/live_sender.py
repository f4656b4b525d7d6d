"""Sends events as devices would: now, at their own pace, with their times moved to the present.

A live stream job takes the hub's clock as arrival time, so readings with times of their own past would all be late.
Events carry no properties here, and the SDK's retries stay on: like a real device, this sender may repeat itself.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from azure.eventhub import EventData
from azure.eventhub.exceptions import EventHubError

from simulator.devices.events import Chunk, Event, EventKind, timestamp
from simulator.hub_clients.address import ONE_ATTEMPT, HubAddress, reason
from simulator.hub_clients.batches import PartitionBatches
from stream_queries.errors import UserError
from stream_queries.schema import TS

_SHORTEST_WAIT = timedelta(milliseconds=100)
"""Events due within this time travel in one batch."""

_MEANT_TIME = timedelta(days=1)
"""A `ts` further than this from its event's arrival is malformed on purpose and stays as it is."""


@dataclass(frozen=True)
class Shift:
    """Moves times so that `first` becomes `now`, and what follows comes `speed` times as fast.

    Delays shrink by the same factor: at `speed` 10 a reading that came 100 s late comes 10 s late, and counts.
    """

    first: datetime
    now: datetime
    speed: float

    def moment(self, original: datetime) -> datetime:
        """When what happened at `original` happens now."""
        return self.now + (original - self.first) / self.speed

    def body(self, event: Event) -> bytes:
        """The event's body with its `ts` moved, byte for byte the same otherwise; as it is if it has no such time."""
        try:
            ts = json.loads(event.body)[TS]
            original = datetime.fromisoformat(ts)
            if abs(original - event.arrived_at) > _MEANT_TIME:
                return event.body
        except (ValueError, TypeError, KeyError, OverflowError):
            return event.body
        return event.body.replace(f'"{ts}"'.encode(), f'"{timestamp(self.moment(original))}"'.encode(), 1)


def send_live(
    chunks: Iterable[Chunk],
    address: HubAddress,
    *,
    speed: float = 1.0,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> Counter[EventKind]:
    """Send all events of `chunks` when they are due, and return how many of each kind.

    The first event is due at once. Raises `UserError` if the hub cannot be reached or refuses.
    """
    kinds: Counter[EventKind] = Counter()
    shift: Shift | None = None
    try:
        with address.producer(**ONE_ATTEMPT) as probe:  # an address that is wrong should not be tried for long
            partition_ids = probe.get_eventhub_properties()["partition_ids"]
        with address.producer() as producer:
            batches = PartitionBatches(producer, partition_ids)
            for chunk in chunks:
                for event in chunk:
                    if shift is None:
                        shift = Shift(event.arrived_at, now(), speed)
                    left = shift.moment(event.arrived_at) - now()
                    if left > timedelta(0):
                        batches.send_all()
                        sleep(max(left, _SHORTEST_WAIT).total_seconds())
                    batches.add(batches.partition(event.device), EventData(shift.body(event)))
                    kinds[event.kind] += 1
            batches.send_all()
    except EventHubError as error:
        raise UserError(f"cannot send to {address}: {reason(error)}") from error
    return kinds
