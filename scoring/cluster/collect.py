"""Last step of a run: bring the shards' results together and keep them, so that readers see all of it or nothing."""

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scoring.cluster.interval import Interval
from scoring.cluster.model.fleet import Fleet
from scoring.cluster.model.series import split_by_series
from scoring.cluster.score import SeriesStatus, Status, read_statuses, scores_file, status_file
from scoring.cluster.shards import SHARD_FILES, read_shard, shard_file
from scoring.cluster.stores.result_store import MANIFEST, ManifestConflictError, ResultStore
from stream_queries.arrow_schemas import PREDICTION_SCHEMA, times
from stream_queries.errors import UserError
from stream_queries.schema import DEVICE, MODEL_VERSION, SENSOR, WINDOW_END

MANIFEST_VERSION = 1
ROWS_PER_PART = 1_000_000
ATTEMPTS = 5


@dataclass(frozen=True)
class Run:
    """Which run's results are collected: they are the same for the same interval, fleet and release."""

    interval: Interval
    fleet: Fleet
    release: str


def collect(run: Run, prepared: Path, scored: Path, store: ResultStore) -> dict[str, Any]:
    """Write the run's predictions and manifest to `store` and return the manifest.

    `prepared` and `scored` are the folders that the two steps before wrote. Every series with a model or a window has
    one status in the manifest; the series of a shard that was not scored are `failed`. Raises UserError if the folders
    cannot be read or hold another run's results.
    """
    _check_shards(run, prepared)
    tables, statuses = [], []
    for shard in range(run.fleet.shards):
        windows = _read_windows(run, prepared / shard_file(shard))
        if (scored / status_file(shard)).is_file():
            predictions, found = _read_scored(run, shard, windows, scored)
            tables.append(predictions)
        else:
            found = list(_not_scored(run.fleet, shard, windows))
        statuses.extend(found)
    predictions = pa.concat_tables([PREDICTION_SCHEMA.empty_table(), *tables])
    predictions = predictions.sort_by([(name, "ascending") for name in (DEVICE, SENSOR, WINDOW_END)])
    parts = dict(_parts(predictions))
    manifest = {
        "format_version": MANIFEST_VERSION,
        "release": run.release,
        "model_version": run.fleet.version,
        "interval": run.interval.to_json(),
        "counts": _counts(statuses, predictions.num_rows),
        "parts": [{"name": name, "bytes": len(content)} for name, content in parts.items()],
        "series": [asdict(entry) for entry in sorted(statuses, key=lambda entry: (entry.device, entry.sensor))],
    }
    _keep(store, run.interval.folder, parts, json.dumps(manifest, indent=1).encode() + b"\n")
    return manifest


def read_predictions(store: ResultStore, interval: Interval) -> pa.Table | None:
    """The predictions of an interval, or None if no run of it has finished; only what the manifest names is read."""
    stored = store.read_manifest(interval.folder)
    if stored is None:
        return None
    try:
        parts = [part["name"] for part in json.loads(stored.content)["parts"]]
        tables = [pq.read_table(pa.BufferReader(store.read_part(interval.folder, name))) for name in parts]
        return pa.concat_tables([PREDICTION_SCHEMA.empty_table(), *tables])
    except (ValueError, KeyError, TypeError) as error:  # pa.ArrowInvalid is a ValueError
        what = " ".join(str(error).split())
        raise UserError(
            f"the predictions in {interval.folder} are damaged ({what}): score the interval again"
        ) from error


def _check_shards(run: Run, prepared: Path) -> None:
    """Refuse shards that were cut for another fleet: some of their windows would be lost without a word."""
    expected = {shard_file(shard) for shard in range(run.fleet.shards)}
    found = {file.name for file in prepared.glob(SHARD_FILES)}
    if found != expected:
        raise UserError(
            f"{prepared} holds {len(found)} shards, the fleet in {run.fleet.folder} has {len(expected)}: "
            "run the interval again"
        )


