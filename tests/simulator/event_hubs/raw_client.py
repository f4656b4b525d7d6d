"""A client below the SDK: it speaks frames, so that tests can send what the SDK never would."""

import socket
import struct
from types import TracebackType
from typing import Any, Self

from simulator.event_hubs.protocol import codec
from simulator.event_hubs.protocol.codec import NULL, Described, Performative
from tests.support.deadline import ENOUGH_SECONDS

SELECTOR = "apache.org:selector-filter:string"


class RawClient:
    """One connection. Performatives come and go as descriptor and fields; a transfer's payload is a last field."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=ENOUGH_SECONDS)
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def send(self, kind: Performative, *fields: bytes, payload: bytes = b"", channel: int = 0) -> None:
        body = codec.performative(kind, *fields) + payload
        self.write(struct.pack(">IBBH", len(body) + 8, 2, 0, channel) + body)

    def _read(self, size: int) -> bytes:
        while len(self._received) < size:
            more = self._socket.recv(65536)
            if not more:
                raise EOFError
            self._received += more
        data, self._received = self._received[:size], self._received[size:]
        return data

    def receive(self) -> tuple[Performative, list[Any]]:
        """The next frame that is not empty; EOFError if the server has closed the connection."""
        while True:
            header = self._read(8)
            if header.startswith(b"AMQP"):
                continue
            body = self._read(struct.unpack(">I", header[:4])[0] - 8)
            if body:
                code, position = codec.decode(body, 1)
                fields, end = codec.decode(body, position)
                return Performative(code), [*fields, body[end:]]

    def receive_empty_frame(self) -> None:
        """Read exactly one frame and assert that it is empty."""
        assert self._read(8) == b"\x00\x00\x00\x08\x02\x00\x00\x00"

    def expect(self, kind: Performative) -> list[Any]:
        """The fields of the next frame, which must be of that kind."""
        received, fields = self.receive()
        assert received is kind, (received, fields)
        return fields

    def open(self, *, max_frame_size: int = 65536, idle_ms: int | None = None, window: int = 10_000) -> Self:
        """Open the connection and one session."""
        self.write(b"AMQP\x00\x01\x00\x00")
        idle = NULL if idle_ms is None else codec.uint(idle_ms)
        self.send(Performative.OPEN, codec.string("raw"), NULL, codec.uint(max_frame_size), codec.ushort(1), idle)
        self.expect(Performative.OPEN)
        self.begin(window=window)
        return self

    def begin(self, *, window: int = 10_000) -> None:
        self.send(Performative.BEGIN, NULL, codec.uint(0), codec.uint(window), codec.uint(10_000))
        self.expect(Performative.BEGIN)

    def attach_reader(
        self, address: str, *, handle: int = 0, selector: str = "amqp.annotation.x-opt-offset > '-1'"
    ) -> None:
        filters = codec.map_of([(codec.symbol(SELECTOR), b"\x00" + codec.symbol(SELECTOR) + codec.string(selector))])
        source = codec.described(0x28, codec.list_of(codec.string(address), *[NULL] * 6, filters))
        target = codec.described(0x29, codec.list_of(codec.string("reader")))
        self.send(
            Performative.ATTACH,
            codec.string(f"link-{handle}"),
            codec.uint(handle),
            codec.TRUE,
            NULL,
            NULL,
            source,
            target,
        )

    def attach_sender(self, address: str, *, handle: int = 0) -> None:
        source = codec.described(0x28, codec.list_of(codec.string("sender")))
        target = codec.described(0x29, codec.list_of(codec.string(address)))
        self.send(
            Performative.ATTACH,
            codec.string(f"link-{handle}"),
            codec.uint(handle),
            codec.FALSE,
            NULL,
            NULL,
            source,
            target,
            NULL,
            NULL,
            codec.uint(0),
        )
        self.expect(Performative.ATTACH)
        self.expect(Performative.FLOW)

    def transfer(
        self, payload: bytes, *, handle: int = 0, delivery: int = 0, more: bool = False, message_format: int = 0
    ) -> None:
        self.send(
            Performative.TRANSFER,
            codec.uint(handle),
            codec.uint(delivery),
            codec.binary(b"t"),
            codec.uint(message_format),
            codec.FALSE,
            codec.boolean(more),
            payload=payload,
        )

    def deliver(self, payload: bytes, **options: Any) -> Described:
        """Send a delivery and return the state it was settled with."""
        self.transfer(payload, **options)
        return self.expect(Performative.DISPOSITION)[4]

    def flow(
        self, *, credit: int, count: int = 0, handle: int = 0, window: int = 10_000, seen: int = 0, drain: bool = False
    ) -> None:
        self.send(
            Performative.FLOW,
            codec.uint(seen),
            codec.uint(window),
            codec.uint(0),
            codec.uint(10_000),
            codec.uint(handle),
            codec.uint(count),
            codec.uint(credit),
            NULL,
            codec.boolean(drain),
            codec.FALSE,
        )
