"""The four things a link can be for: a request or its reply, ingest (the client sends), read (the client receives)."""

from collections import deque

from simulator.event_hubs.protocol import codec, messages
from simulator.event_hubs.service import management
from simulator.event_hubs.service.links import IncomingLink, OutgoingLink, Session
from simulator.event_hubs.storage.log import milliseconds_now
from simulator.event_hubs.storage.namespace import Partition, ServedHub

_WRITE_SIZE = 1 << 18  # a reader's frames are handed to its socket in pieces of about this many bytes


class RequestLink(IncomingLink):
    """Requests to `$cbs` or `$management`; answers leave by the session's reply link of the same node."""

    def take(self, payload: bytes) -> None:
        """Answer the request."""
        message_id, properties, content = messages.request_parts(payload)
        peer = self.session.peer
        answer = management.answer(self.address, properties, content, namespace=peer.namespace, access=peer.access)
        reply = messages.reply(message_id, answer.status, answer.text, condition=answer.condition, body=answer.body)
        for link in self.session.links.values():
            if isinstance(link, ReplyLink) and link.address == self.address:
                link.reply(reply)


class ReplyLink(OutgoingLink):
    """Answers of `$cbs` or `$management`."""

    def __init__(self, session: Session, handle: int, address: str) -> None:
        super().__init__(session, handle, address)
        self._waiting: deque[bytes] = deque()

    def reply(self, message: bytes) -> None:
        """Send an answer as soon as there is credit for it."""
        self._waiting.append(message)
        self.pump()

    def pump(self) -> None:
        """Send what waits and is allowed to go."""
        while self._waiting and self.may_send:
            self.session.peer.write(b"".join(self.frames(self._waiting.popleft())))


class IngestLink(IncomingLink):
    """Events for a hub, or for one partition of it."""

    def __init__(
        self, session: Session, handle: int, address: str, *, hub: ServedHub, partition: Partition | None
    ) -> None:
        super().__init__(session, handle, address)
        self._hub, self._partition = hub, partition
        self._touched: Partition | None = None

    def take(self, payload: bytes) -> None:
        """Store the events."""
        self._touched, count = self._hub.ingest(payload, self.message_format, self._partition)
        stats = self.session.peer.namespace.stats
        stats.batches_in += 1
        stats.events_in += count
        stats.bytes_in += len(payload)

    def after_delivery(self) -> None:
        """Let the partition's readers have the events."""
        if self._touched:
            for readers in list(self._touched.readers.values()):
                for reader in list(readers):
                    reader.pump()
            self._touched = None


class ReadLink(OutgoingLink):
    """Events of one partition, from a position on, for one receiver of a consumer group."""

    def __init__(
        self,
        session: Session,
        handle: int,
        address: str,
        *,
        partition: Partition,
        group: str,
        epoch: int | None,
        position: int,
        with_metrics: bool,
    ) -> None:
        super().__init__(session, handle, address)
        self.epoch = epoch
        self._partition, self._position, self._with_metrics = partition, position, with_metrics
        self._readers = partition.readers.setdefault(group, [])
        self._readers.append(self)

    def release(self) -> None:
        """Leave the consumer group's readers."""
        self._readers.remove(self)

    def pump(self) -> None:
        """Send what waits and is allowed to go."""
        events, peer = self._partition.log.events, self.session.peer
        frames: list[bytes] = []
        size = 0
        while self._position < len(events) and self.may_send:
            message = events[self._position]
            self._position += 1
            if self._with_metrics:
                message = messages.with_delivery_annotations(message, self._metrics())
            frames += self.frames(message)
            size += len(message)
            peer.namespace.stats.events_out += 1
            peer.namespace.stats.bytes_out += len(message)
            if size > _WRITE_SIZE:
                peer.write(b"".join(frames))
                frames, size = [], 0
        if frames:
            peer.write(b"".join(frames))

    def _metrics(self) -> list[tuple[bytes, bytes]]:
        log = self._partition.log
        return [
            (codec.symbol("last_enqueued_sequence_number"), codec.long(log.next_sequence - 1)),
            (codec.symbol("last_enqueued_offset"), codec.string(str(log.last_offset))),
            (codec.symbol("last_enqueued_time_utc"), codec.timestamp(log.last_enqueued_ms)),
            (codec.symbol("runtime_info_retrieval_time_utc"), codec.timestamp(milliseconds_now())),
        ]
