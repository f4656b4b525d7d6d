"""One simulated series, a device's sensor: what it measures when nothing goes wrong, and its own random numbers."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from simulator.devices.fleet_plan import FleetPlan

_DAY_MILLISECONDS = 24 * 3600 * 1000
_LEVEL = (20.0, 80.0)
_NOISE = (0.2, 2.0)
_AMPLITUDE_PER_NOISE = (0.2, 0.6)


class Purpose(IntEnum):
    """What random numbers are drawn for; each purpose has its own stream, so one can change without the others."""

    SERIES = 0
    NOISE = 1
    ANOMALIES = 2
    DELIVERY = 3


def random_for(plan: FleetPlan, device: int, sensor: int, purpose: Purpose, hour: int = 0) -> np.random.Generator:
    """The generator of one series for one purpose in one hour, independent of every other."""
    return np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=(device, sensor, purpose, hour)))


@dataclass(frozen=True)
class Series:
    """A series' traits: level, noise and amplitude in the sensor's unit, the rest in milliseconds.

    A reading at time t is `level + amplitude · sin(2π · t / 1 day + phase) + noise · z` with z from the standard
    normal distribution and t since the plan's start. Within a few hours the day's course stays small against the
    noise (amplitude 0.2 to 0.6 noise), so a model trained on some hours fits the hours that follow.
    """

    device: int
    sensor: int
    period: int
    offset: int
    level: float
    noise: float
    amplitude: float
    phase: float

    @classmethod
    def draw(cls, plan: FleetPlan, device: int, sensor: int) -> "Series":
        """The series of this device's and sensor's index: level 20 to 80, noise 0.2 to 2, any phase and any offset."""
        random = random_for(plan, device, sensor, Purpose.SERIES)
        noise = float(random.uniform(*_NOISE))
        period = plan.period_seconds * 1000
        return cls(
            device=device,
            sensor=sensor,
            period=period,
            offset=int(random.integers(period)),
            level=float(random.uniform(*_LEVEL)),
            noise=noise,
            amplitude=float(random.uniform(*_AMPLITUDE_PER_NOISE)) * noise,
            phase=float(random.uniform(0, 2 * np.pi)),
        )

    def times(self, ticks: np.ndarray) -> np.ndarray:
        """When the readings `ticks` are taken: milliseconds since the plan's start (int64, same length)."""
        return self.offset + ticks * self.period

    def expected(self, ticks: np.ndarray) -> np.ndarray:
        """The readings `ticks` without their noise (float64, same length)."""
        return self.level + self.amplitude * np.sin(2 * np.pi * self.times(ticks) / _DAY_MILLISECONDS + self.phase)
