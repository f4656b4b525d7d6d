"""How the simulated cloud behaves where Azure leaves it open, or where a test wants it otherwise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from simulator.azure.cloud.entra.directory import Directory
from simulator.azure.cloud.offer import Offer

TRIGGER_TIMES: Mapping[str, Callable[[datetime], str]] = {
    "iso": lambda when: f"{when:%Y-%m-%dT%H:%M:%SZ}",
    "space": lambda when: f"{when:%Y-%m-%d %H:%M:%S}",
    "o": lambda when: f"{when:%Y-%m-%dT%H:%M:%S.%f}0Z",
    "o, with offset": lambda when: f"{when:%Y-%m-%dT%H:%M:%S.%f}0+00:00",
    "s": lambda when: f"{when:%Y-%m-%dT%H:%M:%S}",
    "u": lambda when: f"{when:%Y-%m-%d %H:%M:%SZ}",
    "R": lambda when: f"{when:%a, %d %b %Y %H:%M:%S GMT}",
    "G, en-US": lambda when: f"{when.month}/{when.day}/{when.year} {_hour(when)}:{when:%M:%S %p}",
    "G, en-US by ICU": lambda when: f"{when.month}/{when.day}/{when.year} {_hour(when)}:{when:%M:%S}\u202f{when:%p}",
    "G, en-US without space": lambda when: f"{when.month}/{when.day}/{when.year} {_hour(when)}:{when:%M:%S%p}",
    "g, en-US": lambda when: f"{when.month}/{when.day}/{when.year} {_hour(when)}:{when:%M %p}",
    "G": lambda when: f"{when:%m/%d/%Y %H:%M:%S}",
    "g": lambda when: f"{when:%m/%d/%Y %H:%M}",
    "offset": lambda when: f"{when:%m/%d/%Y %H:%M:%S +00:00}",
    "offset, en-US": lambda when: f"{when.month}/{when.day}/{when.year} {_hour(when)}:{when:%M:%S %p} +00:00",
    "F": lambda when: f"{when:%A, %d %B %Y %H:%M:%S}",
    "F, en-US": lambda when: f"{when:%A, %B} {when.day}, {when.year} {_hour(when)}:{when:%M:%S %p}",
    "Unix": lambda when: str(int(when.timestamp())),
    "JSON": lambda when: f"/Date({int(when.timestamp()) * 1000})/",
    "JSON, with offset": lambda when: f"/Date({int(when.timestamp()) * 1000}+0000)/",
    "ticks": lambda when: str(int((when - datetime(1, 1, 1, tzinfo=UTC)).total_seconds()) * 10**7),
}
"""Forms in which a .NET service writes a time, by their letters; the culture is the invariant one unless it is named.

https://learn.microsoft.com/dotnet/standard/base-types/standard-date-and-time-format-strings. Before AM and PM, ICU has
a narrow space (https://github.com/dotnet/runtime/issues/102220) or none (https://github.com/dotnet/runtime/issues/90627)."""


def _hour(when: datetime) -> str:
    return str(when.hour % 12 or 12)


@dataclass
class CloudSettings:
    """May be changed while the cloud runs.

    `polls`: how often a long-running operation is still at work when it is asked. `identity_misses`: how often the
    identity of a new stream job is not found. `failing_starts`: whether a stream job fails that is started.
    `trigger_time`: how a schedule writes the time of a run, which is not documented; one of `TRIGGER_TIMES`, or any
    text, which is then written as it is. `processes`: at most as many work on one parallel step, whatever the pipeline
    asks for.
    `deployer_needs_roles`: whether whoever deploys needs role assignments for data, as in Azure. `database_url`: what
    steps see as BATCH_SCORING_DATABASE_URL. `directory`: who is who in the tenant. `offer`: what the subscription
    may do and its regions have.
    """

    polls: int = 1
    milliseconds_between_polls: int = 10
    identity_misses: int = 2
    failing_starts: bool = False
    trigger_time: str = "iso"
    processes: int = 2
    deployer_needs_roles: bool = False
    database_url: str | None = None
    directory: Directory = field(default_factory=Directory)
    offer: Offer = field(default_factory=Offer)

    def written_trigger_time(self, when: datetime) -> str:
        """A run's time as the schedule hands it to the pipeline."""
        write = TRIGGER_TIMES.get(self.trigger_time)
        return self.trigger_time if write is None else write(when.astimezone(UTC))

    def poll_headers(self) -> dict[str, str]:
        """What tells a client when to ask again."""
        return {"retry-after-ms": str(self.milliseconds_between_polls)}
