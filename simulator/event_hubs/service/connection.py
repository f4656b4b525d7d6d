"""One client's connection: from the header over SASL, open and sessions to the close."""

import asyncio
import logging
from typing import Any

from simulator.event_hubs.protocol import codec
from simulator.event_hubs.protocol.codec import FIELD_COUNTS, NULL, TRUE, DecodeError, Performative
from simulator.event_hubs.protocol.framing import MAX_FRAME_SIZE, SASL, FramedProtocol, ProtocolError
from simulator.event_hubs.service.attach import Attach, LinkError, open_link
from simulator.event_hubs.service.links import IncomingLink, Session
from simulator.event_hubs.service.management import Access
from simulator.event_hubs.storage.namespace import Namespace

log = logging.getLogger(__name__)

_MIN_FRAME_SIZE = 512  # every AMQP peer takes frames of this size
_MAX_CHANNEL = 4999
_MAX_HANDLE = 255
_WINDOW = 0x7FFFFFFF

_PROTOCOL_AMQP, _PROTOCOL_SASL = 0, 3
_SASL_MECHANISMS, _SASL_INIT, _SASL_OUTCOME = 0x40, 0x41, 0x44


class Connection(FramedProtocol):
    """One client's connection to a namespace; it enters and leaves the set of all connections by itself."""

    def __init__(self, namespace: Namespace, connections: "set[Connection]") -> None:
        super().__init__()
        self.namespace, self.access = namespace, Access(namespace.keys)
        self.max_frame_size = _MIN_FRAME_SIZE
        self._all = connections
        self._sessions: dict[int, Session] = {}
        self._keep_alive: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to serve the client."""
        super().connection_made(transport)
        self._all.add(self)
        self.namespace.stats.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        log.debug("a connection has ended: %r", exc)
        self._all.discard(self)
        if self._keep_alive:
            self._keep_alive.cancel()
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()

    def resume_writing(self) -> None:
        """Send readers what had to wait."""
        self.paused = False
        for session in list(self._sessions.values()):
            session.pump()

    def on_header(self, protocol: int) -> None:
        """Agree to plain AMQP or to SASL."""
        if protocol not in (_PROTOCOL_AMQP, _PROTOCOL_SASL):
            raise ProtocolError("amqp:connection:framing-error", f"protocol {protocol} is not served here")
        self.write(b"AMQP" + bytes((protocol, 1, 0, 0)))
        if protocol == _PROTOCOL_SASL:
            mechanisms = codec.array_of(map(codec.symbol, ("ANONYMOUS", "PLAIN", "EXTERNAL", "MSSBCBS")))
            self.send_frame(SASL, 0, codec.described(_SASL_MECHANISMS, codec.list_of(mechanisms)))

    def on_frame(self, frame_type: int, channel: int, body: bytes) -> None:
        """Take one frame."""
        if body[0] != 0:
            raise DecodeError("a frame without a performative")
        code, position = codec.decode(body, 1)
        fields, end = codec.decode(body, position)
        if not isinstance(fields, list):
            raise DecodeError("a performative that is not a list")
        if frame_type == SASL:
            if code == _SASL_INIT:  # every mechanism is let in: tokens come later, to $cbs
                self.send_frame(SASL, 0, codec.described(_SASL_OUTCOME, codec.list_of(codec.ubyte(0), NULL)))
            return
        try:
            kind = Performative(code)
        except ValueError:
            raise DecodeError(f"no performative has the descriptor {code!r}") from None
        fields += [None] * (FIELD_COUNTS[kind] - len(fields))
        if kind is not Performative.TRANSFER and log.isEnabledFor(logging.DEBUG):
            log.debug("channel %d: %s %s", channel, kind.name, fields)
        self._on_performative(kind, channel, fields, body, position, end)

    def _on_performative(
        self, kind: Performative, channel: int, fields: list[Any], body: bytes, position: int, end: int
    ) -> None:
        match kind:
            case Performative.OPEN:
                self._on_open(fields)
            case Performative.BEGIN:
                self._on_begin(channel, fields)
            case Performative.CLOSE:
                self.send(0, Performative.CLOSE)
                self.end()
            case _:
                session = self._sessions.get(channel)
                if session:  # the SDK still detaches its links after it has ended their session
                    self._on_session_frame(session, kind, fields, body, position, end)

    def _on_open(self, fields: list[Any]) -> None:
        self._opened = True
        self.max_frame_size = max(min(fields[2] or MAX_FRAME_SIZE, MAX_FRAME_SIZE), _MIN_FRAME_SIZE)
        self.send(
            0,
            Performative.OPEN,
            codec.string("loopback-event-hubs"),
            NULL,
            codec.uint(MAX_FRAME_SIZE),
            codec.ushort(_MAX_CHANNEL),
            *[NULL] * 5,
            codec.map_of([]),
        )
        if fields[4]:
            self._send_signs_of_life(fields[4] / 1000 / 2)

    def _send_signs_of_life(self, interval: float) -> None:
        """Send an empty frame now and then, to a client that takes silence for the end."""
        self.send_empty_frame()
        self._keep_alive = asyncio.get_running_loop().call_later(interval, self._send_signs_of_life, interval)

    def _on_begin(self, channel: int, fields: list[Any]) -> None:
        if channel in self._sessions or channel > _MAX_CHANNEL:
            raise ProtocolError("amqp:not-allowed", f"a session cannot begin on channel {channel}")
        self._sessions[channel] = Session(self, channel, next_incoming_id=fields[1] or 0, peer_window=fields[2] or 0)
        window = codec.uint(_WINDOW)
        self.send(
            channel, Performative.BEGIN, codec.ushort(channel), codec.uint(0), window, window, codec.uint(_MAX_HANDLE)
        )

    def _on_session_frame(
        self, session: Session, kind: Performative, fields: list[Any], body: bytes, position: int, end: int
    ) -> None:
        match kind:
            case Performative.TRANSFER:
                session.next_incoming_id += 1
                link = session.links.get(fields[0])
                if isinstance(link, IncomingLink):  # frames of a delivery that was refused may still be on their way
                    link.on_transfer(fields, body[end:])
            case Performative.FLOW:
                session.on_flow(fields)
            case Performative.ATTACH:
                self._on_attach(session, fields, body, position)
            case Performative.DETACH:
                if session.remove(fields[0]):
                    self.send(session.channel, Performative.DETACH, codec.uint(fields[0]), codec.boolean(fields[1]))
            case Performative.END:
                session.close()
                del self._sessions[session.channel]
                self.send(session.channel, Performative.END)

    def _on_attach(self, session: Session, fields: list[Any], body: bytes, position: int) -> None:
        attach = Attach.from_fields(fields)
        if attach.handle in session.links or attach.handle > _MAX_HANDLE:
            raise ProtocolError("amqp:session:handle-in-use", f"the handle {attach.handle} is not free")
        source, target = codec.encoded_items(body, position)[5:7]
        try:
            link = open_link(session, attach)
        except LinkError as error:  # refused as the specification has it: attached without a terminus, then detached
            refused = (NULL, target) if attach.client_receives else (source, NULL)
            self._send_attach(session, fields, *refused)
            reason = codec.error(error.condition, error.text)
            self.send(session.channel, Performative.DETACH, codec.uint(attach.handle), TRUE, reason)
            return
        session.links[attach.handle] = link
        self._send_attach(session, fields, source, target)
        if isinstance(link, IncomingLink):
            link.open(attach.initial_delivery_count)

    def _send_attach(self, session: Session, fields: list[Any], source: bytes, target: bytes) -> None:
        name, handle, client_receives, settle_mode = fields[:4]
        self.send(
            session.channel,
            Performative.ATTACH,
            codec.string(name),
            codec.uint(handle),
            codec.boolean(not client_receives),
            codec.ubyte(1 if client_receives else settle_mode or 0),  # 1: what readers are sent is settled
            codec.ubyte(0),
            source,
            target,
            NULL,
            codec.FALSE,
            codec.uint(0) if client_receives else NULL,
            codec.ulong(self.namespace.max_message_size),
            NULL,
            NULL,
            codec.map_of([]),
        )
