"""The protocol below the SDK: credit, windows, drain, refusals, and peers that break every rule."""

import random
import socket
from collections.abc import Iterator

import pytest

from simulator.event_hubs import Hub, LoopbackEventHubs
from simulator.event_hubs.protocol import codec
from simulator.event_hubs.protocol.codec import Described, Performative
from simulator.event_hubs.protocol.messages import BATCH_FORMAT, DATA
from tests.simulator.event_hubs.raw_client import RawClient
from tests.support.deadline import ENOUGH_SECONDS

ACCEPTED, REJECTED = 0x24, 0x25
READER = "readings/ConsumerGroups/$Default/Partitions/0"


@pytest.fixture
def server() -> Iterator[LoopbackEventHubs]:
    with LoopbackEventHubs([Hub("readings", 1)], max_message_size=100_000) as event_hubs:
        yield event_hubs


def event(body: bytes) -> bytes:
    return codec.described(DATA, codec.binary(body))


def batch(*events: bytes) -> bytes:
    return b"".join(codec.described(DATA, codec.binary(message)) for message in events)


def fill(server: LoopbackEventHubs, bodies: list[bytes]) -> None:
    """Put events into the only partition; also shows that the server still works."""
    with RawClient(server.port).open() as client:
        client.attach_sender("readings")
        state = client.deliver(batch(*map(event, bodies)), message_format=BATCH_FORMAT)
        assert state.descriptor == ACCEPTED


def test_a_reader_gets_no_more_than_its_credit(server: LoopbackEventHubs) -> None:
    fill(server, [b"a", b"b", b"c", b"d"])
    with RawClient(server.port).open() as client:
        client.attach_reader(READER)
        client.expect(Performative.ATTACH)
        client.flow(credit=3)
        bodies = [client.expect(Performative.TRANSFER)[-1][-1:] for _ in range(3)]
        assert bodies == [b"a", b"b", b"c"]
        client.flow(credit=0, count=3, seen=3, drain=True)  # answered next: nothing else was on its way
        assert client.expect(Performative.FLOW)[5:7] == [3, 0]
        client.flow(credit=1, count=3, seen=3)
        assert client.expect(Performative.TRANSFER)[-1][-1:] == b"d"


def test_drain_uses_up_the_credit_that_nothing_is_there_for(server: LoopbackEventHubs) -> None:
    fill(server, [b"a"])
    with RawClient(server.port).open() as client:
        client.attach_reader(READER)
        client.expect(Performative.ATTACH)
        client.flow(credit=10, drain=True)
        client.expect(Performative.TRANSFER)
        flow = client.expect(Performative.FLOW)
        assert flow[5:7] == [10, 0] and flow[8] is True


def test_a_session_window_holds_readers_back(server: LoopbackEventHubs) -> None:
    fill(server, [b"a", b"b", b"c"])
    with RawClient(server.port).open(window=1) as client:
        client.attach_reader(READER)
        client.expect(Performative.ATTACH)
        client.flow(credit=10, window=2)
        for _ in range(2):
            client.expect(Performative.TRANSFER)
        client.flow(credit=0, count=2, seen=2, window=5, drain=True)
        client.expect(Performative.FLOW)  # and no transfer before it
        client.flow(credit=8, count=2, seen=2, window=5)
        assert client.expect(Performative.TRANSFER)[-1][-1:] == b"c"


def test_large_events_travel_in_frames_that_the_client_can_take(server: LoopbackEventHubs) -> None:
    body = random.Random(1).randbytes(5000)
    fill(server, [body])
    with RawClient(server.port).open(max_frame_size=512) as client:
        client.attach_reader(READER)
        client.expect(Performative.ATTACH)
        client.flow(credit=1)
        payload, more = b"", True
        while more:
            fields = client.expect(Performative.TRANSFER)
            payload, more = payload + fields[-1], fields[5]
            assert len(fields[-1]) <= 512 - 38
        assert payload.endswith(body)


def test_a_client_that_fears_silence_is_sent_signs_of_life(server: LoopbackEventHubs) -> None:
    with RawClient(server.port) as client:
        client.write(b"AMQP\x00\x01\x00\x00")
        client.send(Performative.OPEN, codec.string("raw"), *[codec.NULL] * 3, codec.uint(20))
        client.expect(Performative.OPEN)
        for _ in range(3):
            client.receive_empty_frame()


def test_deliveries_that_cannot_be_read_are_rejected_and_the_link_lives_on(server: LoopbackEventHubs) -> None:
    bad = [
        (b"\x00\x53\x75", 0),
        (b"rubbish", 0),
        (codec.described(0x77, codec.NULL)[:-1], 0),
        (batch(event(b"good"), b"bad"), BATCH_FORMAT),
        (codec.described(DATA, codec.string("no bytes")), BATCH_FORMAT),
    ]
    with RawClient(server.port).open() as client:
        client.attach_sender("readings")
        for payload, message_format in bad:
            state = client.deliver(payload, message_format=message_format)
            assert state.descriptor == REJECTED
            assert state.value[0].value[0] == "amqp:decode-error"
        assert client.deliver(event(b"good")).descriptor == ACCEPTED
    assert server.stats.events_in == 1


def test_a_delivery_that_is_too_large_costs_its_link_only(server: LoopbackEventHubs) -> None:
    with RawClient(server.port).open() as client:
        client.attach_sender("readings", handle=0)
        client.attach_sender("readings", handle=1)
        client.transfer(b"x" * 60_000, more=True)
        client.transfer(b"x" * 60_000)
        handle, closed, error, _ = client.expect(Performative.DETACH)
        assert (handle, closed, error.value[0]) == (0, True, "amqp:link:message-size-exceeded")
        client.transfer(b"the rest")  # may still be on its way, and is nobody's
        assert client.deliver(event(b"good"), handle=1).descriptor == ACCEPTED


