"""What a simulated fleet is asked to do: how many series, for how long, and how much of it goes wrong."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stream_queries.errors import UserError

_LIMITS: dict[str, tuple[float, float]] = {
    "devices": (1, 1_000_000),
    "sensors": (1, 10_000),
    "hours": (1 / 60, 24 * 366),
    "seed": (0, 2**63 - 1),
    "period_seconds": (1, 3600),
    "anomaly_rate": (0, 0.5),
    "duplicate_rate": (0, 0.5),
    "late_rate": (0, 0.5),
    "out_of_order_rate": (0, 0.5),
    "malformed_rate": (0, 0.5),
    "anomalies_after_hours": (0, 24 * 366),
}
_WHOLE = {"devices", "sensors", "seed", "period_seconds"}


@dataclass(frozen=True, kw_only=True)
class FleetPlan:
    """A fleet of `devices` with `sensors` each, every one of which sends a reading every `period_seconds` for `hours`.

    `anomaly_rate` is the share of windows that anomalies reach once `anomalies_after_hours` have passed: before lies
    the range to train on. `late_rate` and `out_of_order_rate` are shares of the readings; `duplicate_rate` and
    `malformed_rate` say how many events come on top of them, relative to the readings. A quarter of the malformed
    events cannot even be decoded.

    Raises `UserError` that names the field, its value and what is allowed.
    """

    devices: int
    sensors: int
    hours: float
    seed: int = 1
    period_seconds: int = 30
    start: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    anomaly_rate: float = 0.01
    duplicate_rate: float = 0.005
    late_rate: float = 0.002
    out_of_order_rate: float = 0.01
    malformed_rate: float = 0.001
    anomalies_after_hours: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            whole = name in _WHOLE
            right_type = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
            if not right_type or not low <= value <= high:
                kind = "a whole number" if whole else "a number"
                raise UserError(f"{name} is {value!r}: give {kind} from {low:g} to {high:g}")
        if self.start.utcoffset() != timedelta(0) or not 1970 <= self.start.year <= 2100:
            raise UserError(f"start is {self.start.isoformat()}: give a time in UTC (…Z) between 1970 and 2100")
        if self.readings_per_series == 0:
            raise UserError(f"hours is {self.hours!r}: give at least one period of {self.period_seconds} s")

    @property
    def readings_per_series(self) -> int:
        """How many readings each series sends."""
        return math.floor(self.hours * 3600 / self.period_seconds)

    @property
    def readings(self) -> int:
        """How many readings the fleet sends, not counting duplicates and malformed events."""
        return self.devices * self.sensors * self.readings_per_series

    @property
    def readings_per_second(self) -> float:
        """The fleet's natural pace."""
        return self.devices * self.sensors / self.period_seconds


def device_name(index: int) -> str:
    """The name of the device with this index: 0 is `device-0001`."""
    return f"device-{index + 1:04d}"


def sensor_name(index: int) -> str:
    """The name of the sensor with this index: 0 is `sensor-1`."""
    return f"sensor-{index + 1}"
