"""Sessions, and what all links on them have in common: credit, deliveries cut into frames, acknowledgements.

A receiver grants *credit*, the number of deliveries it will take, as the sum of its delivery count and its link
credit; a session grants a *window*, the number of transfer frames. A reader is sent what both allow, as long as its
socket takes it.

Source: OASIS AMQP 1.0, part 2, sections 2.5.6 (session flow control) and 2.6.7 (link flow control).
"""

import logging
import struct
from dataclasses import dataclass, field
from typing import Any, Protocol

from simulator.event_hubs.protocol import codec
from simulator.event_hubs.protocol.codec import DecodeError, Performative
from simulator.event_hubs.service.management import Access
from simulator.event_hubs.storage.namespace import Namespace

log = logging.getLogger(__name__)

_SENDER_CREDIT = 2000
_SESSION_WINDOW = 0x7FFFFFFF  # TCP holds a sender back, not the session

_ACCEPTED = codec.described(0x24, codec.list_of())


def _rejected(condition: str, text: str) -> bytes:
    return codec.described(0x25, codec.list_of(codec.error(condition, text)))


# A transfer frame in one piece, because it is written for every event: size, data offset, type, channel, then the
# performative as a short list of 11 fields: handle, delivery id, delivery tag (the id again), and constants.
_TRANSFER = struct.Struct(">IBBH6sBIBI2sI8s")
_TRANSFER_START = b"\x00\x53\x14\xc0\x19\x0b"
_MORE, _LAST = (  # format 0, settled, more or not, no receiver mode, no state, not resumed, not aborted, not batchable
    b"\x43" + codec.TRUE + more + codec.NULL * 2 + codec.FALSE * 3 for more in (codec.TRUE, codec.FALSE)
)


class Peer(Protocol):
    """What a session needs of the connection it is on."""

    namespace: Namespace
    access: Access
    max_frame_size: int
    paused: bool

    def send(self, channel: int, kind: Performative, *fields: bytes) -> None:
        """Send one performative."""

    def write(self, data: bytes) -> None:
        """Send whole frames."""


@dataclass
class Session:
    """One session of a connection."""

    peer: Peer
    channel: int
    next_incoming_id: int
    peer_window: int
    next_outgoing_id: int = 0
    next_delivery_id: int = 0
    links: "dict[int, Link]" = field(default_factory=dict)

    def on_flow(self, fields: list[Any]) -> None:
        """Take a session's window and a link's credit, and send what they now allow."""
        next_expected, window, handle = fields[0] or 0, fields[1], fields[4]
        self.peer_window = next_expected + window - self.next_outgoing_id
        link = self.links.get(handle)
        if isinstance(link, OutgoingLink):
            link.take_credit(fields[5] or 0, fields[6] or 0)
        self.pump()
        if link is None:
            return
        drain, echo = fields[8], fields[9]
        if drain and isinstance(link, OutgoingLink):
            link.drain()
        if drain or echo:
            self.send_flow(link, drained=bool(drain))

    def send_flow(self, link: "Link", *, drained: bool = False) -> None:
        """Tell the peer where the session and a link stand."""
        self.peer.send(
            self.channel,
            Performative.FLOW,
            codec.uint(self.next_incoming_id),
            codec.uint(_SESSION_WINDOW),
            codec.uint(self.next_outgoing_id),
            codec.uint(_SESSION_WINDOW),
            codec.uint(link.handle),
            codec.uint(link.delivery_count),
            codec.uint(link.credit),
            codec.uint(0),
            codec.boolean(drained),
            codec.FALSE,
        )

    def pump(self) -> None:
        """Send what waits on any link."""
        for link in list(self.links.values()):
            if isinstance(link, OutgoingLink):
                link.pump()

    def remove(self, handle: int) -> "Link | None":
        """Forget a link; it neither sends nor takes anything from here on."""
        link = self.links.pop(handle, None)
        if link:
            link.release()
        return link

    def close(self) -> None:
        """Forget all links."""
        for handle in list(self.links):
            self.remove(handle)


class Link:
    """The server's side of one link."""

    def __init__(self, session: Session, handle: int, address: str) -> None:
        self.session, self.handle, self.address = session, handle, address
        self.credit = 0
        self.delivery_count = 0

    def release(self) -> None:
        """Let go of what the link holds."""

    def detach(self, condition: str, text: str) -> None:
        """Close the link with an error."""
        self.session.remove(self.handle)
        error = codec.error(condition, text)
        self.session.peer.send(self.session.channel, Performative.DETACH, codec.uint(self.handle), codec.TRUE, error)


