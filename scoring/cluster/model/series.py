"""A series is one device's one sensor: the unit that has a model, a status and a place in a shard."""

import hashlib
import itertools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from stream_queries.schema import DEVICE, SENSOR

Series = tuple[str, str]
"""Device and sensor."""


def describe(series: Series) -> str:
    """A series in the words of an error message."""
    return f"device {series[0]!r}, sensor {series[1]!r}"


def shard_of(series: Series, shards: int) -> int:
    """The shard of a series: a stable hash of its names, the same in every process and on every machine."""
    digest = hashlib.blake2b("\x1f".join(series).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % shards


def split_by_series(windows: pa.Table) -> Iterator[tuple[Series, pa.Table]]:
    """Yield each series with its windows; `windows` is ordered by device and sensor."""
    if not windows.num_rows:
        return
    device, sensor = (np.asarray(windows[name].to_pylist(), dtype=object) for name in (DEVICE, SENSOR))
    changes = np.flatnonzero((device[1:] != device[:-1]) | (sensor[1:] != sensor[:-1])) + 1
    for first, last in itertools.pairwise([0, *changes.tolist(), len(device)]):
        yield (device[first], sensor[first]), windows.slice(first, last - first)
