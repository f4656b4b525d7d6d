"""Second step of a run: score data shards, many series in each, by the contract of an Azure ML parallel job.

Azure ML starts several processes of this file on every node. Each calls `init()` once, then `run(mini_batch)` with some
of the input folder's files, and counts a mini-batch's items as failed unless `run` returns one result for each
(https://learn.microsoft.com/azure/machine-learning/how-to-use-parallel-job-in-pipeline). `scoring.local.runner`
does the same on one machine. This module and what it imports at start is all a worker loads: numpy and Arrow.

For shard k it writes `scores-k.parquet` and then `status-k.json`, which says what became of every series: a shard
without a status was not scored, whatever else is there.
"""

import argparse
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scoring.cluster.model.features import feature_matrix
from scoring.cluster.model.fleet import Fleet, Model
from scoring.cluster.model.series import Series, split_by_series
from scoring.cluster.shards import read_shard, shard_number
from stream_queries.arrow_schemas import PREDICTION_SCHEMA
from stream_queries.files import replace_file
from stream_queries.schema import DEVICE, SENSOR, WINDOW_END

log = logging.getLogger("scoring.cluster.score")


class Status(StrEnum):
    """What became of a series in a run; every series has exactly one."""

    SCORED = "scored"
    NO_MODEL = "no_model"  # it has windows, the fleet has no model of it
    NO_DATA = "no_data"  # the fleet has a model of it, the interval has no window
    FAILED = "failed"


@dataclass(frozen=True)
class SeriesStatus:
    """One line of a manifest."""

    device: str
    sensor: str
    status: Status
    windows: int
    anomalies: int = 0
    reason: str | None = None


@dataclass(frozen=True)
class Scorer:
    """What one worker process keeps between mini-batches."""

    fleet: Fleet
    output: Path

    def score_file(self, file: Path) -> str:
        """Score one data shard and write its results; returns a line for the job's log."""
        shard = shard_number(file)
        predictions, statuses = score_shard(self.fleet.read_shard(shard), read_shard(file), self.fleet.version)
        self.output.mkdir(parents=True, exist_ok=True)
        pq.write_table(predictions, self.output / scores_file(shard), compression="zstd")
        status = self.output / status_file(shard)
        replace_file(status, json.dumps([asdict(entry) for entry in statuses]))
        return f"{file.name}: {predictions.num_rows} windows of {len(statuses)} series"


_scorer: Scorer | None = None


def init() -> None:
    """Read `--fleet` and `--scores` from the command line, to which Azure ML adds arguments of its own.

    `--output` is one of those.
    """
    global _scorer
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--fleet", type=Path, required=True, help="folder of the model")
    parser.add_argument("--scores", type=Path, required=True, help="folder for scores and statuses")
    arguments, _ = parser.parse_known_args()
    _scorer = Scorer(Fleet.open(arguments.fleet), arguments.scores)


def run(mini_batch: list[str]) -> list[str]:
    """Score the shards in `mini_batch` (paths); returns one line per shard that was scored.

    A shard that cannot be scored is logged and has no line, so that it alone counts as failed and is tried again.
    """
    if _scorer is None:
        raise RuntimeError("run() was called before init()")
    results = []
    for path in mini_batch:
        try:
            results.append(_scorer.score_file(Path(path)))
        except Exception:
            log.exception("shard %s was not scored", path)
    return results


def score_shard(
    models: dict[Series, Model], windows: pa.Table, model_version: str
) -> tuple[pa.Table, list[SeriesStatus]]:
    """Score the windows of one shard with its models.

    Returns the predictions (see `PREDICTION_SCHEMA`), in order of series and time, and one status for every series that
    has windows or a model. A series that fails takes no other with it.
    """
    scores = np.full(windows.num_rows, np.nan)
    statuses: dict[Series, SeriesStatus] = {}
    first = 0
    for series, history in split_by_series(windows):
        rows = slice(first, first + history.num_rows)
        first = rows.stop
        statuses[series] = _score_series(series, models.get(series), feature_matrix(history), scores[rows])
    for series in models.keys() - statuses.keys():
        statuses[series] = SeriesStatus(*series, Status.NO_DATA, windows=0)
    scored = np.flatnonzero(np.isfinite(scores))
    kept = windows.take(scored)
    predictions = pa.table(
        [
            *(kept[name] for name in (DEVICE, SENSOR, WINDOW_END)),
            pa.array(scores[scored]),
            pa.array(scores[scored] < 0),
            pa.repeat(model_version, len(scored)),
        ],
        schema=PREDICTION_SCHEMA,
    )
    return predictions, [statuses[series] for series in sorted(statuses)]


def _score_series(series: Series, model: Model | None, features: np.ndarray, scores: np.ndarray) -> SeriesStatus:
    """Fill `scores` with one series' scores; if that is not possible they stay NaN and the status says why."""
    windows = len(features)
    if model is None:
        return SeriesStatus(*series, Status.NO_MODEL, windows)
    if not np.isfinite(features).all():
        return SeriesStatus(*series, Status.FAILED, windows, reason="a feature is not a finite number")
    try:
        found = model.decision_function(features)
    except Exception as error:  # one model's fault must not cost the other series of the shard
        return SeriesStatus(*series, Status.FAILED, windows, reason=f"{type(error).__name__}: {error}")
    if found.shape != scores.shape or not np.isfinite(found).all():
        return SeriesStatus(*series, Status.FAILED, windows, reason="the model's scores are not finite numbers")
    scores[:] = found
    return SeriesStatus(*series, Status.SCORED, windows, anomalies=int((found < 0).sum()))


def scores_file(shard: int) -> str:
    """The name of the file that holds a shard's predictions."""
    return f"scores-{shard:03d}.parquet"


def status_file(shard: int) -> str:
    """The name of the file that says what became of a shard's series."""
    return f"status-{shard:03d}.json"


def read_statuses(file: Path) -> Iterator[SeriesStatus]:
    """Read the statuses of one shard."""
    for entry in json.loads(file.read_text()):
        yield SeriesStatus(**(entry | {"status": Status(entry["status"])}))
