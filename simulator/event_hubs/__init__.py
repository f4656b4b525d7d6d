"""Event Hubs on the loopback interface, for the unpatched azure-eventhub SDK (sync and aio).

A message's way through the modules: `framing` → `connection` → `attach` and `endpoints`, on `links` → `namespace` (hub
and partition) → `log` → `records` (the file). `codec` and `messages` are the bytes, `management` the answers about
hubs, `server` and `loopback` start and stop it all, `command` is the command line. Left out on purpose: AMQP over
WebSocket, Kafka, retention, the schema registry, geo-replication.
"""

from simulator.event_hubs.loopback import DEFAULT_HUB, LoopbackEventHubs
from simulator.event_hubs.service.server import Tls
from simulator.event_hubs.storage.namespace import Hub, Stats
from simulator.event_hubs.storage.partition_keys import partition_of

__all__ = ["DEFAULT_HUB", "Hub", "LoopbackEventHubs", "Stats", "Tls", "partition_of"]
