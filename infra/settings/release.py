"""What can be set of the release."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from infra.settings.section import Section
from scoring.cluster.model.fleet import Fleet
from scoring.publish.pipeline import DEFAULT_FLEET
from stream_queries.errors import UserError

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class ReleaseSettings:
    """What is published to Azure ML: which fleet, and how a run spreads over the cluster's nodes.

    A mini-batch of `shards_per_mini_batch` shards is scored by one process; it may take `timeout` and is tried again
    `retries` times. Of old versions, `versions_kept` stay usable. A run waits at most `wait` for windows that are late,
    and counts as failed if, of the series with windows, more than `max_unscored_share` were not scored.
    """

    fleet: Path
    processes_per_node: int
    shards_per_mini_batch: int
    retries: int
    timeout: timedelta
    versions_kept: int
    wait: timedelta
    max_unscored_share: float

    @classmethod
    def read(cls, section: Section) -> Self:
        """A relative path of a fleet is one from the repository's root, and must lead to one.

        The default is the reference fleet.
        """
        fleet = section.text("fleet", "", r"[^\r\n]{1,400}", "the folder of a fleet")
        folder = ROOT / fleet if fleet else DEFAULT_FLEET
        try:
            Fleet.open(folder)
        except UserError as error:
            section.problems.append(f"{section.at('fleet')} is {fleet!r}: {error}")
        return cls(
            fleet=folder,
            processes_per_node=section.integer("processesPerNode", 2, 1, 64),
            shards_per_mini_batch=section.integer("shardsPerMiniBatch", 1, 1, 1000),
            retries=section.integer("retries", 2, 0, 10),
            timeout=timedelta(minutes=section.integer("timeoutMinutes", 10, 1, 24 * 60)),
            versions_kept=section.integer("versionsKept", 10, 1, 1000),
            wait=timedelta(minutes=section.integer("waitMinutes", 10, 0, 120)),
            max_unscored_share=section.number("maxUnscoredShare", 0.05, 0, 1),
        )
