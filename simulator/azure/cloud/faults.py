"""Faults that a test lets happen to requests."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

from simulator.azure.cloud.http.messages import Answer, Request, ServiceError

FaultKind = Literal["status", "cut", "answer lost"]
"""An error is answered; the connection is cut before anything was done; it is done, and cut before the answer."""

CODES: Mapping[int, str] = {403: "AuthorizationFailed", 429: "TooManyRequests", 500: "InternalServerError"}


@dataclass
class Fault:
    """What goes wrong, and with which requests: those that fit `method`, `path` and `number`, while it lasts.

    `path` is a regular expression, searched in host and path (`management.azure.com/subscriptions/…`). `number` is a
    request's place in the log. It lasts for `times` requests (None: for ever), and for `seconds`.
    `hits` counts the requests that it happened to.
    """

    kind: FaultKind
    method: str | None = None
    path: str = ""
    number: int | None = None
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int | None = 1
    seconds: float | None = None
    hits: int = 0
    clock: Callable[[], float] = time.monotonic
    injected: float = field(init=False)

    def __post_init__(self) -> None:
        self.injected = self.clock()

    def fits(self, request: Request, number: int) -> bool:
        """Whether it happens to this request."""
        lasts = (self.times is None or self.hits < self.times) and (
            self.seconds is None or self.clock() < self.injected + self.seconds
        )
        return (
            lasts
            and self.method in (None, request.method)
            and self.number in (None, number)
            and re.search(self.path, request.host + request.path) is not None
        )

    def answer(self) -> Answer:
        """What a client is told where the fault is an error's status.

        Source: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling (429);
        other statuses are what a test orders.
        """
        code = CODES.get(self.status, "Fault")
        return ServiceError(self.status, code, f"an injected fault: {self.status}", self.headers).answer()


class Faults:
    """The faults to come. The one injected first goes first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._faults: list[Fault] = []

    def inject(self, fault: Fault) -> Fault:
        """Let `fault` happen from now on."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._faults.clear()

    def take(self, request: Request, number: int) -> Fault | None:
        """The fault that happens to a request, if one does; it is counted."""
        with self._lock:
            fault = next((fault for fault in self._faults if fault.fits(request, number)), None)
            if fault is not None:
                fault.hits += 1
            return fault
