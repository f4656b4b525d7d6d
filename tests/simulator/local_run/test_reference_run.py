"""`make run` on the reference readings, against pandas and scikit-learn."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from scoring.cluster.collect import read_predictions
from scoring.cluster.interval import Interval
from scoring.cluster.stores.result_store import FolderStore
from scoring.models.training import TrainingParameters
from simulator.devices.replay import REFERENCE_READINGS
from stream_queries.schema import FEATURES
from stream_queries.window_store import WindowStore
from tests.simulator.local_run.run_results import files, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("reference run")]
KEYS = ["device", "sensor", "window_end"]
TRAINED_UNTIL = pd.Timestamp("2018-08-29T02:00Z")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference") / "out"
    done = run("--reference", "--out", folder)
    assert done.returncode == 0, done.stderr
    assert "17,768 events sent" in done.stdout
    return folder


@pytest.fixture(scope="module")
def readings() -> pd.DataFrame:
    table = pd.read_csv(REFERENCE_READINGS, dtype={"Device": str, "Sensor": str})
    table["TS"] = pd.to_datetime(table["TS"], utc=True)
    return table.rename(columns={"Device": "device", "Sensor": "sensor", "Value": "value"})


@pytest.fixture(scope="module")
def recomputed(readings: pd.DataFrame) -> pd.DataFrame:
    """The windows by pandas: an event exactly on a minute belongs to the window that ends there."""
    groups = readings.assign(window_end=readings["TS"].dt.ceil("min")).groupby(KEYS)["value"]
    windows = groups.agg(reading_count="count", mean_value="mean", min_value="min", max_value="max", stdev_value="std")
    return windows.fillna({"stdev_value": 0.0}).reset_index()


@pytest.fixture(scope="module")
def stored(out: Path) -> pd.DataFrame:
    with WindowStore(f"sqlite:///{out / 'windows.db'}") as store:
        return store.read().to_pandas()


def test_windows_equal_those_of_pandas_in_every_row_and_column(stored: pd.DataFrame, recomputed: pd.DataFrame):
    assert len(stored) == 3779
    pd.testing.assert_frame_equal(stored[KEYS], recomputed[KEYS], check_dtype=False)
    for column in ("reading_count", "min_value", "max_value"):
        np.testing.assert_array_equal(stored[column], recomputed[column])
    for column in ("mean_value", "stdev_value"):
        np.testing.assert_allclose(stored[column], recomputed[column], rtol=1e-12, atol=1e-12)


def test_the_archive_holds_every_reading_as_it_was_sent(out: Path, readings: pd.DataFrame):
    archive = pa.concat_tables(pq.read_table(file) for file in files(out, "archive")).to_pandas()
    order = ["device", "sensor", "TS"]
    archived = archive.assign(TS=pd.to_datetime(archive["ts"], utc=True)).sort_values(order, ignore_index=True)
    sent = readings.sort_values(order, ignore_index=True)
    for column in (*order, "value"):
        assert archived[column].tolist() == sent[column].tolist()


def test_scores_equal_those_of_scikit_learn_on_the_same_windows(out: Path, recomputed: pd.DataFrame):
    defaults = TrainingParameters()
    predictions = all_predictions(out)
    assert len(predictions) == (recomputed["window_end"] > TRAINED_UNTIL).sum() == 1088
    for (device, sensor), windows in by_series(recomputed):
        history, unseen = (windows[windows["window_end"].le(TRAINED_UNTIL) == early] for early in (True, False))
        theirs = make_pipeline(StandardScaler(), OneClassSVM(nu=defaults.nu, gamma=defaults.gamma))
        theirs.fit(history[list(FEATURES)].to_numpy())
        ours = predictions[(predictions["device"] == device) & (predictions["sensor"] == sensor)]
        assert ours["window_end"].tolist() == unseen["window_end"].tolist()
        expected = theirs.decision_function(unseen[list(FEATURES)].to_numpy())
        np.testing.assert_allclose(ours["score"], expected, rtol=0, atol=1e-9)
        assert (ours["is_anomaly"] == (ours["score"] < 0)).all()


def test_the_summary_holds_the_same_counts(out: Path):
    summary = json.loads((out / "summary.json").read_text())
    predictions = all_predictions(out)
    assert summary["accounting"]["adds_up"] and summary["accounting"]["windows"] == 3779
    assert summary["anomalies"] == predictions["is_anomaly"].sum() == sum(row["anomalies"] for row in summary["series"])
    assert len(summary["series"]) == summary["fleet"]["models"] == 15


def by_series(table: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    for device, sensor in sorted(set(zip(table["device"], table["sensor"], strict=True))):
        yield (device, sensor), table[(table["device"] == device) & (table["sensor"] == sensor)]


def all_predictions(out: Path) -> pd.DataFrame:
    store = FolderStore(out / "predictions")
    start = datetime(2018, 8, 29, 2, tzinfo=UTC)
    intervals = Interval(start, start + timedelta(minutes=75)).split(timedelta(minutes=15))
    tables = [table for table in (read_predictions(store, interval) for interval in intervals) if table is not None]
    assert len(tables) == 5
    return pa.concat_tables(tables).to_pandas().sort_values(KEYS, ignore_index=True)
