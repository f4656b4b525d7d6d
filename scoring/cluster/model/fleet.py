"""A fleet: the models of all series in one folder of data files.

The folder holds `fleet.json` (format, features, training range, counts, the SHA-256 of every other file), one
`models-NNN-HASH.arrow` per shard with one row per series, and `estimators/HASH.skops` for models that are not one-class
SVMs. Files are named by their content and `fleet.json` is replaced last, by rename: whoever opens the folder sees the
whole old fleet or the whole new one.

A fleet file can never execute code when it is loaded. `fleet.json` is JSON. Shards are Arrow IPC files, which hold
columns of names and numbers and nothing that could be called; there is no pickle. A `.skops` file is a description that
skops rebuilds only from types on its list of trusted ones: a file that names any other type is refused before anything
is built. Every file's checksum is compared with `fleet.json` before the file is parsed.

A series belongs to a shard by a stable hash of its names, and a run's data is split by the same hash: the worker that
scores shard k of the data loads shard k of the models and nothing else.
"""

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from scoring.cluster.model.one_class_svm import OneClassSVM
from scoring.cluster.model.series import Series, describe, shard_of
from stream_queries.errors import UserError
from stream_queries.schema import DEVICE, FEATURES, SENSOR

FORMAT, FORMAT_VERSION = "sensor-model-fleet", 1
MANIFEST_FILE = "fleet.json"
SERIES_PER_SHARD = 250
VERSION_LENGTH = 12

_NUMBERS = pa.list_(pa.float64())
SHARD_SCHEMA = pa.schema(
    [
        (DEVICE, pa.string()),
        (SENSOR, pa.string()),
        ("mean", _NUMBERS),
        ("scale", _NUMBERS),
        ("support_vectors", _NUMBERS),  # row by row
        ("dual_coef", _NUMBERS),
        ("intercept", pa.float64()),
        ("gamma", pa.float64()),
        ("estimator", pa.string()),  # a .skops file of the fleet instead of the numbers
    ]
)

PACKED = ("mean", "scale", "support_vectors", "dual_coef")
"""The arrays of a packed model."""


class Model(Protocol):
    """What scoring asks of a model."""

    def decision_function(self, features: np.ndarray) -> np.ndarray:
        """Score each row of `features`, shape (rows, 4) to (rows,); below 0 is an anomaly."""
        ...


@dataclass(frozen=True)
class KeptEstimator:
    """A scikit-learn estimator that has no packed form, as the bytes of its skops file."""

    content: bytes

    def decision_function(self, features: np.ndarray) -> np.ndarray:
        """Score through scikit-learn; UserError if the file names a type that is not trusted."""
        with warnings.catch_warnings():
            # one that was fitted to named columns; their names and order were compared when it was imported
            warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
            return np.asarray(self.estimator.decision_function(features), dtype=float)

    @cached_property
    def estimator(self) -> Any:
        """The rebuilt estimator."""
        import skops.io  # here, because it imports scikit-learn, which most workers never need

        untrusted = skops.io.get_untrusted_types(data=self.content)
        if untrusted:
            raise UserError(f"the model holds types that are not trusted: {', '.join(untrusted)}")
        return skops.io.loads(self.content)


