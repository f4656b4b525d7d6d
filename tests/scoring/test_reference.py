"""Real readings, from training to predictions, against scikit-learn used by the book."""

import itertools
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from scoring.__main__ import main
from scoring.cluster.collect import read_predictions
from scoring.cluster.interval import Interval
from scoring.cluster.stores.result_store import FolderStore
from stream_queries.arrow_schemas import WINDOW_SCHEMA
from stream_queries.schema import FEATURES
from stream_queries.window_store import WindowStore

READINGS = Path(__file__).parents[2] / "simulator/devices/data/reference_readings.csv"
TRAINED_UNTIL, LAST = datetime(2018, 8, 29, 2, tzinfo=UTC), datetime(2018, 8, 29, 3, 15, tzinfo=UTC)


@pytest.fixture
def windows() -> pd.DataFrame:
    """The readings' windows by pandas, (start, end], one minute long."""
    readings = pd.read_csv(READINGS, parse_dates=["TS"], dtype={"Device": str, "Sensor": str})
    ends = readings["TS"].dt.tz_localize(UTC).dt.ceil("min").rename("window_end")
    values = readings.groupby(["Device", "Sensor", ends])["Value"]
    found = values.agg(
        reading_count="count", mean_value="mean", min_value="min", max_value="max", stdev_value="std"
    ).fillna({"stdev_value": 0.0})
    return found.rename_axis(["device", "sensor", "window_end"]).reset_index()


@pytest.mark.slow
def test_every_score_is_that_of_scikit_learn(tmp_path: Path, windows: pd.DataFrame):
    database, fleet, predictions = f"sqlite:///{tmp_path / 'windows.db'}", tmp_path / "fleet", tmp_path / "predictions"
    with WindowStore(database) as store:
        store.create()
        store.insert(pa.Table.from_pydict({name: windows[name].tolist() for name in windows}, schema=WINDOW_SCHEMA))
    end, last = TRAINED_UNTIL.isoformat(), LAST.isoformat()
    assert main(["train", "--database", database, "--end", end, "--out", str(fleet)]) == 0
    arguments = ["--database", database, "--fleet", str(fleet), "--predictions", str(predictions)]
    assert main(["score", *arguments, "--interval", end, last, "--every", "15"]) == 0

    ends = pd.date_range(TRAINED_UNTIL, LAST, freq="15min").to_pydatetime().tolist()
    intervals = [Interval(*bounds) for bounds in itertools.pairwise(ends)]
    tables = [read_predictions(FolderStore(predictions), interval) for interval in intervals]
    scored = pa.concat_tables([table for table in tables if table is not None]).to_pandas()
    unseen = windows[windows["window_end"] > TRAINED_UNTIL]
    assert len(tables) == 5 and len(scored) == len(unseen) > 1_000
    for series, known in windows[windows["window_end"] <= TRAINED_UNTIL].groupby(["device", "sensor"]):
        model = make_pipeline(StandardScaler(), OneClassSVM(nu=0.01, gamma=0.03)).fit(known[list(FEATURES)])
        expected = unseen[(unseen["device"] == series[0]) & (unseen["sensor"] == series[1])]
        found = scored[(scored["device"] == series[0]) & (scored["sensor"] == series[1])]
        assert found["window_end"].tolist() == expected["window_end"].tolist()
        theirs = model.decision_function(expected[list(FEATURES)])
        np.testing.assert_allclose(found["score"], theirs, rtol=0, atol=1e-9)
        assert found["is_anomaly"].tolist() == (theirs < 0).tolist()
    assert 0 < scored["is_anomaly"].sum() < len(scored) / 10
