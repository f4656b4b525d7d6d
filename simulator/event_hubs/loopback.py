"""The server in the caller's own process, on a thread: for tests, and for programs that want no second process."""

import asyncio
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Self

from simulator.event_hubs.service.server import Tls, serving
from simulator.event_hubs.storage.namespace import MAX_MESSAGE_SIZE, Hub, Namespace, Stats
from stream_queries.schema import ARRIVALS_INPUT, READINGS_INPUT

DEFAULT_HUB = Hub(name="readings", partitions=4, groups=(READINGS_INPUT, ARRIVALS_INPUT, "replay"))
"""The hub of the readings: one consumer group per input of the stream job, one for whoever wants to look again."""


def connection_string(host: str, port: int, *, keys: Mapping[str, str] | None = None, tls: bool = False) -> str:
    """What clients of the SDK connect with.

    `UseDevelopmentEmulator` makes the SDK speak plain AMQP to any port. With TLS it always goes to port 5671, unless
    the client is also given a `custom_endpoint_address`.
    """
    name, key = next(iter((keys or {}).items()), ("local", "local"))
    address = f"[{host}]" if ":" in host else host
    text = f"Endpoint=sb://{address}:{port};SharedAccessKeyName={name};SharedAccessKey={key}"
    return text if tls else f"{text};UseDevelopmentEmulator=true"


class LoopbackEventHubs:
    """Event Hubs for the azure-eventhub SDK, while the context lasts.

    ```
    with LoopbackEventHubs([Hub("readings", 4, ("archive",))]) as event_hubs:
        EventHubProducerClient.from_connection_string(event_hubs.connection_string, eventhub_name="readings")
    ```
    """

    def __init__(
        self,
        hubs: Iterable[Hub] = (DEFAULT_HUB,),
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        data: Path | None = None,
        keys: Mapping[str, str] | None = None,
        tls: Tls | None = None,
        max_message_size: int = MAX_MESSAGE_SIZE,
    ) -> None:
        """Port 0 is any free one. `data` keeps the events in a folder. With `keys`, tokens must be signed by one."""
        self.host, self.port = host, port
        self._hubs, self._data, self._keys, self._tls = tuple(hubs), data, dict(keys or {}), tls
        self._max_message_size = max_message_size
        self._namespace: Namespace
        self._thread: threading.Thread
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event

    @property
    def connection_string(self) -> str:
        """What clients of the SDK connect with."""
        return connection_string(self.host, self.port, keys=self._keys, tls=self._tls is not None)

    @property
    def stats(self) -> Stats:
        """What has passed through so far."""
        return self._namespace.stats

    def __enter__(self) -> Self:
        """Start; a `UserError` if the port or the data folder cannot be had."""
        self._namespace = Namespace(
            self._hubs, data=self._data, keys=self._keys, max_message_size=self._max_message_size
        )
        started: Future[int] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(started)), name="loopback-event-hubs", daemon=True
        )
        self._thread.start()
        try:
            self.port = started.result()
        except BaseException:
            self._thread.join()
            self._namespace.close()
            raise
        return self

    async def _serve(self, started: "Future[int]") -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with serving(self._namespace, host=self.host, port=self.port, tls=self._tls) as port:
                started.set_result(port)
                await self._stop.wait()
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and release port and data folder."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._namespace.close()
