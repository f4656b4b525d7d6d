"""A server in this process, a fresh hub on it for each test, and the SDK's clients.

A client's farewell takes the SDK up to a second, so the clients of all tests of a module are closed side by side: each
begins to close when its test ends, and all are gone when the module ends.
"""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import count

import pytest

from simulator.event_hubs import Hub, LoopbackEventHubs
from tests.simulator.event_hubs.sdk import Clients

HUBS = 16


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackEventHubs]:
    with LoopbackEventHubs(Hub(f"hub-{number}", 4, ("archive", "replay")) for number in range(HUBS)) as event_hubs:
        yield event_hubs


@pytest.fixture(scope="module")
def hub_numbers() -> Iterator[int]:
    return count()


@pytest.fixture
def hub(hub_numbers: Iterator[int]) -> str:
    """A hub of four partitions that no other test of the module uses."""
    return f"hub-{next(hub_numbers)}"


@pytest.fixture(scope="module")
def closers(server: LoopbackEventHubs) -> Iterator[Executor]:
    with ThreadPoolExecutor(32) as pool:
        yield pool


@pytest.fixture
def clients(closers: Executor, hub: str) -> Iterator[Clients]:
    opened = Clients(closers, hub)
    yield opened
    opened.start_closing()
