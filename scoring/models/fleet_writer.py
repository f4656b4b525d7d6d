"""Writes fleets: the folder that `scoring.cluster.model.fleet` describes and reads."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from scoring.cluster.model.fleet import (
    FORMAT,
    FORMAT_VERSION,
    MANIFEST_FILE,
    PACKED,
    SERIES_PER_SHARD,
    SHARD_SCHEMA,
    Fleet,
    KeptEstimator,
    digest,
)
from scoring.cluster.model.one_class_svm import OneClassSVM
from scoring.cluster.model.series import Series, describe, shard_of
from stream_queries.errors import UserError
from stream_queries.files import replace_file
from stream_queries.schema import DEVICE, FEATURES, SENSOR

FEWEST_SHARDS, MOST_SHARDS = 4, 512


@dataclass
class FleetWriter:
    """Collects models and writes them as a fleet folder; the same models always give the same bytes."""

    origin: Mapping[str, Any]
    """Where the models come from: the training range and parameters, or the imported folder."""
    models: dict[Series, OneClassSVM | KeptEstimator] = field(default_factory=dict)
    skipped: list[dict[str, Any]] = field(default_factory=list)

    def add(self, series: Series, model: OneClassSVM | KeptEstimator) -> None:
        """Add one series' model."""
        if series in self.models:
            raise UserError(f"two models of {describe(series)}")
        self.models[series] = model

    def skip(self, series: Series, *, reason: str, windows: int) -> None:
        """Say that a series gets no model, and why."""
        self.skipped.append({DEVICE: series[0], SENSOR: series[1], "windows": windows, "reason": reason})

    def write(self, folder: Path) -> Fleet:
        """Write the fleet to `folder`, which may hold an older fleet; UserError if it cannot be written."""
        shards = min(max(-(-len(self.models) // SERIES_PER_SHARD), FEWEST_SHARDS), MOST_SHARDS)
        rows: list[list[dict[str, Any]]] = [[] for _ in range(shards)]
        files: dict[str, bytes] = {}
        for series, model in sorted(self.models.items()):
            rows[shard_of(series, shards)].append(_row(series, model, files))
        names = []
        for shard, models in enumerate(rows):
            content = _table_bytes(pa.Table.from_pylist(models, schema=SHARD_SCHEMA))
            names.append(f"models-{shard:03d}-{digest(content)[:16]}.arrow")
            files[names[-1]] = content
        kept = sum(isinstance(model, KeptEstimator) for model in self.models.values())
        manifest = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "features": list(FEATURES),
            "shards": names,
            "origin": dict(self.origin),
            "counts": {"series": len(self.models), "kept_estimators": kept, "skipped": len(self.skipped)},
            "skipped": sorted(self.skipped, key=lambda entry: (entry[DEVICE], entry[SENSOR])),
            "files": {
                name: {"sha256": digest(content), "bytes": len(content)} for name, content in sorted(files.items())
            },
        }
        try:
            _write_files(folder, files, json.dumps(manifest, indent=1).encode() + b"\n")
        except OSError as error:
            raise UserError(f"cannot write the fleet to {folder}: {error.strerror} ({error.filename})") from error
        return Fleet.open(folder)


def _row(series: Series, model: OneClassSVM | KeptEstimator, files: dict[str, bytes]) -> dict[str, Any]:
    """One model as a row of its shard; the content of a kept estimator goes to `files`."""
    row: dict[str, Any] = {DEVICE: series[0], SENSOR: series[1]}
    if isinstance(model, KeptEstimator):
        name = f"estimators/{digest(model.content)[:32]}.skops"
        files[name] = model.content
        return row | {"estimator": name}
    numbers = {name: getattr(model, name).ravel() for name in PACKED}
    if not all(np.isfinite(values).all() for values in (*numbers.values(), [model.intercept, model.gamma])):
        raise UserError(f"the model of {describe(series)} holds a number that is not finite")
    return row | numbers | {"intercept": model.intercept, "gamma": model.gamma}


def _table_bytes(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return sink.getvalue()


def _write_files(folder: Path, files: Mapping[str, bytes], manifest: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        replace_file(file, content)
    replace_file(folder / MANIFEST_FILE, manifest)
    for file in [*folder.glob("models-*.arrow*"), *folder.glob("estimators/*.skops*")]:
        if file.relative_to(folder).as_posix() not in files:
            file.unlink()
