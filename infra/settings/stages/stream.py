"""The way of a reading to the database: Event Hubs and Stream Analytics."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from infra.settings.section import Section
from stream_queries.time_policy import DEFAULT_TIME_POLICY, TimePolicy

STREAMING_UNITS = {"Standard": (1, 3, *range(6, 67, 6)), "StandardV2": (3, 7, *range(10, 661, 10))}
"""What a job takes on each SKU. On StandardV2 it is in tenths: 3 and 7 are a third and two thirds of a unit, 10 is one.
Source: https://learn.microsoft.com/azure/stream-analytics/stream-analytics-streaming-unit-consumption,
https://github.com/Azure/azure-quickstart-templates/tree/master/quickstarts/microsoft.streamanalytics"""

_STREAMING_UNITS_WORDS = {
    "Standard": "one of " + ", ".join(map(str, STREAMING_UNITS["Standard"])),
    "StandardV2": "3 (a third of a unit), 7 (two thirds), 10 (one), 20 and so on to 660, for StandardV2",
}

MOST_LATE_SECONDS, MOST_DISORDER_SECONDS = 23 * 3600, 9 * 60 + 59
"""Disorder is limited by Stream Analytics; lateness (20 days there) by a run's settling, which waits for it."""


@dataclass(frozen=True)
class IngestSettings:
    """Event Hubs. `inflate_to` throughput units is how far it grows by itself; 0 is not at all."""

    partitions: int
    throughput_units: int
    inflate_to: int
    retention_hours: int

    @property
    def retention(self) -> timedelta:
        """How long the hub keeps events."""
        return timedelta(hours=self.retention_hours)

    @classmethod
    def read(cls, section: Section) -> Self:
        """Partitions cannot change later outside Premium: changing them replaces the hub and what is in it."""
        settings = cls(
            partitions=section.integer("partitions", 4, 1, 32),
            throughput_units=section.integer("throughputUnits", 1, 1, 40),
            inflate_to=section.integer("inflateTo", 0, 0, 40),
            retention_hours=section.integer("retentionHours", 24, 1, 168),
        )
        if 0 < settings.inflate_to <= settings.throughput_units:
            section.refuse(
                "inflateTo", settings.inflate_to, f"0, or more than throughputUnits ({settings.throughput_units})"
            )
        return settings


@dataclass(frozen=True)
class StreamSettings:
    """Stream Analytics: SKU and streaming units, whether the job runs, and the time policies.

    A job at rest costs nothing and makes no windows. The policies' defaults have their home beside the query.
    """

    sku: str
    streaming_units: int
    running: bool
    time_policy: TimePolicy

    @classmethod
    def read(cls, section: Section) -> Self:
        """Both tolerances in whole seconds."""
        late, disorder = (
            section.integer(key, int(default.total_seconds()), 0, most)
            for key, default, most in (
                ("lateArrivalSeconds", DEFAULT_TIME_POLICY.late_arrival, MOST_LATE_SECONDS),
                ("outOfOrderSeconds", DEFAULT_TIME_POLICY.out_of_order, MOST_DISORDER_SECONDS),
            )
        )
        policy = TimePolicy(late_arrival=timedelta(seconds=late), out_of_order=timedelta(seconds=disorder))
        mistakes = len(section.problems)
        sku = section.choice("sku", "Standard", tuple(STREAMING_UNITS))
        most = max(units[-1] for units in STREAMING_UNITS.values())
        units = section.integer("streamingUnits", STREAMING_UNITS[sku][0], 1, most)
        if len(section.problems) == mistakes and units not in STREAMING_UNITS[sku]:
            section.refuse("streamingUnits", units, _STREAMING_UNITS_WORDS[sku])
        return cls(
            sku=sku,
            streaming_units=units,
            running=section.boolean("running", default=True),
            time_policy=policy,
        )