# ---- Client to server
class IncomingLink(Link):
    """A link on which the client sends."""

    def __init__(self, session: Session, handle: int, address: str) -> None:
        super().__init__(session, handle, address)
        self._frames: list[bytes] = []
        self._size = 0
        self._delivery_id, self.message_format = 0, 0

    def open(self, initial_delivery_count: int) -> None:
        """Grant the client its first credit."""
        self.delivery_count = initial_delivery_count
        self._grant()

    def _grant(self) -> None:
        self.credit = _SENDER_CREDIT
        self.session.send_flow(self)

    def on_transfer(self, fields: list[Any], frame: bytes) -> None:
        """Take one frame of a delivery; with the last one, the delivery is stored and then acknowledged."""
        _, delivery_id, _, message_format, settled, more, _, _, _, aborted, _ = fields
        if delivery_id is not None:
            self._delivery_id, self.message_format = delivery_id, message_format or 0
        self._frames.append(frame)
        self._size += len(frame)
        limit = self.session.peer.namespace.max_message_size
        if self._size > limit:
            self.detach("amqp:link:message-size-exceeded", f"The received message is larger than {limit} bytes.")
            return
        if more and not aborted:
            return
        payload = self._frames[0] if len(self._frames) == 1 else b"".join(self._frames)
        self._frames, self._size = [], 0
        self.delivery_count += 1
        self.credit -= 1
        if not aborted:
            state = self._outcome(payload)
            if not settled:
                self._settle(state)
        if self.credit < _SENDER_CREDIT // 2:
            self._grant()
        self.after_delivery()

    def _outcome(self, payload: bytes) -> bytes:
        try:
            self.take(payload)
        except DecodeError as fault:
            log.warning("rejected a delivery to %s: %s", self.address, fault)
            return _rejected("amqp:decode-error", f"The message could not be read: {fault}.")
        except OSError as fault:
            log.error("could not store a delivery to %s: %s", self.address, fault)
            return _rejected("amqp:internal-error", f"The message could not be stored: {fault}.")
        return _ACCEPTED

    def _settle(self, state: bytes) -> None:
        delivery = codec.uint(self._delivery_id)
        self.session.peer.send(
            self.session.channel,
            Performative.DISPOSITION,
            codec.TRUE,
            delivery,
            delivery,
            codec.TRUE,
            state,
            codec.FALSE,
        )

    def take(self, payload: bytes) -> None:
        """Do what the delivery asks for; DecodeError or OSError rejects it."""
        raise NotImplementedError

    def after_delivery(self) -> None:
        """Do what may wait until the client has its acknowledgement."""


# ---- Server to client
class OutgoingLink(Link):
    """A link on which the client receives."""

    def take_credit(self, delivery_count: int, link_credit: int) -> None:
        """The client's view of the link: how many deliveries it has seen, and how many more it will take."""
        self.credit = max(delivery_count + link_credit - self.delivery_count, 0)

    def drain(self) -> None:
        """Use up the credit that nothing is there for."""
        self.delivery_count += self.credit
        self.credit = 0

    def pump(self) -> None:
        """Send what waits and is allowed to go."""
        raise NotImplementedError

    @property
    def may_send(self) -> bool:
        """Whether credit, window and socket allow one more delivery."""
        return self.credit > 0 and self.session.peer_window > 0 and not self.session.peer.paused

    def frames(self, message: bytes) -> list[bytes]:
        """The message as transfer frames, counted as sent and settled."""
        session = self.session
        room = session.peer.max_frame_size - _TRANSFER.size
        delivery, frames = session.next_delivery_id & 0xFFFFFFFF, []
        for start in range(0, len(message), room):
            chunk = message[start : start + room]
            end = _MORE if start + room < len(message) else _LAST
            size = _TRANSFER.size + len(chunk)
            head = (
                size,
                2,
                0,
                session.channel,
                _TRANSFER_START,
                0x70,
                self.handle,
                0x70,
                delivery,
                b"\xa0\x04",
                delivery,
            )
            frames += (_TRANSFER.pack(*head, end), chunk)
        sent = len(frames) // 2
        session.next_outgoing_id += sent
        session.peer_window -= sent
        session.next_delivery_id += 1
        self.delivery_count += 1
        self.credit -= 1
        return frames
