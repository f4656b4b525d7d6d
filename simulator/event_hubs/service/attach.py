"""What a client asks for when it attaches a link, and whether it may have it.

Addresses: `$cbs`, `$management`; to send, `HUB` or `HUB/Partitions/N`; to receive,
`HUB/ConsumerGroups/GROUP/Partitions/N`, bare or as the path of a URL.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from simulator.event_hubs.protocol.codec import DecodeError, Described
from simulator.event_hubs.service.endpoints import IngestLink, ReadLink, ReplyLink, RequestLink
from simulator.event_hubs.service.links import Link, Session
from simulator.event_hubs.service.management import NODES
from simulator.event_hubs.storage.log import SelectorError
from simulator.event_hubs.storage.namespace import Partition, Reader, ServedHub

MAX_READERS = 5
"""Receivers without an epoch that one consumer group may have on one partition."""

_EPOCH = "com.microsoft:epoch"
_METRICS = "com.microsoft:enable-receiver-runtime-metric"
_SELECTOR = "apache.org:selector-filter:string"


class LinkError(Exception):
    """A link is refused: the AMQP condition, and the service's sentence about it."""

    def __init__(self, condition: str, text: str) -> None:
        super().__init__(text)
        self.condition, self.text = condition, text


@dataclass(frozen=True)
class Attach:
    """The fields of an attach that this server looks at."""

    handle: int
    client_receives: bool
    address: str
    initial_delivery_count: int
    epoch: int | None
    selector: str | None
    with_metrics: bool

    @classmethod
    def from_fields(cls, fields: list[Any]) -> "Attach":
        """Read the performative's fields; a DecodeError if one has the wrong type."""
        handle, client_receives, source, target = fields[1], bool(fields[2]), _terminus(fields[5]), _terminus(fields[6])
        address = (source if client_receives else target)[0] or ""
        filters, properties, capabilities = source[7] or {}, fields[13] or {}, fields[12] or []
        if not (
            isinstance(handle, int)
            and isinstance(address, str)
            and isinstance(filters, dict)
            and isinstance(properties, dict)
        ):
            raise DecodeError("an attach with a field of the wrong type")
        selector = filters.get(_SELECTOR)
        epoch = properties.get(_EPOCH)
        return cls(
            handle=handle,
            client_receives=client_receives,
            address=(urlsplit(address).path if "://" in address else address).strip("/"),
            initial_delivery_count=fields[9] or 0,
            epoch=None if epoch is None else int(epoch),
            selector=selector.value if isinstance(selector, Described) else selector,
            with_metrics=_METRICS in (capabilities if isinstance(capabilities, list) else [capabilities]),
        )


def _terminus(value: Any) -> list[Any]:
    """The eight first fields of a source or target, null ones included."""
    fields = value.value if isinstance(value, Described) and isinstance(value.value, list) else []
    return [*fields, *[None] * 8][:8]


def open_link(session: Session, attach: Attach) -> Link:
    """The link that a client asks for; a LinkError if it cannot have it."""
    if attach.address.lower() in NODES:
        kind = ReplyLink if attach.client_receives else RequestLink
        return kind(session, attach.handle, attach.address.lower())
    hub, path = _hub(session, attach)
    if attach.client_receives:
        return _read_link(session, attach, hub, path)
    partition = None
    match path:
        case []:
            pass
        case ["partitions", number]:
            partition = _partition(hub, number)
        case _:
            raise _not_found(attach)
    return IngestLink(session, attach.handle, attach.address, hub=hub, partition=partition)


def _hub(session: Session, attach: Attach) -> tuple[ServedHub, list[str]]:
    """The hub of an address, and the rest of its path."""
    name, *path = attach.address.lower().split("/")
    hub = session.peer.namespace.hub(name)
    if hub is None:
        raise _not_found(attach)
    if not session.peer.access.allows(attach.address):
        claim = "Listen" if attach.client_receives else "Send"
        raise LinkError("amqp:unauthorized-access", f"Unauthorized access. '{claim}' claim required on '{hub.name}'.")
    return hub, path


def _partition(hub: ServedHub, number: str) -> Partition:
    if not number.isdecimal() or int(number) >= len(hub.partitions):
        raise LinkError(
            "com.microsoft:argument-out-of-range",
            f"The specified partition '{number}' is invalid for an EventHub partition sender or receiver. It should be "
            f"between 0 and {len(hub.partitions) - 1}.",
        )
    return hub.partitions[int(number)]


def _read_link(session: Session, attach: Attach, hub: ServedHub, path: list[str]) -> ReadLink:
    match path:
        case ["consumergroups", group, "partitions", number] if group in hub.groups:
            partition = _partition(hub, number)
        case _:
            raise _not_found(attach)
    try:
        position = partition.log.position(attach.selector)
    except SelectorError as error:
        raise LinkError("com.microsoft:argument-error", f"The supplied filter is invalid: {error}.") from None
    _make_room(partition.readers.get(group, []), attach.epoch)
    return ReadLink(
        session,
        attach.handle,
        attach.address,
        partition=partition,
        group=group,
        epoch=attach.epoch,
        position=position,
        with_metrics=attach.with_metrics,
    )


def _make_room(readers: list[Reader], epoch: int | None) -> None:
    """Apply the rules of epochs (the SDK's owner levels): the highest reads alone, without one up to five read."""
    highest = max((reader.epoch for reader in readers if reader.epoch is not None), default=None)
    if epoch is None:
        if highest is not None:
            raise LinkError(
                "amqp:link:stolen",
                f"At least one receiver for the endpoint is created with epoch of '{highest}', and so non-epoch "
                "receiver is not allowed. Either reconnect with a higher epoch, or make sure all epoch receivers are "
                "closed or disconnected.",
            )
        if len(readers) >= MAX_READERS:
            raise LinkError(
                "amqp:resource-limit-exceeded",
                "Exceeded the maximum number of allowed receivers per partition in a consumer group which is "
                f"{MAX_READERS}.",
            )
        return
    if highest is not None and highest > epoch:
        raise LinkError(
            "amqp:link:stolen",
            f"Receiver with a higher epoch of '{highest}' already exists. Receiver with epoch '{epoch}' cannot be "
            "created.",
        )
    for reader in list(readers):
        reader.detach(
            "amqp:link:stolen",
            f"New receiver with higher epoch of '{epoch}' is created hence current receiver with epoch "
            f"'{reader.epoch}' is getting disconnected.",
        )


def _not_found(attach: Attach) -> LinkError:
    return LinkError("amqp:not-found", f"The messaging entity '{attach.address}' could not be found.")