@dataclass(frozen=True)
class Fleet:
    """An opened fleet: its manifest; shards are read, and their checksums compared, when asked for."""

    folder: Path
    manifest: Mapping[str, Any]
    version: str
    """The first digits of the SHA-256 of `fleet.json`, which names every file's checksum: one content, one version."""

    @classmethod
    def open(cls, folder: Path) -> "Fleet":
        """Open the fleet in `folder`.

        Raises UserError where the folder is no fleet, its format version is unknown or its features are not ours.
        """
        file = folder / MANIFEST_FILE
        try:
            content = file.read_bytes()
            manifest = json.loads(content)
        except FileNotFoundError:
            raise UserError(
                f"{folder} is not a fleet: it has no {MANIFEST_FILE}; make one with scoring train"
            ) from None
        except (OSError, ValueError) as error:
            raise UserError(f"cannot read {file}: {error}; train or import the fleet again") from error
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise UserError(f"{file} does not describe a fleet ({FORMAT}); train or import it again")
        if manifest.get("format_version") != FORMAT_VERSION:
            found = manifest.get("format_version")
            raise UserError(f"{file} has format version {found}, this program reads {FORMAT_VERSION}; train it again")
        if manifest.get("features") != list(FEATURES):
            raise UserError(f"{file} was trained on {manifest.get('features')}, windows have {list(FEATURES)}")
        if not _is_whole(manifest):
            raise UserError(
                f"{file} is damaged: entries are missing or of another kind; train or import the fleet again"
            )
        return cls(folder, manifest, digest(content)[:VERSION_LENGTH])

    @property
    def shards(self) -> int:
        """How many shards the fleet, and so the data of a run, has."""
        return len(self.manifest["shards"])

    @property
    def full_shards(self) -> int:
        """How many shards its series would fill: those of a small fleet are nearly empty."""
        return min(self.shards, max(1, -(-self.manifest["counts"]["series"] // SERIES_PER_SHARD)))

    def read_shard(self, shard: int) -> dict[Series, Model]:
        """The models of one shard, in order of device and sensor; UserError if the file is missing or corrupt."""
        name = self.manifest["shards"][shard]
        table = _read_table(self._verified(name), self.folder / name)
        columns = {name: table.column(name) for name in table.column_names}
        models: dict[Series, Model] = {}
        for row in range(table.num_rows):
            series = columns[DEVICE][row].as_py(), columns[SENSOR][row].as_py()
            estimator = columns["estimator"][row].as_py()
            if estimator is not None:
                models[series] = KeptEstimator(self._verified(estimator))
                continue
            numbers = {name: columns[name][row].values.to_numpy() for name in PACKED}
            models[series] = OneClassSVM(
                mean=numbers["mean"],
                scale=numbers["scale"],
                support_vectors=numbers["support_vectors"].reshape(-1, len(FEATURES)),
                dual_coef=numbers["dual_coef"],
                intercept=columns["intercept"][row].as_py(),
                gamma=columns["gamma"][row].as_py(),
            )
        strangers = [series for series in models if shard_of(series, self.shards) != shard]
        if strangers:
            raise UserError(
                f"{self.folder / name} is not shard {shard}: it holds {describe(strangers[0])}; train it again"
            )
        return models

    def model(self, series: Series) -> Model:
        """One series' model; UserError if the fleet has none."""
        models = self.read_shard(shard_of(series, self.shards))
        if series not in models:
            raise UserError(f"the fleet in {self.folder} has no model of {describe(series)}")
        return models[series]

    def verify(self) -> None:
        """Compare every file's checksum, and the models with their count; UserError naming the first that differs."""
        for name in self.manifest["files"]:
            self._verified(name)
        models = sum(len(self.read_shard(shard)) for shard in range(self.shards))
        if models != self.manifest["counts"]["series"]:
            expected = self.manifest["counts"]["series"]
            raise UserError(f"{self.folder} holds {models} models, {MANIFEST_FILE} says {expected}; train it again")

    def _verified(self, name: str) -> bytes:
        """The content of one of the fleet's files, if its checksum is the one that the manifest states."""
        expected = self.manifest["files"].get(name)
        if expected is None:
            raise UserError(f"{self.folder / MANIFEST_FILE} does not name {name}; train or import the fleet again")
        try:
            content = (self.folder / name).read_bytes()
        except OSError as error:
            raise UserError(f"cannot read {self.folder / name}: {error.strerror}; train or import it again") from error
        if digest(content) != expected["sha256"]:
            raise UserError(f"{self.folder / name} is corrupt: its checksum is not the one in {MANIFEST_FILE}")
        return content


def _is_whole(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest has every entry that is used, of its kind, and names a file for every shard."""
    shards, files, counts = (manifest.get(name) for name in ("shards", "files", "counts"))
    return (
        isinstance(files, dict)
        and all(isinstance(entry, dict) and isinstance(entry.get("sha256"), str) for entry in files.values())
        and isinstance(shards, list)
        and bool(shards)
        and all(isinstance(name, str) and name in files for name in shards)
        and isinstance(counts, dict)
        and all(isinstance(counts.get(name), int) for name in ("series", "kept_estimators", "skipped"))
        and isinstance(manifest.get("origin"), dict)
        and isinstance(manifest.get("skipped"), list)
    )


def digest(content: bytes) -> str:
    """The SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


def _read_table(content: bytes, file: Path) -> pa.Table:
    try:
        table = pa.ipc.open_file(pa.BufferReader(content)).read_all()
    except pa.ArrowInvalid as error:
        raise UserError(f"{file} is not an Arrow file: {error}") from error
    if table.schema != SHARD_SCHEMA:
        raise UserError(f"{file} does not have the columns of a fleet shard; train or import the fleet again")
    return table
