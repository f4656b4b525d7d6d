"""When an event counts: the stream job's time policies, stated once for Azure and for the engine on one machine."""

from dataclasses import dataclass
from datetime import timedelta

EARLY_ARRIVAL_LIMIT = timedelta(minutes=5)
"""Events further ahead of their arrival are dropped; fixed by Stream Analytics, not a setting."""


@dataclass(frozen=True)
class TimePolicy:
    """How far event time may lag behind arrival, and behind the newest event of its partition.

    An event outside a tolerance is *adjusted*: its System.Timestamp() becomes the oldest time still accepted. Both
    tolerances default to the same 60 s. With an out-of-order tolerance of 0 s, one device whose clock runs ahead would
    move the readings of every other device of its partition.

    Source of the rules: https://learn.microsoft.com/azure/stream-analytics/event-ordering
    """

    late_arrival: timedelta = timedelta(seconds=60)
    out_of_order: timedelta = timedelta(seconds=60)

    def __post_init__(self) -> None:
        for name in ("late_arrival", "out_of_order"):
            if getattr(self, name) < timedelta(0):
                raise ValueError(f"{name} is {getattr(self, name)}: a tolerance cannot be negative")


DEFAULT_TIME_POLICY = TimePolicy()