def _read_windows(run: Run, file: Path) -> pa.Table:
    """The windows of a shard; UserError if one is outside the run's interval."""
    windows = read_shard(file)
    ends = times(windows[WINDOW_END])
    start, end = (bound.astimezone(UTC).replace(tzinfo=None) for bound in (run.interval.start, run.interval.end))
    if not all(start < time <= end for time in ends):
        raise UserError(f"{file} holds windows outside {run.interval.folder}: run the interval again")
    return windows


def _read_scored(run: Run, shard: int, windows: pa.Table, scored: Path) -> tuple[pa.Table, list[SeriesStatus]]:
    """A shard's predictions and statuses; UserError unless they are of these windows and of this run's fleet."""
    file = scored / status_file(shard)
    try:
        statuses = list(read_statuses(file))
        predictions = pq.read_table(scored / scores_file(shard), schema=PREDICTION_SCHEMA)
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException) as error:
        raise UserError(f"cannot read what scoring wrote to {file}: {error}; run the interval again") from error
    rows = {series: history.num_rows for series, history in split_by_series(windows)}
    outcome = {(entry.device, entry.sensor): entry for entry in statuses}
    is_scored = np.repeat(
        [series in outcome and outcome[series].status is Status.SCORED for series in rows], list(rows.values())
    )
    keys = [DEVICE, SENSOR, WINDOW_END]
    if (
        len(outcome) != len(statuses)
        or {series: entry.windows for series, entry in outcome.items() if entry.windows} != rows
        or predictions.select(keys) != windows.select(keys).filter(is_scored.astype(bool))
        or set(predictions[MODEL_VERSION].to_pylist()) - {run.fleet.version}
    ):
        raise UserError(f"{file} does not belong to this run of shard {shard}: run the interval again")
    return predictions, statuses


def _not_scored(fleet: Fleet, shard: int, windows: pa.Table) -> Iterator[SeriesStatus]:
    """The statuses of a shard that has none: series with windows failed, those with only a model have no data."""
    reason = "its shard was not scored; the log of the scoring step says why"
    rows = {series: history.num_rows for series, history in split_by_series(windows)}
    for series, count in rows.items():
        yield SeriesStatus(*series, Status.FAILED, windows=count, reason=reason)
    try:
        models = fleet.read_shard(shard)
    except UserError:  # the reason why the shard was not scored; which models it holds cannot be known
        return
    for series in models.keys() - rows.keys():
        yield SeriesStatus(*series, Status.NO_DATA, windows=0)


def _parts(predictions: pa.Table) -> Iterator[tuple[str, bytes]]:
    """Cut into Parquet files named by their content."""
    for first in range(0, predictions.num_rows, ROWS_PER_PART):
        sink = io.BytesIO()
        pq.write_table(predictions.slice(first, ROWS_PER_PART).combine_chunks(), sink, compression="zstd")
        yield f"part-{hashlib.sha256(sink.getvalue()).hexdigest()[:32]}.parquet", sink.getvalue()


def _counts(statuses: list[SeriesStatus], predictions: int) -> dict[str, int]:
    by_status = {status.value: sum(entry.status is status for entry in statuses) for status in Status}
    windows = {
        f"windows_{status.value}": sum(entry.windows for entry in statuses if entry.status is status)
        for status in (Status.SCORED, Status.NO_MODEL, Status.FAILED)
    }
    return {
        "series": len(statuses),
        **by_status,
        "windows": sum(entry.windows for entry in statuses),
        **windows,
        "predictions": predictions,
        "anomalies": sum(entry.anomalies for entry in statuses),
    }


def _keep(store: ResultStore, folder: str, parts: dict[str, bytes], manifest: bytes) -> None:
    """Write the parts, then the manifest; what another run wrote meanwhile is replaced whole, never mixed."""
    for name, content in parts.items():
        if not store.has_part(folder, name, content):
            store.write_part(folder, name, content)
    for _ in range(ATTEMPTS):
        current = store.read_manifest(folder)
        if current is not None and current.content == manifest:
            return
        try:
            store.write_manifest(folder, manifest, replaces=current)
        except ManifestConflictError:
            continue
        return
    raise UserError(f"{folder}/{MANIFEST} was replaced {ATTEMPTS} times while this run tried: end the other runs first")
