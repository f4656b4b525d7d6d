"""The SDK's clients as the tests of the loopback server use them."""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, Protocol

import pytest
from azure.eventhub import EventData, EventHubConsumerClient, EventHubProducerClient, PartitionContext

from tests.support.deadline import ENOUGH_SECONDS

FAST: dict[str, Any] = {"retry_total": 0, "socket_timeout": 0.02}


class Server(Protocol):
    """A server, in this process or another."""

    @property
    def connection_string(self) -> str: ...


def wait_until(condition: Callable[[], bool], *, what: str, seconds: float = ENOUGH_SECONDS) -> None:
    """Wait for a condition; fail naming `what` when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain for {what}")
        time.sleep(0.005)


@dataclass
class _Receiving:
    client: EventHubConsumerClient
    thread: threading.Thread

    def close(self) -> None:
        self.client.close()
        self.thread.join(ENOUGH_SECONDS)


class Receiver:
    """A consumer client that receives on a thread and remembers what it got, by partition."""

    def __init__(self, client: EventHubConsumerClient, **options: Any) -> None:
        self.client = client
        self.events: list[tuple[str, EventData]] = []
        self.errors: list[Exception] = []
        self.closed: list[tuple[str, str]] = []
        self.last_enqueued: list[dict[str, Any]] = []
        self._tracks = options.get("track_last_enqueued_event_properties", False)
        options.setdefault("starting_position", "-1")
        self._thread = threading.Thread(
            target=client.receive_batch,
            kwargs={
                "on_event_batch": self._take,
                "on_error": lambda _, error: self.errors.append(error),
                "on_partition_close": lambda context, reason: self.closed.append((context.partition_id, reason.name)),
                **options,
            },
            daemon=True,
        )
        self._thread.start()

    def _take(self, context: PartitionContext, events: list[EventData]) -> None:
        self.events += [(context.partition_id, event) for event in events]
        if self._tracks and (last := context.last_enqueued_event_properties):
            self.last_enqueued.append(dict(last))

    @property
    def bodies(self) -> list[str]:
        return [event.body_as_str() for _, event in self.events]

    def wait_for(self, count: int) -> "Receiver":
        wait_until(lambda: len(self.events) >= count or bool(self.errors), what=f"{count} events")
        assert len(self.events) >= count, self.errors
        return self

    def wait_for_error(self) -> Exception:
        wait_until(lambda: bool(self.errors), what="an error")
        return self.errors[0]

    def close(self) -> None:
        self.client.close()
        self._thread.join(ENOUGH_SECONDS)


class Clients:
    """Makes clients, of one hub unless told otherwise, and closes them side by side."""

    def __init__(self, closers: Executor, hub: str) -> None:
        self._closers, self._hub = closers, hub
        self._open: list[EventHubProducerClient | Receiver | _Receiving] = []

    def producer(self, server: Server, *, hub: str | None = None, **options: Any) -> EventHubProducerClient:
        client = EventHubProducerClient.from_connection_string(
            server.connection_string, eventhub_name=hub or self._hub, **{**FAST, **options}
        )
        self._open.append(client)
        return client

    def consumer(
        self, server: Server, group: str = "$Default", *, hub: str | None = None, **options: Any
    ) -> EventHubConsumerClient:
        """A consumer client that receives nothing yet, and that `receiver` or `receive` will close."""
        return EventHubConsumerClient.from_connection_string(
            server.connection_string, group, eventhub_name=hub or self._hub, **{**FAST, **options}
        )

    def receiver(self, server: Server, group: str = "$Default", *, hub: str | None = None, **options: Any) -> Receiver:
        receiver = Receiver(self.consumer(server, group, hub=hub), **options)
        self._open.append(receiver)
        return receiver

    def receive(self, client: EventHubConsumerClient, **options: Any) -> None:
        """Let a consumer client call the test back, on a thread."""
        thread = threading.Thread(
            target=client.receive_batch, kwargs={"starting_position": "-1", **options}, daemon=True
        )
        thread.start()
        self._open.append(_Receiving(client, thread))

    def start_closing(self) -> list[Future[None]]:
        closing = [self._closers.submit(client.close) for client in self._open]
        self._open.clear()
        return closing

    def close(self) -> None:
        """Close all clients and wait, for tests whose server ends with them."""
        for future in self.start_closing():
            future.result()


def send(producer: EventHubProducerClient, bodies: Iterable[str | bytes | EventData], **options: Any) -> None:
    """Send the bodies as one batch."""
    batch = producer.create_batch(**options)
    for body in bodies:
        batch.add(body if isinstance(body, EventData) else EventData(body))
    producer.send_batch(batch)
