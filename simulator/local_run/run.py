"""The whole path on one machine, composed of the real parts: each stage is a command of its own in its own process.

Readings go through the azure-eventhub SDK into a loopback Event Hubs, the stream query makes windows of them, the first
hours train a fleet, the rest is scored in intervals by the code that a cluster runs. Whatever is killed on the way, the
same run in the same folder goes on where it stopped; a run that is complete is done again without changing a file.
"""

import hashlib
import json
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from scoring.cluster.collect import read_predictions
from scoring.cluster.interval import Interval
from scoring.cluster.model.fleet import Fleet
from scoring.cluster.stores.result_store import FolderStore
from simulator.devices.event_sources import EventSource
from simulator.local_run.accounting import account
from simulator.local_run.evaluation import evaluate
from simulator.local_run.folder import RunFolder
from simulator.local_run.stages import StageError, Stages
from simulator.local_run.summary import Summary, print_summary
from simulator.stream.outputs import database_url
from stream_queries import query_file
from stream_queries.arrow_schemas import PREDICTION_SCHEMA
from stream_queries.schema import WINDOW_LENGTH
from stream_queries.time_policy import DEFAULT_TIME_POLICY
from stream_queries.window_store import WindowStore


@dataclass(frozen=True)
class LocalRun:
    """One run: what is sent, how long a history trains the models, and in what intervals the rest is scored."""

    source: EventSource
    train_hours: float
    interval_minutes: int
    processes: int

    def program(self) -> dict[str, Any]:
        """What is made of the readings: a run by another program makes its results anew."""
        return {
            "query": hashlib.sha256(query_file().read_bytes()).hexdigest(),
            "late_arrival": DEFAULT_TIME_POLICY.late_arrival.total_seconds(),
            "out_of_order": DEFAULT_TIME_POLICY.out_of_order.total_seconds(),
            "train_hours": self.train_hours,
            "interval_minutes": self.interval_minutes,
        }


def run_local(run: LocalRun, out: Path, *, fresh: bool) -> int:
    """Run all stages in `out` and print the summary.

    Exit code 0 if all is accounted for and every series was scored, 1 if not or if a stage ended early, 2 if a stage
    refused its input.
    """
    folder = RunFolder.open(out, source=_identity(run.source), program=run.program(), fresh=fresh)
    stages = Stages(folder)
    try:
        sent, partial = _run_stages(run, folder, stages)
    except StageError as error:
        refused = error.exit_code == 2
        advice = (
            "mend what it says, or start anew with --fresh" if refused else "the same command goes on where it stopped"
        )
        print(f"simulator: {error}: {advice}", file=sys.stderr)
        return 2 if refused else 1
    finally:
        folder.close()
    summary = _summarise(run, folder, stages, sent)
    folder.summary.write_text(json.dumps(summary.to_json(), indent=1) + "\n")
    print_summary(summary, out)
    return 1 if partial or summary.accounting.mistakes() else 0


def _run_stages(run: LocalRun, folder: RunFolder, stages: Stages) -> tuple[int, bool]:
    """Run the stages in order; returns how many events were sent, and whether some series could not be scored."""
    with stages.event_hubs() as connection_string:
        hub = ["--connection-string", connection_string]
        sent = stages.run("ingestion", ["simulator", "send", *hub, "--replay", "--json", *run.source.options])
        stages.run("stream", ["simulator", "stream", *hub, "--out", str(folder.root)])
    training, scored = _ranges(run, folder.root)
    common = ["--database", database_url(folder.root)]
    history = ["--start", training.start.isoformat(), "--end", training.end.isoformat()]
    stages.run("training", ["scoring", "train", *common, *history, "--out", str(folder.fleet)])
    interval = ["--interval", scored.start.isoformat(), scored.end.isoformat(), "--every", str(run.interval_minutes)]
    places = ["--fleet", str(folder.fleet), "--predictions", str(folder.predictions)]
    processes = ["--processes", str(run.processes), "--work", str(folder.work)]
    done = stages.run("scoring", ["scoring", "score", *common, *places, *interval, *processes], accepted=(0, 1))
    return json.loads(sent.output)["sent"], done.exit_code == 1


def _ranges(run: LocalRun, out: Path) -> tuple[Interval, Interval]:
    """The training range, from the first window on, and the range to score, from its end to the last window."""
    with WindowStore(database_url(out)) as store:
        first, last = store.range()
    length = timedelta(minutes=run.interval_minutes)
    start = first - WINDOW_LENGTH
    split = start + timedelta(hours=run.train_hours)
    return Interval(start, split), Interval(split, max(last, split + length))


def _summarise(run: LocalRun, folder: RunFolder, stages: Stages, sent: int) -> Summary:
    training, scored = _ranges(run, folder.root)
    intervals = scored.split(timedelta(minutes=run.interval_minutes))
    results = FolderStore(folder.predictions)
    found = [read_predictions(results, interval) for interval in intervals]
    predictions = pa.concat_tables([PREDICTION_SCHEMA.empty_table(), *(table for table in found if table is not None)])
    fleet = Fleet.open(folder.fleet)
    return Summary(
        source=run.source.title,
        accounting=account(folder.root, sent=sent),
        seconds=stages.seconds,
        fleet_version=fleet.version,
        models=fleet.manifest["counts"]["series"],
        skipped=fleet.manifest["skipped"],
        training=training,
        scored=scored,
        intervals=len(intervals),
        predictions=predictions,
        evaluation=evaluate(predictions, run.source.anomalies()) if run.source.anomalies else None,
    )


def _identity(source: EventSource) -> dict[str, Any]:
    return {"options": list(source.options), "content": source.content}
