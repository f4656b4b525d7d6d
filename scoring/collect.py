"""Last step of a run: bring the shards' results together and keep them, so that readers see all of it or nothing."""

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from scoring.fleet import Fleet
from scoring.interval import Interval
from scoring.result_store import MANIFEST, ManifestConflictError, ResultStore
from scoring.score import SeriesStatus, Status, read_statuses, scores_file, status_file
from scoring.series import split_by_series
from scoring.shards import read_shard, shard_file
from stream_queries.command_line import UserError
from stream_queries.schema import DEVICE, SENSOR, WINDOW_END
from stream_queries.tables import PREDICTION_SCHEMA

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
    one status in the manifest; the series of a shard that was not scored are `failed`.
    """
    tables, statuses = [], []
    for shard in range(run.fleet.shards):
        windows = read_shard(prepared / shard_file(shard))
        status = scored / status_file(shard)
        if status.is_file():
            found = list(read_statuses(status))
            tables.append(pq.read_table(scored / scores_file(shard)))
        else:
            found = list(_not_scored(run.fleet, shard, windows))
        if sum(entry.windows for entry in found) != windows.num_rows:
            raise UserError(f"{status} does not belong to {prepared / shard_file(shard)}: run the interval again")
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
    parts = [part["name"] for part in json.loads(stored.content)["parts"]]
    tables = [pq.read_table(pa.BufferReader(store.read_part(interval.folder, name))) for name in parts]
    return pa.concat_tables([PREDICTION_SCHEMA.empty_table(), *tables])


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
    if windows["windows_scored"] != predictions:
        raise UserError(f"{predictions} predictions of {windows['windows_scored']} windows: run the interval again")
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
        if not store.has_part(folder, name):
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
