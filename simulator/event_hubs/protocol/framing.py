"""AMQP frames on a socket: bytes in, whole frames out, and back.

A peer that breaks the protocol loses its connection, and one line in the log says why; the others notice nothing.

Source: OASIS AMQP 1.0, part 2, section 2.3 (framing).
"""

import asyncio
import logging
from typing import cast

from simulator.event_hubs.protocol import codec
from simulator.event_hubs.protocol.codec import DecodeError, Performative

log = logging.getLogger(__name__)

MAX_FRAME_SIZE = 65536
"""Bytes of the largest frame that this server takes and sends."""

AMQP, SASL = 0, 1
"""Frame types."""

_HEADER_SIZE = 8
_EMPTY_FRAME = b"\x00\x00\x00\x08\x02\x00\x00\x00"
_SOCKET_BUFFER = 1 << 20


class ProtocolError(Exception):
    """The peer broke the protocol: the AMQP condition, and what it did."""

    def __init__(self, condition: str, text: str) -> None:
        super().__init__(text)
        self.condition, self.text = condition, text


class FramedProtocol(asyncio.Protocol):
    """A connection as a stream of frames; what they mean is the subclass's business."""

    def __init__(self) -> None:
        self.paused = False
        self._opened = self._closing = False
        self._received = bytearray()
        self._transport: asyncio.Transport

    def on_header(self, protocol: int) -> None:
        """Answer a protocol header."""
        raise NotImplementedError

    def on_frame(self, frame_type: int, channel: int, body: bytes) -> None:
        """Take a frame that has a body."""
        raise NotImplementedError

    # ---- Out
    def write(self, data: bytes) -> None:
        """Send whole frames."""
        self._transport.write(data)

    def send(self, channel: int, kind: Performative, *fields: bytes) -> None:
        """Send one performative."""
        self.send_frame(AMQP, channel, codec.performative(kind, *fields))

    def send_frame(self, frame_type: int, channel: int, body: bytes) -> None:
        """Send one frame."""
        size = (_HEADER_SIZE + len(body)).to_bytes(4, "big")
        self.write(size + bytes((2, frame_type)) + channel.to_bytes(2, "big") + body)

    def send_empty_frame(self) -> None:
        """Send a sign of life."""
        self.write(_EMPTY_FRAME)

    def close(self, condition: str, text: str) -> None:
        """End the connection, telling the peer why."""
        if self._opened and not self._closing:
            self.send(0, Performative.CLOSE, codec.error(condition, text))
        self.end()

    def end(self) -> None:
        """End the connection once all is sent."""
        self._closing = True
        self._transport.close()

    def abort(self) -> None:
        """End the connection without waiting for what is still to be sent."""
        self._transport.abort()

    # ---- In
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to serve the peer."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_SOCKET_BUFFER)

    def pause_writing(self) -> None:
        """Hold back: the peer does not keep up."""
        self.paused = True

    def data_received(self, data: bytes) -> None:
        """Take all whole frames."""
        self._received += data
        try:
            del self._received[: self._take_frames()]
        except ProtocolError as error:
            log.warning("closed a connection: %s", error)
            self.close(error.condition, error.text)
        except DecodeError as error:
            log.warning("closed a connection: %s", error)
            self.close("amqp:decode-error", str(error))
        except Exception as error:  # whatever a broken peer brings about must not stop the server
            log.warning("closed a connection: %r", error, exc_info=log.isEnabledFor(logging.DEBUG))
            self.close("amqp:internal-error", repr(error))

    def _take_frames(self) -> int:
        """Hand on the frames that have arrived whole; returns their size in bytes."""
        position, received = 0, self._received
        while not self._closing and len(received) - position >= _HEADER_SIZE:
            if received[position : position + 4] == b"AMQP":
                self.on_header(received[position + 4])
                position += _HEADER_SIZE
                continue
            size = int.from_bytes(received[position : position + 4], "big")
            start = 4 * received[position + 4]
            if not _HEADER_SIZE <= start <= size <= MAX_FRAME_SIZE:
                raise ProtocolError("amqp:connection:framing-error", f"a frame of {size} bytes, its body at {start}")
            if len(received) - position < size:
                break
            frame_type = received[position + 5]
            channel = int.from_bytes(received[position + 6 : position + _HEADER_SIZE], "big")
            if size > start:  # an empty frame only says that the peer is alive
                self.on_frame(frame_type, channel, bytes(received[position + start : position + size]))
            position += size
        return len(received) if self._closing else position
