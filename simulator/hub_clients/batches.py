"""Collects events into one batch per partition, in the order in which they are given."""

from collections.abc import Callable, Sequence

from azure.eventhub import EventData, EventDataBatch, EventHubProducerClient

from simulator.event_hubs.storage.partition_keys import partition_of
from stream_queries.errors import UserError

BATCH_EVENTS = 1000
"""The SDK takes 10,000 events a second in batches of 100 and more, and 2,000 one by one."""


class PartitionBatches:
    """Batches of at most `BATCH_EVENTS` events, or of what fits one message; `on_sent` hears of every accepted one."""

    def __init__(
        self,
        producer: EventHubProducerClient,
        partition_ids: Sequence[str],
        *,
        on_sent: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._producer = producer
        self._partition_ids = partition_ids
        self._on_sent = on_sent
        self._open: dict[int, EventDataBatch] = {}
        self._partitions: dict[str, int] = {}

    def partition(self, device: str) -> int:
        """The partition in which the service would put this device's events."""
        if device not in self._partitions:
            self._partitions[device] = partition_of(device, len(self._partition_ids))
        return self._partitions[device]

    def add(self, partition: int, event: EventData) -> None:
        """Put `event` behind the partition's others and send what is full."""
        batch = self._batch(partition)
        try:
            batch.add(event)
        except ValueError:
            self._send(partition)
            batch = self._batch(partition)
            try:
                batch.add(event)
            except ValueError as error:
                raise UserError(f"an event is too large for the hub ({error})") from error
        if len(batch) >= BATCH_EVENTS:
            self._send(partition)

    def send_all(self) -> None:
        """Send every batch that holds anything."""
        for partition in list(self._open):
            self._send(partition)

    def _batch(self, partition: int) -> EventDataBatch:
        if partition not in self._open:
            self._open[partition] = self._producer.create_batch(partition_id=self._partition_ids[partition])
        return self._open[partition]

    def _send(self, partition: int) -> None:
        batch = self._open.pop(partition)
        self._producer.send_batch(batch)
        self._on_sent(len(batch))
