"""With a data folder, what was acknowledged survives: a restart, a kill, a kill in the middle of a batch."""

import gc
import threading
import warnings
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from simulator.event_hubs import Hub, LoopbackEventHubs
from simulator.event_hubs.protocol import codec
from simulator.event_hubs.protocol.codec import Performative
from simulator.event_hubs.protocol.messages import BATCH_FORMAT, DATA, sections
from stream_queries.errors import UserError
from tests.simulator.event_hubs.full_disk import file_size_limit
from tests.simulator.event_hubs.raw_client import RawClient
from tests.simulator.event_hubs.sdk import Clients, Receiver, send, wait_until
from tests.simulator.event_hubs.server_process import ServerProcess

HUB = "readings"
BATCH_SIZE = 40
READER = f"{HUB}/ConsumerGroups/$Default/Partitions/0"


def body_of(stored: bytes) -> str:
    value = next(value for section, _, value, _ in sections(stored) if section == DATA)
    return codec.decode(stored, value)[0].decode()


def stored_bodies(port: int) -> list[str]:
    """All bodies of partition 0."""
    bodies: list[str] = []
    with RawClient(port).open(window=1_000_000) as client:
        client.attach_reader(READER)
        client.expect(Performative.ATTACH)
        client.flow(credit=1_000_000, window=1_000_000, drain=True)
        payload = b""
        while True:
            kind, fields = client.receive()
            if kind is Performative.FLOW:
                return bodies
            payload += fields[-1]
            if not fields[5]:
                bodies.append(body_of(payload))
                payload = b""


def send_until_killed(port: int, numbers: "count[int]", acknowledged: list[int]) -> None:
    """Send batches of one number each, `BATCH_SIZE` times; remember the numbers that the server acknowledged."""
    with RawClient(port).open() as client:
        client.attach_sender(f"{HUB}/Partitions/0")
        for delivery, number in enumerate(numbers):
            event = codec.described(DATA, codec.binary(f"{number}".encode()))
            batch = codec.described(DATA, codec.binary(event)) * BATCH_SIZE
            try:
                client.transfer(batch, delivery=delivery, message_format=BATCH_FORMAT)
                kind, _ = client.receive()
                while kind is Performative.FLOW:
                    kind, _ = client.receive()
            except (EOFError, ConnectionError):
                return
            acknowledged.append(number)


def test_a_kill_while_sending_loses_no_acknowledged_event_and_halves_no_batch(tmp_path: Path) -> None:
    numbers, acknowledged = count(), list[int]()
    for attempt in range(6):
        with ServerProcess("--port", "0", "--hub", f"{HUB}:1", "--data", tmp_path) as server:
            stored = stored_bodies(server.port)
            batches = [int(body) for body in stored[::BATCH_SIZE]]
            assert stored == [str(number) for number in batches for _ in range(BATCH_SIZE)]
            assert batches == sorted(set(batches))
            assert set(acknowledged) <= set(batches)
            assert len(batches) - len(acknowledged) <= attempt  # the batch in flight may be there, wholly

            before = len(acknowledged)
            sender = threading.Thread(target=send_until_killed, args=(server.port, numbers, acknowledged))
            sender.start()
            wait_until(lambda n=before + 30 + 7 * attempt: len(acknowledged) > n, what="acknowledgements")
            server.kill()
            sender.join(15)
            assert not sender.is_alive()


def test_clients_of_the_sdk_go_on_after_the_server_was_killed(tmp_path: Path, clients: Clients) -> None:
    send_kill_and_send_again(tmp_path, clients)
    with warnings.catch_warnings():  # the SDK forgets to close the sockets of the connections that broke
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def send_kill_and_send_again(data: Path, clients: Clients) -> None:
    arguments = ("--hub", f"{HUB}:1", "--data", data)
    patient: dict[str, Any] = {"retry_total": 5, "retry_backoff_factor": 0.05}
    with ServerProcess("--port", "0", *arguments) as server:
        producer = clients.producer(server, hub=HUB, **patient)
        received = Receiver(clients.consumer(server, hub=HUB, **patient), partition_id="0")
        send(producer, ["1", "2"])
        received.wait_for(2)
        server.kill()
        with ServerProcess("--port", str(server.port), *arguments):
            send(producer, ["3"])
            received.wait_for(3)
            received.close()
            clients.close()
    assert received.bodies == ["1", "2", "3"]
    assert [event.sequence_number for _, event in received.events] == [0, 1, 2]


@pytest.mark.slow
def test_a_hub_keeps_its_events_its_age_and_its_number_of_partitions(tmp_path: Path, clients: Clients) -> None:
    with LoopbackEventHubs([Hub(HUB, 2)], data=tmp_path) as server:
        producer = clients.producer(server, hub=HUB)
        send(producer, ["1", "2"], partition_id="1")
        created = producer.get_eventhub_properties()["created_at"]
        last = producer.get_partition_properties("1")
        clients.close()
    with (
        pytest.raises(UserError, match="a hub with 2 partitions, not 0 of 4"),
        LoopbackEventHubs([Hub(HUB, 4)], data=tmp_path),
    ):
        pytest.fail("it started")
    with LoopbackEventHubs([Hub(HUB.upper(), 2)], data=tmp_path) as server:
        producer = clients.producer(server, hub=HUB)
        assert producer.get_eventhub_properties()["created_at"] == created
        assert producer.get_partition_properties("1") == {**last, "eventhub_name": HUB.upper()}
        clients.close()


def test_a_damaged_log_stops_the_start_and_frees_the_folder(tmp_path: Path) -> None:
    hubs = [Hub(HUB, 1)]
    with LoopbackEventHubs(hubs, data=tmp_path) as server:
        send_two_batches(server.port)
    path = tmp_path / HUB / "0.log"
    good = path.read_bytes()
    path.write_bytes(good[:60] + bytes([good[60] ^ 1]) + good[61:])
    for _ in range(2):  # the second time would fail on the lock, had the first one kept it
        with (
            pytest.raises(UserError, match=f"{path}: the record at byte 24 is damaged"),
            LoopbackEventHubs(hubs, data=tmp_path),
        ):
            pytest.fail("it started")
    path.write_bytes(good)
    with LoopbackEventHubs(hubs, data=tmp_path) as server:
        assert stored_bodies(server.port) == ["a", "b"]


def test_a_batch_that_the_disk_does_not_take_is_rejected_and_no_reader_sees_it(tmp_path: Path) -> None:
    with LoopbackEventHubs([Hub(HUB, 1)], data=tmp_path) as server, RawClient(server.port).open() as client:
        client.attach_sender(HUB)
        size = (tmp_path / HUB / "0.log").stat().st_size
        with file_size_limit(size + 20):
            state = client.deliver(codec.described(DATA, codec.binary(b"lost")))
        assert state.descriptor == 0x25 and state.value[0].value[0] == "amqp:internal-error"
        assert client.deliver(codec.described(DATA, codec.binary(b"kept")), delivery=1).descriptor == 0x24
        assert stored_bodies(server.port) == ["kept"]


def send_two_batches(port: int) -> None:
    with RawClient(port).open() as client:
        client.attach_sender(HUB)
        for delivery, body in enumerate((b"a", b"b")):
            client.deliver(codec.described(DATA, codec.binary(body)), delivery=delivery)
