"""Data shards: the files that `prepare` writes and `score` reads, one for each shard of the fleet."""

import json
from pathlib import Path

import pyarrow as pa

from scoring.cluster.interval import Interval
from stream_queries.arrow_schemas import WINDOW_SCHEMA
from stream_queries.errors import UserError
from stream_queries.schema import DEVICE, FEATURES, SENSOR, WINDOW_END

SHARD_SCHEMA = pa.schema([WINDOW_SCHEMA.field(name) for name in (DEVICE, SENSOR, WINDOW_END, *FEATURES)])
"""A data shard holds windows, their keys and features, in order of series and time."""

SHARD_FILES = "shard-*.arrow"
_INTERVAL = b"interval"


def shard_file(shard: int) -> str:
    """The name of one data shard's file."""
    return f"shard-{shard:03d}.arrow"


def shard_number(file: Path) -> int:
    """The shard that a file's name says it holds; ValueError for another name."""
    return int(file.stem.removeprefix("shard-"))


def write_shard(windows: pa.Table, file: Path, interval: Interval) -> None:
    """Write a data shard, and of which interval it is."""
    schema = SHARD_SCHEMA.with_metadata({_INTERVAL: json.dumps(interval.to_json())})
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_table(windows.combine_chunks().replace_schema_metadata(schema.metadata))


def prepared_interval(folder: Path) -> Interval:
    """The interval of the shards in a folder; UserError where there are none, or of more than one interval."""
    files = sorted(folder.glob(SHARD_FILES))
    found = {(read_shard(file).schema.metadata or {}).get(_INTERVAL) for file in files}
    if len(found) != 1 or None in found:
        raise UserError(f"{folder} does not hold the shards of one interval: run the interval again")
    return Interval.parse(**json.loads(found.pop() or ""))


def read_shard(file: Path) -> pa.Table:
    """Read a data shard; UserError if it is no such file."""
    try:
        table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"cannot read the data shard {file}: {error}") from error
    if table.schema != SHARD_SCHEMA:
        raise UserError(f"{file} does not have the columns of a data shard ({', '.join(SHARD_SCHEMA.names)})")
    return table