@pytest.mark.parametrize(
    ("address", "condition"),
    [
        ("nowhere/ConsumerGroups/$Default/Partitions/0", "amqp:not-found"),
        ("readings/ConsumerGroups/nobody/Partitions/0", "amqp:not-found"),
        ("readings", "amqp:not-found"),
        ("", "amqp:not-found"),
        ("readings/ConsumerGroups/$Default/Partitions/1", "com.microsoft:argument-out-of-range"),
        ("readings/ConsumerGroups/$Default/Partitions/-1", "com.microsoft:argument-out-of-range"),
    ],
)
def test_an_address_that_is_not_there_is_refused(server: LoopbackEventHubs, address: str, condition: str) -> None:
    with RawClient(server.port).open() as client:
        client.attach_reader(address)
        assert client.expect(Performative.ATTACH)[5] is None
        assert client.expect(Performative.DETACH)[2].value[0] == condition
        client.attach_reader(READER, handle=1)  # the session lives on
        assert client.expect(Performative.ATTACH)[5] is not None


def test_a_filter_that_says_nothing_is_refused(server: LoopbackEventHubs) -> None:
    with RawClient(server.port).open() as client:
        client.attach_reader(READER, selector="sql(1=1)")
        client.expect(Performative.ATTACH)
        error = client.expect(Performative.DETACH)[2]
        assert isinstance(error, Described) and error.value[0] == "com.microsoft:argument-error"


def test_readers_leave_with_their_connection_session_or_link(server: LoopbackEventHubs) -> None:
    def readers_fit(count: int) -> None:
        with RawClient(server.port).open() as client:
            for handle in range(count):
                client.attach_reader(READER, handle=handle)
                assert client.expect(Performative.ATTACH)[5] is not None, handle
            client.send(Performative.DETACH, codec.uint(0), codec.TRUE)
            client.expect(Performative.DETACH)
            client.attach_reader(READER, handle=9)
            assert client.expect(Performative.ATTACH)[5] is not None
            client.send(Performative.END)
            client.expect(Performative.END)
            client.begin()
            for handle in range(5):
                client.attach_reader(READER, handle=handle)
                assert client.expect(Performative.ATTACH)[5] is not None, handle
            client.send(Performative.CLOSE)
            client.expect(Performative.CLOSE)

    for _ in range(3):
        readers_fit(5)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"AMQP\x07\x01\x00\x00",
        b"\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\xff" * 64,
        b"\x00\x00\x00\x09\x02\x00\x00\x00\x00",
    ],
)
def test_garbage_closes_its_own_connection_only(server: LoopbackEventHubs, garbage: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=ENOUGH_SECONDS) as peer:
        peer.sendall(garbage)
        while peer.recv(4096):  # until the server closes
            pass
    fill(server, [b"still here"])


def test_a_client_hears_why_its_connection_is_closed(server: LoopbackEventHubs) -> None:
    with RawClient(server.port).open() as client:
        client.write(b"\x7f\xff\xff\xff\x02\x00\x00\x00")
        assert client.expect(Performative.CLOSE)[0].value[0] == "amqp:connection:framing-error"
        with pytest.raises(EOFError):
            client.receive()


def test_fields_of_the_wrong_type_close_their_connection_with_a_reason(server: LoopbackEventHubs) -> None:
    with RawClient(server.port).open() as client:
        client.send(Performative.FLOW, codec.string("next"), codec.string("window"))
        assert client.expect(Performative.CLOSE)[0].value[0] == "amqp:internal-error"
    fill(server, [b"still here"])


def test_a_handle_in_use_cannot_be_attached_again(server: LoopbackEventHubs) -> None:
    with RawClient(server.port).open() as client:
        client.attach_reader(READER)
        client.expect(Performative.ATTACH)
        client.attach_reader(READER)
        assert client.expect(Performative.CLOSE)[0].value[0] == "amqp:session:handle-in-use"


def random_field(source: random.Random) -> bytes:
    """A field of any type, most often a likely one."""
    likely = [
        codec.NULL,
        codec.TRUE,
        codec.uint(source.randrange(4)),
        codec.uint(source.randrange(2**32)),
        codec.string(source.choice(["readings", READER, "$cbs", "$management"])),
        codec.described(0x28, codec.list_of(codec.string(READER))),
        codec.described(0x29, codec.list_of(codec.string("readings"))),
        codec.map_of([(codec.symbol("com.microsoft:epoch"), codec.string("x"))]),
        codec.list_of(codec.binary(b"x")),
        source.randbytes(source.randrange(8)),
    ]
    return source.choice(likely)


def test_hundreds_of_random_frames_do_not_stop_the_server(server: LoopbackEventHubs) -> None:
    source = random.Random(20)
    for _ in range(300):
        with RawClient(server.port) as client:
            try:
                if source.random() < 0.8:
                    client.open()
                    client.attach_sender("$management", handle=2)
                for _ in range(source.randrange(1, 6)):
                    kind = source.choice(list(Performative))
                    fields = [random_field(source) for _ in range(source.randrange(codec.FIELD_COUNTS[kind] + 1))]
                    client.send(
                        kind, *fields, payload=source.randbytes(source.randrange(20)), channel=source.randrange(2)
                    )
            except (EOFError, ConnectionError):
                continue  # closed on us, as it may be
    fill(server, [b"still here"])
