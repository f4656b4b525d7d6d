"""What the server serves: hubs with their partitions and consumer groups, and the keys that open them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from simulator.event_hubs.protocol.messages import events_in, partition_key
from simulator.event_hubs.storage.data_folder import DataFolder
from simulator.event_hubs.storage.log import PartitionLog, milliseconds_now
from simulator.event_hubs.storage.partition_keys import partition_of
from simulator.event_hubs.storage.records import RecordFile
from stream_queries.errors import UserError

DEFAULT_GROUP = "$Default"
"""The consumer group that every hub has."""

MAX_PARTITIONS = 32
"""What the Standard tier allows."""

MAX_MESSAGE_SIZE = 1 << 20
"""Bytes of one delivery (an event or a whole batch) that the Standard tier takes."""

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,254}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Hub:
    """An event hub to serve. Names of hubs and consumer groups compare without case, as in Azure."""

    name: str
    partitions: int = 4
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (self.name, *(group for group in self.groups if group != DEFAULT_GROUP)):
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"{name!r} is no name: use letters, digits, '.', '_' and '-', a letter or digit at each end"
                )
        if not 1 <= self.partitions <= MAX_PARTITIONS:
            raise ValueError(f"{self.name} has {self.partitions} partitions: 1 to {MAX_PARTITIONS} are possible")


@dataclass
class Stats:
    """What has passed through the server since its start; bytes are those of whole AMQP messages."""

    connections: int = 0
    batches_in: int = 0
    events_in: int = 0
    bytes_in: int = 0
    events_out: int = 0
    bytes_out: int = 0


class Reader(Protocol):
    """What a partition knows of an open receiver."""

    epoch: int | None

    def pump(self) -> None:
        """Send what the receiver has credit for."""

    def detach(self, condition: str, text: str) -> None:
        """Close the receiver's link with an error."""


@dataclass
class Partition:
    """One partition of a served hub: its log, and its open receivers by consumer group."""

    number: int
    log: PartitionLog
    readers: dict[str, list[Reader]] = field(default_factory=dict)


class ServedHub:
    """A hub while it is served."""

    def __init__(self, hub: Hub, folder: DataFolder | None) -> None:
        """Read back what the data folder holds; a `UserError` if it cannot be trusted."""
        self.name = hub.name
        self.groups = {group.lower() for group in (*hub.groups, DEFAULT_GROUP)}
        self.created_ms = milliseconds_now()
        self.partitions: list[Partition] = []
        self._turn = 0
        try:
            for number in range(hub.partitions):
                self.partitions.append(Partition(number, self._open_log(hub, number, folder)))
        except BaseException:
            self.close()
            raise

    def _open_log(self, hub: Hub, number: int, folder: DataFolder | None) -> PartitionLog:
        if folder is None:
            return PartitionLog()
        path = folder.log_path(hub.name, number)
        file = RecordFile(path, partition=number, partitions=hub.partitions, now_ms=self.created_ms)
        self.created_ms = min(self.created_ms, file.created_ms)
        try:
            return PartitionLog(file)
        except BaseException:
            file.close()
            raise

    def ingest(self, payload: bytes, message_format: int, partition: Partition | None) -> tuple[Partition, int]:
        """Store one delivery, whole or not at all: the partition that has it now, and its number of events.

        Without a given partition the envelope's partition key chooses it, or else the next one takes its turn.
        """
        events = events_in(payload, message_format)
        if partition is None:
            partition = self._partition_for(partition_key(payload))
        partition.log.append(events)
        return partition, len(events)

    def _partition_for(self, key: str | None) -> Partition:
        if key is not None:
            return self.partitions[partition_of(key, len(self.partitions))]
        self._turn = (self._turn + 1) % len(self.partitions)
        return self.partitions[self._turn]

    def close(self) -> None:
        """Close the partitions' files."""
        for partition in self.partitions:
            partition.log.close()


class Namespace:
    """All hubs of one server. Close it to release its data folder."""

    def __init__(
        self,
        hubs: Iterable[Hub],
        *,
        data: Path | None = None,
        keys: Mapping[str, str] | None = None,
        max_message_size: int = MAX_MESSAGE_SIZE,
    ) -> None:
        """Serve `hubs`, from and to the folder `data` if there is one; without `keys` every token opens every hub."""
        self.keys = dict(keys or {})
        self.max_message_size = max_message_size
        self.stats = Stats()
        self.hubs: dict[str, ServedHub] = {}
        self._folder = DataFolder(data) if data else None
        try:
            for hub in hubs:
                if hub.name.lower() in self.hubs:
                    raise UserError(f"the hub {hub.name} is given twice: name each hub once")
                self.hubs[hub.name.lower()] = ServedHub(hub, self._folder)
        except BaseException:
            self.close()
            raise

    def hub(self, name: str) -> ServedHub | None:
        """The hub of that name, in whatever case."""
        return self.hubs.get(name.lower())

    def close(self) -> None:
        """Close all files and release the data folder."""
        for hub in self.hubs.values():
            hub.close()
        if self._folder:
            self._folder.close()
