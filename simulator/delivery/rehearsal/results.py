"""Predictions that the published pipeline wrote to Blob Storage, beside those that a run on one machine wrote."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scoring.cluster.interval import Interval
from scoring.cluster.stores.blob_store import BlobStore
from scoring.cluster.stores.result_store import FolderStore, ResultStore
from simulator.azure.cloud import Cloud
from simulator.delivery.rehearsal.report import RehearsalError

_NOT_COMPARED = ("release",)
"""What a manifest says of its run and not of its results."""


@dataclass(frozen=True)
class Compared:
    """How much was compared, and the same."""

    intervals: int
    parts: int
    predictions: int
    anomalies: int


def predictions_of(cloud: Cloud, url: str) -> ResultStore:
    """The predictions in the container that a stack exports as `url`."""
    account_name, container = url.removeprefix("https://").split(".", 1)[0], url.rsplit("/", 1)[-1]
    account = cloud.storage.account(account_name)
    if account is None:
        raise RehearsalError(f"there is no storage account {account_name}")
    return BlobStore(cloud.storage.container(account, container))


def local_intervals(predictions: Path) -> list[Interval]:
    """The intervals that a local run scored, in order."""
    manifests = (json.loads(file.read_text()) for file in predictions.rglob("manifest.json"))
    return sorted(Interval.parse(*_bounds(manifest)) for manifest in manifests)


def compare(published: ResultStore, local: FolderStore, intervals: Sequence[Interval]) -> Compared:
    """Compare manifests and parts, byte by byte; RehearsalError at the first difference."""
    parts = predictions = anomalies = 0
    for interval in intervals:
        folder = interval.folder
        theirs, ours = _manifest(published, folder), _manifest(local, folder)
        if {**theirs, **dict.fromkeys(_NOT_COMPARED)} != {**ours, **dict.fromkeys(_NOT_COMPARED)}:
            raise RehearsalError(f"the manifests of {folder} differ: {theirs['counts']}, locally {ours['counts']}")
        for part in theirs["parts"]:
            if published.read_part(folder, part["name"]) != local.read_part(folder, part["name"]):
                raise RehearsalError(f"{folder}/{part['name']} differs from the local one")
        parts += len(theirs["parts"])
        predictions += theirs["counts"]["predictions"]
        anomalies += theirs["counts"]["anomalies"]
    return Compared(len(intervals), parts, predictions, anomalies)


def _manifest(store: ResultStore, folder: str) -> dict[str, Any]:
    stored = store.read_manifest(folder)
    if stored is None:
        raise RehearsalError(f"nothing was written for {folder}")
    return json.loads(stored.content)


def _bounds(manifest: dict[str, Any]) -> tuple[str, str]:
    interval = manifest["interval"]
    return interval["start"], interval["end"]
