"""One run on one machine: prepare, score with worker processes, collect; as the Azure ML pipeline does on a cluster."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scoring.cluster.collect import Run, collect
from scoring.cluster.interval import Interval
from scoring.cluster.model.fleet import Fleet
from scoring.cluster.prepare import prepare
from scoring.cluster.stores.result_store import ResultStore
from scoring.local.parallel import ParallelSettings, run_parallel
from stream_queries.window_store import WindowStore


@dataclass(frozen=True)
class Runner:
    """What all runs of a backfill share. `release` names the code and settings that scored, in the manifests.

    `work` is the folder for intermediate files, by default the system's for temporary ones.
    """

    store: WindowStore
    fleet: Fleet
    results: ResultStore
    release: str = "local"
    settings: ParallelSettings = field(default_factory=ParallelSettings)
    work: Path | None = None

    def score(self, interval: Interval, *, on_progress: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
        """Score one interval and return its manifest; intermediate files go to a temporary folder.

        A run that is ended at any point leaves the interval's earlier predictions, if any, as they were; running it
        again gives the same files.
        """
        with tempfile.TemporaryDirectory(prefix="scoring-", dir=self.work) as work:
            prepared, scored = Path(work, "prepared"), Path(work, "scored")
            files = prepare(self.store, interval, self.fleet, prepared).files
            arguments = ["--fleet", str(self.fleet.folder), "--scores", str(scored)]
            run_parallel(files, arguments, self.settings, on_progress=on_progress)
            return collect(Run(interval, self.fleet, self.release), prepared, scored, self.results)
