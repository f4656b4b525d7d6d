"""First step of a run: read the interval's windows from the database and cut them into shards.

A shard holds the windows of many series, in order of series and time, and exactly those series whose models are in the
fleet shard of the same number. Every shard is written, empty ones too: a parallel job that finds an empty input folder
is not something Azure ML documents.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from scoring.fleet import Fleet
from scoring.interval import Interval
from scoring.series import shard_of, split_by_series
from stream_queries.command_line import UserError
from stream_queries.schema import DEVICE, FEATURES, SENSOR, WINDOW_END
from stream_queries.store import WINDOW_SCHEMA, WindowStore

SHARD_SCHEMA = pa.schema([WINDOW_SCHEMA.field(name) for name in (DEVICE, SENSOR, WINDOW_END, *FEATURES)])
"""A data shard: a window's key and its features."""


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
            with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, SHARD_SCHEMA) as writer:
                writer.write_table(windows.take(np.flatnonzero(shard_of_row == shard)).combine_chunks())
    except OSError as error:
        raise UserError(f"cannot write shards to {folder}: {error}") from error
    return Prepared(windows=windows.num_rows, series=len(series), files=files)


def shard_file(shard: int) -> str:
    """The name of one data shard's file."""
    return f"shard-{shard:03d}.arrow"


def shard_number(file: Path) -> int:
    """The shard that a file's name says it holds; ValueError for another name."""
    return int(file.stem.removeprefix("shard-"))


def read_shard(file: Path) -> pa.Table:
    """Read a data shard; UserError if it is no such file."""
    try:
        table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"cannot read the data shard {file}: {error}") from error
    if table.schema != SHARD_SCHEMA:
        raise UserError(f"{file} does not have the columns of a data shard ({', '.join(SHARD_SCHEMA.names)})")
    return table
