"""Where an event hub is, and the SDK's own clients for it."""

from dataclasses import dataclass
from typing import Any

from azure.eventhub import EventHubConsumerClient, EventHubProducerClient
from azure.eventhub.exceptions import EventHubError
from azure.identity import DefaultAzureCredential

from stream_queries.errors import UserError

DEFAULT_HUB = "readings"
ONE_ATTEMPT: dict[str, Any] = {"retry_total": 0, "retry_backoff_factor": 0.05}
"""Options of a client that reports a failure at once; the SDK waits for the backoff even when it will not retry."""

DEFAULT_GROUP = "$Default"


@dataclass(frozen=True, kw_only=True)
class HubAddress:
    """A hub, reached by a connection string (the loopback server, an emulator) or by a namespace's host name and Entra.

    Raises `UserError` unless exactly one of the two is given.
    """

    hub: str = DEFAULT_HUB
    connection_string: str | None = None
    namespace: str | None = None

    def __post_init__(self) -> None:
        if not self.hub:
            raise UserError("the hub has no name: give --hub NAME")
        if not self.connection_string and not self.namespace:
            raise UserError("no target: give --connection-string or --namespace")
        if self.connection_string and self.namespace:
            raise UserError("two targets: give either --connection-string or --namespace, not both")

    def __str__(self) -> str:
        """The hub's name and its host, without any key."""
        host = self.namespace
        if self.connection_string:
            parts = dict(part.partition("=")[::2] for part in self.connection_string.split(";"))
            host = parts.get("Endpoint", "?").removeprefix("sb://").rstrip("/")
        return f"hub {self.hub} at {host}"

    def producer(
        self, factory: type[EventHubProducerClient] = EventHubProducerClient, **options: Any
    ) -> EventHubProducerClient:
        """A client that sends; `options` are the SDK's. Raises `UserError` for an unreadable connection string."""
        if self.namespace:
            return factory(self.namespace, self.hub, DefaultAzureCredential(), **options)
        try:
            return factory.from_connection_string(self.connection_string or "", eventhub_name=self.hub, **options)
        except ValueError as error:
            raise _unreadable(error) from error

    def consumer(self, *, group: str = DEFAULT_GROUP, **options: Any) -> EventHubConsumerClient:
        """A client that receives through a consumer group, otherwise as `producer`."""
        if self.namespace:
            return EventHubConsumerClient(self.namespace, self.hub, group, DefaultAzureCredential(), **options)
        try:
            return EventHubConsumerClient.from_connection_string(
                self.connection_string or "", group, eventhub_name=self.hub, **options
            )
        except ValueError as error:
            raise _unreadable(error) from error


def reason(error: EventHubError) -> str:
    """What the SDK says went wrong, on one line."""
    return " ".join(str(error).split("\n", maxsplit=1)[0].split()) or type(error).__name__


def _unreadable(error: ValueError) -> UserError:
    return UserError(
        f"--connection-string is unreadable ({error}): it looks like Endpoint=sb://HOST;SharedAccessKeyName=…"
    )
