"""Waits of a program that take no time: the clock of the simulated subscription goes on by as much instead.

Run in the process of the program before the program is imported, which knows nothing of it. It imports nothing of ours,
because that process finds no packages but the program's.
"""

import asyncio
import json
import time
from collections.abc import Callable
from http.client import HTTPConnection
from urllib.parse import urlsplit

SHORT = 1.0
"""What waits less is no wait for Azure."""

REALLY = 0.05


def skip_waits(clock: str) -> None:
    """Let `time.sleep` and `asyncio.sleep` of a second and more return soon."""
    sleep, sleep_async = time.sleep, asyncio.sleep

    def skip(seconds: float) -> None:
        if seconds < SHORT:
            return sleep(seconds)
        _tell(clock, seconds)
        return sleep(REALLY)

    async def skip_async(delay: float, *result: object) -> object:
        if delay < SHORT:
            return await sleep_async(delay, *result)
        await asyncio.to_thread(_tell, clock, delay)
        return await sleep_async(REALLY, *result)

    _put_in_place(time, skip)
    _put_in_place(asyncio, skip_async)


def _put_in_place(module: object, sleep: Callable[..., object]) -> None:
    vars(module)["sleep"] = sleep


def _tell(clock: str, seconds: float) -> None:
    place = urlsplit(clock)
    connection = HTTPConnection(place.netloc)  # directly, whatever proxy the program is told to use
    connection.request("POST", place.path, body=json.dumps({"seconds": seconds}))
    connection.getresponse().read()
    connection.close()
