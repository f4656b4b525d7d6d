"""First step of a run: read the interval's windows from the database and cut them into shards.

A shard holds the windows of many series, in order of series and time, and exactly those series whose models are in the
fleet shard of the same number. Every shard is written, empty ones too: what a parallel job does with an empty input
folder is not documented.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from scoring.cluster.interval import Interval
from scoring.cluster.model.fleet import Fleet
from scoring.cluster.model.series import shard_of, split_by_series
from scoring.cluster.shards import SHARD_SCHEMA, shard_file, write_shard
from stream_queries.errors import UserError
from stream_queries.window_store import WindowStore


@dataclass(frozen=True)
class Prepared:
    """What `prepare` wrote."""

    windows: int
    series: int
    files: Sequence[Path]


def prepare(store: WindowStore, interval: Interval, fleet: Fleet, folder: Path) -> Prepared:
    """Write the interval's windows to `folder` as `shard-NNN.arrow`, one file per shard of `fleet`.

    Raises UserError if the database cannot be read or the folder not be written.
    """
    windows = store.read(interval.start, interval.end).select(SHARD_SCHEMA.names)
    series = [(shard_of(names, fleet.shards), history.num_rows) for names, history in split_by_series(windows)]
    shard_of_row = np.repeat([shard for shard, _ in series], [rows for _, rows in series])
    files = [folder / shard_file(shard) for shard in range(fleet.shards)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for shard, file in enumerate(files):
            write_shard(windows.take(np.flatnonzero(shard_of_row == shard)), file, interval)
    except OSError as error:
        raise UserError(f"cannot write shards to {folder}: {error}") from error
    return Prepared(windows=windows.num_rows, series=len(series), files=files)


def delete_old_windows(store: WindowStore, interval: Interval, keep_days: int, now: datetime) -> str:
    """Delete windows that end `keep_days` before the interval's end; says how many, or why that failed.

    A run is there to score, so what cannot be deleted is left to the next one. An interval of the future deletes no
    more than today's.
    """
    if keep_days < 1:
        raise UserError(f"--keep-days {keep_days}: give 1 or more")
    cutoff = min(interval.end, now) - timedelta(days=keep_days)
    try:
        deleted = store.delete_until(cutoff)
    except UserError as error:
        return f"old windows were not deleted: {error}"
    return f"{deleted} windows deleted that end by {cutoff.isoformat()}"
