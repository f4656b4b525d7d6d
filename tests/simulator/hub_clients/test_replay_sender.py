"""A replay leaves every event in the hub exactly once and in order, whatever is killed or cut on the way."""

import gc
import itertools
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from azure.eventhub import EventData, PartitionContext

from simulator.devices.events import ARRIVED_AT_PROPERTY, POSITION_PROPERTY, Event, timestamp
from simulator.devices.fleet_plan import FleetPlan
from simulator.devices.readings import fleet_events
from simulator.event_hubs import Hub, LoopbackEventHubs, partition_of
from simulator.hub_clients import batches
from simulator.hub_clients.address import HubAddress
from simulator.hub_clients.replay_sender import replay
from stream_queries.errors import UserError
from tests.support.deadline import ENOUGH_SECONDS

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")]

PLAN = FleetPlan(devices=12, sensors=2, hours=1, malformed_rate=0.01)
SMALL_BATCH = 50

SENDING = f"""
import sys
from simulator.hub_clients import batches
from simulator.devices.readings import fleet_events
from simulator.devices.fleet_plan import FleetPlan
from simulator.hub_clients.address import HubAddress
from simulator.hub_clients.replay_sender import replay
batches.BATCH_EVENTS = {SMALL_BATCH}
settings = dict(malformed_rate={PLAN.malformed_rate})
plan = FleetPlan(devices={PLAN.devices}, sensors={PLAN.sensors}, hours={PLAN.hours}, **settings)
replay(lambda: fleet_events(plan), HubAddress(connection_string=sys.argv[1]))
"""
SERVING = """
import argparse
from simulator.event_hubs import command
parser = argparse.ArgumentParser()
command.configure(parser)
command.run(parser.parse_args())
"""


def wait_until(condition: Callable[[], bool], *, what: str) -> None:
    deadline = time.monotonic() + ENOUGH_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {ENOUGH_SECONDS} s in vain for {what}")
        time.sleep(0.002)


def all_events(plan: FleetPlan = PLAN) -> list[Event]:
    return list(itertools.chain.from_iterable(fleet_events(plan)))


def stored(address: HubAddress, count: int, partitions: int) -> dict[int, list[EventData]]:
    """What the hub holds, by partition; waits for `count` events and then for silence."""
    found: dict[int, list[EventData]] = {partition: [] for partition in range(partitions)}
    silent: set[str] = set()
    deadline = time.monotonic() + ENOUGH_SECONDS
    client = address.consumer(retry_total=0, socket_timeout=0.02, load_balancing_interval=0.1)

    def take(context: PartitionContext, events: list[EventData]) -> None:
        found[int(context.partition_id)] += events
        silent.add(context.partition_id) if not events else silent.discard(context.partition_id)
        enough = sum(map(len, found.values())) >= count
        if (enough and len(silent) == partitions) or time.monotonic() > deadline:
            client.close()

    with client:
        client.receive_batch(take, starting_position="-1", max_wait_time=0.2, max_batch_size=3000, prefetch=3000)
    return found


def assert_holds_exactly(address: HubAddress, events: list[Event], *, partitions: int = 1) -> None:
    """Every event once, in its device's partition, in arrival order, at its position, with its arrival."""
    expected = defaultdict(list)
    for position, event in enumerate(events):
        partition = partition_of(event.device, partitions)
        expected[partition].append((position, timestamp(event.arrived_at).encode(), event.body))
    found = stored(address, len(events), partitions)
    position_key, arrival_key = POSITION_PROPERTY.encode(), ARRIVED_AT_PROPERTY.encode()
    for partition in range(partitions):
        properties = [event.properties for event in found[partition]]
        bodies = [b"".join(cast("Iterable[bytes]", event.body)) for event in found[partition]]
        assert [
            (one[position_key], one[arrival_key], body) for one, body in zip(properties, bodies, strict=True)
        ] == expected[partition]


@pytest.fixture(autouse=True)
def _sdk_sockets() -> Iterator[None]:
    """Collect, while their warning is filtered, the sockets that the SDK leaves open when a connection breaks."""
    yield
    gc.collect()


@pytest.fixture
def hub() -> Iterator[LoopbackEventHubs]:
    with LoopbackEventHubs([Hub("readings", 1)]) as event_hubs:
        yield event_hubs


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_EVENTS", SMALL_BATCH)


def address_of(hub: "LoopbackEventHubs | AcknowledgementThief") -> HubAddress:
    return HubAddress(connection_string=hub.connection_string)


def test_a_replay_keeps_order_and_partition_and_sent_again_adds_nothing() -> None:
    events = all_events()
    with LoopbackEventHubs([Hub("readings", 2)]) as hub:
        sent = replay(lambda: fleet_events(PLAN), address_of(hub))
        assert sent.kinds == Counter(event.kind for event in events)
        assert (sent.total, sent.already_there) == (len(events), 0)
        assert hub.stats.batches_in <= len(events) / 500 + 2, "batches are large"

        again = replay(lambda: fleet_events(PLAN), address_of(hub))
        assert (again.kinds, again.already_there) == (sent.kinds, len(events))
        assert_holds_exactly(address_of(hub), events, partitions=2)


