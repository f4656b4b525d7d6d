"""The three steps of a run as one program, for any interpreter that can import `scoring` and `stream_queries`.

    python three_steps.py DATABASE_URL FLEET START END WORK [MODULE …]

It imports the modules named last first, as the runtime of a parallel job would, and then prepares, scores and collects
the interval. Everything it writes is below WORK; the number of predictions is its output.
"""

import importlib
import sys
from datetime import datetime
from pathlib import Path


def main(url: str, fleet_folder: str, start: str, end: str, work: str, *modules: str) -> None:
    """See the module's text; our own code is imported after `modules`."""
    for module in modules:
        importlib.import_module(module)

    from scoring.cluster import score
    from scoring.cluster.collect import Run, collect
    from scoring.cluster.interval import Interval
    from scoring.cluster.model.fleet import Fleet
    from scoring.cluster.prepare import prepare
    from scoring.cluster.stores.result_store import FolderStore
    from stream_queries.window_store import WindowStore

    fleet = Fleet.open(Path(fleet_folder))
    interval = Interval(datetime.fromisoformat(start), datetime.fromisoformat(end))
    prepared, scored, predictions = (Path(work) / name for name in ("prepared", "scored", "predictions"))
    with WindowStore(url) as store:
        shards = [str(file) for file in prepare(store, interval, fleet, prepared).files]
    sys.argv = ["score.py", "--fleet", fleet_folder, "--scores", str(scored), "--an-argument-of-azure-ml", "1"]
    score.init()
    if len(score.run(shards)) != len(shards):
        raise SystemExit("a shard was not scored")
    manifest = collect(Run(interval, fleet, "test"), prepared, scored, FolderStore(predictions))
    print(manifest["counts"]["predictions"])


if __name__ == "__main__":
    main(*sys.argv[1:])
