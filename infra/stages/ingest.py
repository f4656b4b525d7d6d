"""Stage 1: the event hub that devices send to.

Deliberately absent: keys. The namespace accepts Entra identities only; `access.py` says who sends and who receives.
"""

import pulumi
from pulumi_azure_native import eventhub

from infra import names
from infra.placement import Placement
from infra.settings.stages.stream import IngestSettings
from stream_queries.schema import ARRIVALS_INPUT, READINGS_INPUT


class Ingest(pulumi.ComponentResource):
    """A namespace with one hub, and a consumer group for each of its readers."""

    namespace: eventhub.Namespace
    hub: eventhub.EventHub
    partitions: int
    consumer_groups: dict[str, eventhub.ConsumerGroup]
    host: pulumi.Output[str]

    def __init__(
        self, name: str, placement: Placement, settings: IngestSettings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("batch-scoring:index:Ingest", name, None, opts)
        group = placement.group.name
        self.namespace = eventhub.Namespace(
            f"{name}-events",
            resource_group_name=group,
            location=placement.region,
            tags=placement.tags,
            sku=eventhub.SkuArgs(name="Standard", tier="Standard", capacity=settings.throughput_units),
            is_auto_inflate_enabled=settings.inflate_to > 0,
            maximum_throughput_units=settings.inflate_to,
            disable_local_auth=True,
            minimum_tls_version="1.2",
            public_network_access="Enabled",
            # Auto-inflate only ever raises the capacity. Any later change of the namespace sets it back to the setting,
            # from where it inflates again: ignoring the difference would not prevent that, and make the setting dead.
            opts=placement.options(self),
        )
        self.partitions = settings.partitions
        self.hub = eventhub.EventHub(
            f"{name}-{names.HUB}",
            event_hub_name=names.HUB,
            namespace_name=self.namespace.name,
            resource_group_name=group,
            partition_count=settings.partitions,
            retention_description=eventhub.RetentionDescriptionArgs(
                cleanup_policy="Delete", retention_time_in_hours=settings.retention_hours
            ),
            # The service refuses to change the count on the Standard tier: a preview must say that events are lost.
            # The name stays, so the old hub goes first.
            opts=placement.options(
                self, holds_data=True, replace_on_changes=["partitionCount"], delete_before_replace=True
            ),
        )
        self.consumer_groups = {
            reader: eventhub.ConsumerGroup(
                f"{name}-{reader}",
                consumer_group_name=reader,
                event_hub_name=self.hub.name,
                namespace_name=self.namespace.name,
                resource_group_name=group,
                opts=placement.options(self),
            )
            for reader in (READINGS_INPUT, ARRIVALS_INPUT, names.REPLAY_GROUP)
        }
        self.host = pulumi.Output.format("{0}.servicebus.windows.net", self.namespace.name)
        self.register_outputs({"namespace": self.namespace.name, "hub": self.hub.name})
