"""How the simulated cloud behaves where Azure leaves it open, or where a test wants it otherwise."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal


@dataclass
class CloudSettings:
    """May be changed while the cloud runs.

    `polls`: how often a long-running operation is still at work when it is asked. `identity_misses`: how often the
    identity of a new stream job is not found. `failing_starts`: whether a stream job fails that is started.
    `trigger_time`: how a schedule writes the time of a run, which is not documented. `processes`: at most as many work
    on one parallel step, whatever the pipeline asks for.
    `deployer_needs_roles`: whether whoever deploys needs role assignments for data, as in Azure. `database_url`: what
    steps see as BATCH_SCORING_DATABASE_URL.
    """

    polls: int = 1
    milliseconds_between_polls: int = 10
    identity_misses: int = 2
    failing_starts: bool = False
    trigger_time: Literal["iso", "space"] = "iso"
    processes: int = 2
    deployer_needs_roles: bool = False
    database_url: str | None = None

    def written_trigger_time(self, when: datetime) -> str:
        """A run's time as the schedule hands it to the pipeline."""
        form = "%Y-%m-%dT%H:%M:%SZ" if self.trigger_time == "iso" else "%Y-%m-%d %H:%M:%S"
        return when.astimezone(UTC).strftime(form)

    def poll_headers(self) -> dict[str, str]:
        """What tells a client when to ask again."""
        return {"retry-after-ms": str(self.milliseconds_between_polls)}
