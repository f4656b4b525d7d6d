"""The first two steps of a run in this process, without workers: what collecting starts from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scoring.cluster.collect import Run, collect
from scoring.cluster.interval import Interval
from scoring.cluster.model.fleet import Fleet
from scoring.cluster.prepare import prepare
from scoring.cluster.score import Scorer
from scoring.cluster.stores.result_store import ResultStore
from stream_queries.window_store import WindowStore
from tests.scoring.samples import MINUTE, START

SECOND_HOUR = Interval(START + 60 * MINUTE, START + 120 * MINUTE)


@dataclass(frozen=True)
class ScoredRun:
    """A run that was prepared and scored."""

    run: Run
    prepared: Path
    scored: Path

    def collect(self, store: ResultStore) -> dict[str, Any]:
        return collect(self.run, self.prepared, self.scored, store)


def score_run(store: WindowStore, fleet: Fleet, work: Path, *, interval: Interval = SECOND_HOUR) -> ScoredRun:
    """Prepare and score an interval; the steps' folders are made in `work`."""
    steps = ScoredRun(Run(interval, fleet, "test"), work / "prepared", work / "scored")
    scorer = Scorer(fleet, steps.scored)
    for file in prepare(store, interval, fleet, steps.prepared).files:
        scorer.score_file(file)
    return steps