class AcknowledgementThief:
    """A proxy that cuts the connection when the hub has taken a batch and before the sender hears of it."""

    def __init__(self, hub: LoopbackEventHubs, moment: int) -> None:
        self.hub, self.moment, self.cuts = hub, moment, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connection_string = hub.connection_string.replace(f":{hub.port}", f":{self.port}")
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.hub.port))
                for source, sink, steals in ((client, server, False), (server, client, True)):
                    self.threads.append(threading.Thread(target=self._pump, args=(source, sink, steals)))
                    self.threads[-1].start()

    def _pump(self, source: socket.socket, sink: socket.socket, steals: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if steals and not self.cuts and self.hub.stats.events_in >= self.moment:
                    self.cuts += 1
                    break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(ENOUGH_SECONDS)


def test_a_killed_sender_and_a_lost_acknowledgement_leave_every_event_once_after_a_second_run(
    hub: LoopbackEventHubs, small_batches: None
) -> None:
    events = all_events()
    moment = random.randrange(1, len(events) - 5 * SMALL_BATCH)
    sender = subprocess.Popen([sys.executable, "-c", SENDING, hub.connection_string])
    try:
        wait_until(lambda: hub.stats.events_in >= moment, what=f"event {moment}")
        time.sleep(random.uniform(0, 0.005))  # anywhere in a batch, not just behind one
    finally:
        sender.send_signal(signal.SIGKILL)
        sender.wait()
    assert hub.stats.events_in < len(events), "the kill came in the midst"

    thief = AcknowledgementThief(hub, moment=(hub.stats.events_in + len(events)) // 2)
    try:
        sent = replay(lambda: fleet_events(PLAN), address_of(thief))
    finally:
        thief.close()
    assert thief.cuts == 1
    assert sent.total == len(events)
    assert moment <= sent.already_there < len(events)
    assert_holds_exactly(address_of(hub), events)


@contextmanager
def serving(port: int, data: Path) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", SERVING, "--port", str(port), "--data", str(data)]
    command += ["--hub", "readings:1", "--exit-with-parent"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield server
    finally:
        server.kill()
        server.communicate()


def connection_string_of(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    return server.stdout.readline().strip()


def test_a_hub_killed_in_the_midst_and_started_again_has_every_event_once(tmp_path: Path, small_batches: None) -> None:
    events = all_events()

    def size() -> int:
        return sum(file.stat().st_size for file in (tmp_path / "data").glob("**/*") if file.is_file())

    with ExitStack() as stack:
        first = stack.enter_context(serving(0, tmp_path / "data"))
        address = HubAddress(connection_string=connection_string_of(first))
        port = int(str(address).rpartition(":")[2])

        def kill_and_restart() -> None:
            whole = sum(len(event.body) for event in events)
            wait_until(lambda: size() > whole * random.uniform(0.2, 0.8), what="half of the events")
            first.kill()
            first.wait()
            connection_string_of(stack.enter_context(serving(port, tmp_path / "data")))

        accident = threading.Thread(target=kill_and_restart)
        accident.start()
        try:
            sent = replay(lambda: fleet_events(PLAN), address)
        finally:
            accident.join()
        assert sent.already_there == 0, "nothing was there when this replay began"
        assert_holds_exactly(address, events)


def test_a_hub_that_stays_away_is_given_up_with_what_to_do(small_batches: None) -> None:
    with ExitStack() as stack:
        address = address_of(stack.enter_context(LoopbackEventHubs([Hub("readings", 1)])))

        def chunks_and_then_no_hub() -> Iterator[list[Event]]:
            yield from itertools.islice(fleet_events(PLAN), 4)
            stack.close()
            yield from itertools.islice(fleet_events(PLAN), 4, None)

        with pytest.raises(UserError, match=r"accepted nothing for 0\.5 s .* run the same command again"):
            replay(chunks_and_then_no_hub, address, patience=timedelta(seconds=0.5))


def test_a_hub_with_another_replay_or_with_events_that_no_replay_sent_is_refused() -> None:
    short = FleetPlan(devices=4, sensors=1, hours=0.2)
    with LoopbackEventHubs([Hub("readings", 1), Hub("foreign", 1)]) as hub:
        replay(lambda: fleet_events(short), address_of(hub))
        foreign = HubAddress(connection_string=hub.connection_string, hub="foreign")
        with foreign.producer() as producer:
            producer.send_batch([EventData(b"{}")], partition_id="0")
        before = hub.stats.events_in
        attempts = [
            (address_of(hub), replace(short, seed=2), "holds events of another replay: use an empty hub"),
            (address_of(hub), replace(short, hours=0.1), "holds events of another replay: use an empty hub"),
            (foreign, short, "partition 0 of hub foreign .* holds events that no replay has sent"),
        ]
        with ThreadPoolExecutor() as pool:
            started = [pool.submit(replay, partial(fleet_events, plan), address) for address, plan, _ in attempts]
            for attempt, (_, _, message) in zip(started, attempts, strict=True):
                with pytest.raises(UserError, match=message):
                    attempt.result()
        assert hub.stats.events_in == before


def test_a_hub_that_cannot_be_reached_or_does_not_exist_is_said_in_one_line(hub: LoopbackEventHubs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    nowhere = hub.connection_string.replace(f":{hub.port}", f":{free}")
    with pytest.raises(UserError, match=rf"^cannot reach hub readings at 127\.0\.0\.1:{free}: [^\n]*$"):
        replay(lambda: fleet_events(PLAN), HubAddress(connection_string=nowhere))
    with pytest.raises(UserError, match=r"^[^\n]*hub other at [^\n]*$"):
        replay(lambda: fleet_events(PLAN), HubAddress(connection_string=hub.connection_string, hub="other"))


def test_the_key_in_a_connection_string_is_never_shown() -> None:
    address = HubAddress(connection_string="Endpoint=sb://host/;SharedAccessKeyName=a;SharedAccessKey=secret")
    assert "secret" not in str(address) and str(address) == "hub readings at host"
