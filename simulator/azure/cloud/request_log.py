"""The requests that the simulated cloud has got."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from simulator.azure.cloud.faults import FaultKind
from simulator.azure.cloud.http.messages import Request

_WORKSPACE = re.compile(r"^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/[^/]+/workspaces/[^/]+", re.IGNORECASE)
_GROUP = re.compile(r"^/subscriptions/[^/]+/resourceGroups/[^/]+/", re.IGNORECASE)
BLOB_SUFFIX = ".blob.core.windows.net"


@dataclass
class LoggedRequest:
    """A request, by its place in the log (from 1), and what came of it.

    `status` is None while it is not answered; a client whose connection was cut never saw it.
    """

    number: int
    method: str
    host: str
    path: str
    query: dict[str, str]
    body: Any = None
    status: int | None = None
    fault: FaultKind | None = None

    def __str__(self) -> str:
        fault = f" ({self.fault})" if self.fault else ""
        return f"{self.number:3} {self.status or '---'} {self.method:6} {self.place}{fault}"

    @property
    def place(self) -> str:
        """Host and path; of an id only what tells resources of one group apart."""
        path = _WORKSPACE.sub("/{workspace}", self.path)
        return self.host + _GROUP.sub("/{group}/", path)


@dataclass
class RequestLog:
    """All requests since the log was cleared, in order of arrival."""

    entries: list[LoggedRequest] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(list(self.entries))

    def __len__(self) -> int:
        return len(self.entries)

    def clear(self) -> None:
        """Begin anew; the next request has number 1."""
        with self._lock:
            self.entries = []

    def add(self, request: Request) -> LoggedRequest:
        """Enter a request that is not answered yet."""
        is_json = request.headers.get("content-type", "").startswith("application/json")
        body = _parsed(request.content) if is_json else None
        with self._lock:
            entry = LoggedRequest(
                len(self.entries) + 1, request.method, request.host, request.path, request.query, body
            )
            self.entries.append(entry)
        return entry

    def created(self) -> list[LoggedRequest]:
        """Requests that made something new: PUTs to Azure Resource Manager that were answered with 201."""
        return [one for one in self if one.method == "PUT" and one.status == 201 and not _is_blob(one)]

    def uploads(self) -> list[LoggedRequest]:
        """Requests that wrote the content of a blob."""
        content = (None, "block", "blocklist")
        return [one for one in self if one.method == "PUT" and _is_blob(one) and _operation(one) in content]


def _is_blob(entry: LoggedRequest) -> bool:
    return entry.host.endswith(BLOB_SUFFIX)


def _operation(entry: LoggedRequest) -> str | None:
    """What a request to Blob Storage is about (`metadata`, `lease` …); None for a blob as a whole."""
    return "container" if entry.query.get("restype") == "container" else entry.query.get("comp")


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
