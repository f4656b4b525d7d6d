"""The two nodes that answer requests: `$cbs` takes tokens, `$management` tells about hubs and partitions.

Sources: OASIS AMQP Claims-based Security 1.0 (put-token); Microsoft's "AMQP 1.0 request-response operations" for Event
Hubs; the shape of a shared access signature: https://learn.microsoft.com/rest/api/eventhub/generate-sas-token
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote_plus, urlsplit

from simulator.event_hubs.protocol import codec
from simulator.event_hubs.storage.namespace import Namespace, ServedHub

CBS, MANAGEMENT = "$cbs", "$management"
NODES = (CBS, MANAGEMENT)


class Answer(NamedTuple):
    """The outcome of a request: an HTTP-like status, a sentence, the error's condition if any, and the encoded body."""

    status: int
    text: str
    condition: str | None = None
    body: bytes = codec.NULL


class Access:
    """What the tokens put on one connection open."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._keys = keys
        self._opened: list[str] = []

    def put(self, audience: str, token: str) -> bool:
        """Accept a token for a resource; False if keys are configured and none of them signed it."""
        if not self._keys:
            return True
        resource = signed_resource(token, self._keys, now=time.time())
        if resource is None or not _covers(resource, _path(audience)):
            return False
        self._opened.append(resource)
        return True

    def allows(self, path: str) -> bool:
        """Whether a token covers the entity at `path`; without configured keys everything is allowed."""
        return not self._keys or any(_covers(resource, path.lower()) for resource in self._opened)


def signed_resource(token: str, keys: Mapping[str, str], *, now: float) -> str | None:
    """The path that a shared access signature opens; None if no key signed it, it has expired, or it is none at all."""
    scheme, _, text = token.partition(" ")
    fields = dict(parse_qsl(text))
    resource, expiry, key = fields.get("sr", ""), fields.get("se", ""), keys.get(fields.get("skn", ""))
    if scheme != "SharedAccessSignature" or key is None or not expiry.isdecimal() or int(expiry) < now:
        return None
    digest = hmac.digest(key.encode(), f"{quote_plus(resource)}\n{expiry}".encode(), hashlib.sha256)
    signature = fields.get("sig", "").encode()
    return _path(resource) if hmac.compare_digest(base64.b64encode(digest), signature) else None


def _path(resource: str) -> str:
    return urlsplit(resource).path.strip("/").lower()


def _covers(resource: str, path: str) -> bool:
    return not resource or path == resource or path.startswith(resource + "/")


def answer(node: str, properties: Mapping[str, Any], content: Any, *, namespace: Namespace, access: Access) -> Answer:
    """Answer a request to one of the `NODES`, given its application properties and its value."""
    if node == CBS:
        return _put_token(properties, content, access)
    return _read(properties, namespace, access)


def _put_token(properties: Mapping[str, Any], token: Any, access: Access) -> Answer:
    audience = str(properties.get("name") or "")
    if properties.get("operation") != "put-token":
        return Answer(400, "The only operation here is put-token.", "amqp:not-implemented")
    text = token.decode("utf-8", "replace") if isinstance(token, bytes) else str(token or "")
    if not access.put(audience, text):
        return Answer(401, "InvalidSignature: The token has an invalid signature.", "amqp:unauthorized-access")
    return Answer(202, "Accepted")  # also for a hub that is not there: attaching to it gets the clearer error


def _read(properties: Mapping[str, Any], namespace: Namespace, access: Access) -> Answer:
    operation, kind, name = (properties.get(key) for key in ("operation", "type", "name"))
    if operation != "READ" or kind not in ("com.microsoft:eventhub", "com.microsoft:partition"):
        return Answer(400, f"Unsupported operation '{operation}' on '{kind}'.", "amqp:not-implemented")
    hub = namespace.hub(str(name))
    if hub is None:
        return Answer(404, f"The messaging entity '{name}' could not be found.", "amqp:not-found")
    if not access.allows(hub.name):
        return Answer(401, f"No token allows reading about {name}.", "amqp:unauthorized-access")
    if kind == "com.microsoft:eventhub":
        return _described_hub(hub)
    return _described_partition(hub, str(properties.get("partition")))


def _described_hub(hub: ServedHub) -> Answer:
    return _fields(
        name=codec.string(hub.name),
        type=codec.string("com.microsoft:eventhub"),
        created_at=codec.timestamp(hub.created_ms),
        partition_count=codec.integer(len(hub.partitions)),
        partition_ids=codec.array_of(codec.string(str(partition.number)) for partition in hub.partitions),
    )


def _described_partition(hub: ServedHub, number: str) -> Answer:
    if not number.isdecimal() or int(number) >= len(hub.partitions):
        return Answer(400, f"The specified partition '{number}' is invalid.", "com.microsoft:argument-out-of-range")
    log = hub.partitions[int(number)].log
    return _fields(
        name=codec.string(hub.name),
        type=codec.string("com.microsoft:partition"),
        partition=codec.string(number),
        begin_sequence_number=codec.long(0),
        last_enqueued_sequence_number=codec.long(log.next_sequence - 1),
        last_enqueued_offset=codec.string(str(log.last_offset)),
        last_enqueued_time_utc=codec.timestamp(log.last_enqueued_ms),
        is_partition_empty=codec.boolean(log.next_sequence == 0),
    )


def _fields(**values: bytes) -> Answer:
    return Answer(200, "OK", body=codec.map_of((codec.string(name), value) for name, value in values.items()))
