import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.cluster import score
from scoring.cluster.interval import Interval
from scoring.cluster.model.features import feature_matrix
from scoring.cluster.model.fleet import Fleet
from scoring.cluster.model.series import shard_of
from scoring.cluster.prepare import prepare
from scoring.cluster.score import Status, read_statuses, score_shard
from scoring.cluster.shards import read_shard, shard_number
from stream_queries.errors import UserError
from stream_queries.window_store import WindowStore
from tests.scoring.samples import MINUTE, SERIES, START, make_windows

IN_ORDER = [("device", "ascending"), ("sensor", "ascending"), ("window_end", "ascending")]
SECOND_HOUR = Interval(START + 60 * MINUTE, START + 120 * MINUTE)


@pytest.fixture
def shards(tmp_path: Path, database: str, fleet: Fleet) -> list[Path]:
    with WindowStore(database) as store:
        return list(prepare(store, SECOND_HOUR, fleet, tmp_path / "prepared").files)


@pytest.fixture
def output(tmp_path: Path, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The step's output folder, after `init()` with arguments of Azure ML's own around ours."""
    folder = tmp_path / "scored"
    arguments = ["score.py", "--azureml_x", "1", "--fleet", str(fleet.folder), "--scores", str(folder), "--more"]
    monkeypatch.setattr(sys, "argv", arguments)
    score.init()
    return folder


def test_the_interval_is_cut_into_the_shards_of_the_fleet_and_nothing_is_lost(
    shards: list[Path], fleet: Fleet, database: str
):
    assert len(shards) == fleet.shards
    with WindowStore(database) as store:
        expected = store.read(SECOND_HOUR.start, SECOND_HOUR.end)
    tables = [read_shard(file) for file in shards]
    for file, table in zip(shards, tables, strict=True):
        found = zip(table["device"].to_pylist(), table["sensor"].to_pylist(), strict=True)
        assert all(shard_of(series, fleet.shards) == shard_number(file) for series in found)
    together = pa.concat_tables(tables).sort_by(
        [("device", "ascending"), ("sensor", "ascending"), ("window_end", "ascending")]
    )
    assert together == expected.select(together.column_names)


def test_an_interval_without_windows_still_gives_every_shard(tmp_path: Path, database: str, fleet: Fleet):
    with WindowStore(database) as store:
        later = Interval(START + 600 * MINUTE, START + 660 * MINUTE)
        prepared = prepare(store, later, fleet, tmp_path / "empty")
    assert prepared.windows == 0 and len(prepared.files) == fleet.shards
    assert all(read_shard(file).num_rows == 0 for file in prepared.files)


def test_run_returns_one_line_for_each_item_and_writes_its_scores(shards: list[Path], output: Path):
    lines = score.run([str(file) for file in shards])
    assert len(lines) == len(shards)
    predictions = pa.concat_tables(pq.read_table(file) for file in sorted(output.glob("scores-*.parquet")))
    assert predictions.num_rows == 60 * len(SERIES)
    assert predictions["is_anomaly"].to_pylist() == [value < 0 for value in predictions["score"].to_pylist()]


def test_an_item_that_cannot_be_scored_has_no_line_and_takes_no_other_with_it(shards: list[Path], output: Path):
    shards[1].write_bytes(b"not an arrow file")
    assert len(score.run([str(file) for file in shards])) == len(shards) - 1
    assert sorted(output.glob("status-*.json")) == [output / f"status-{n:03d}.json" for n in (0, 2, 3)]


def test_run_before_init_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(score, "_scorer", None)
    with pytest.raises(RuntimeError, match="before init"):
        score.run([])


def test_scores_are_the_models_decision_function(fleet: Fleet):
    models = {SERIES[0]: fleet.model(SERIES[0])}
    windows = make_windows([SERIES[0]], range(60, 121))
    predictions, statuses = score_shard(models, windows, "v1")
    expected = fleet.model(SERIES[0]).decision_function(feature_matrix(windows))
    assert predictions["score"].to_numpy().tobytes() == expected.tobytes()
    assert set(predictions["model_version"].to_pylist()) == {"v1"}
    assert [(entry.status, entry.windows, entry.anomalies) for entry in statuses] == [
        (Status.SCORED, 61, int((expected < 0).sum()))
    ]


class Boundary:
    def decision_function(self, features: np.ndarray) -> np.ndarray:
        return np.linspace(-1, 1, len(features))


def test_a_score_of_exactly_zero_is_no_anomaly():
    predictions, (status,) = score_shard({SERIES[0]: Boundary()}, make_windows([SERIES[0]], range(3)), "v1")
    assert predictions["is_anomaly"].to_pylist() == [True, False, False] and status.anomalies == 1


class Broken:
    def decision_function(self, features: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError(f"cannot score {len(features)} windows")


class Infinite:
    def decision_function(self, features: np.ndarray) -> np.ndarray:
        return np.full(len(features), np.inf)


def test_every_series_has_one_status_and_one_fault_costs_one_series(fleet: Fleet):
    good, broken, infinite, unknown, quiet, holey = SERIES[:6]
    model = fleet.model(good)
    models = {good: model, broken: Broken(), infinite: Infinite(), quiet: model, holey: model}
    windows = make_windows([good, broken, infinite, unknown, holey], range(60, 70))
    means = windows["mean_value"].to_pylist()
    means[-1] = None
    windows = windows.set_column(4, "mean_value", pa.array(means, pa.float64()))
    windows = windows.sort_by(IN_ORDER)
    predictions, statuses = score_shard(models, windows, "v1")
    found = {(entry.device, entry.sensor): (entry.status, entry.windows, entry.reason) for entry in statuses}
    assert found == {
        good: (Status.SCORED, 10, None),
        broken: (Status.FAILED, 10, "ZeroDivisionError: cannot score 10 windows"),
        infinite: (Status.FAILED, 10, "the model's scores are not finite numbers"),
        unknown: (Status.NO_MODEL, 10, None),
        quiet: (Status.NO_DATA, 0, None),
        holey: (Status.FAILED, 10, "a feature is not a finite number"),
    }
    assert set(zip(predictions["device"].to_pylist(), predictions["sensor"].to_pylist(), strict=True)) == {good}


def test_statuses_come_back_as_they_were_written(shards: list[Path], output: Path):
    score.run([str(shards[0])])
    statuses = list(read_statuses(output / "status-000.json"))
    assert statuses and all(entry.status is Status.SCORED and entry.windows == 60 for entry in statuses)


def test_a_file_with_other_columns_is_no_data_shard(tmp_path: Path):
    file = tmp_path / "shard-000.arrow"
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, pa.schema([("x", pa.int64())])):
        pass
    with pytest.raises(UserError, match="does not have the columns of a data shard"):
        read_shard(file)


def test_a_worker_loads_numpy_and_arrow_and_nothing_heavier():
    """A worker's start is paid on every node of every run; scikit-learn alone would multiply it by ten."""
    code = "import json, sys; import scoring.cluster.score; print(json.dumps(list(sys.modules)))"
    modules = json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
    loaded = {name.split(".")[0] for name in modules}
    assert {"numpy", "pyarrow"} <= loaded
    assert not loaded & {"pandas", "sklearn", "scipy", "skops", "sqlalchemy", "duckdb", "sqlglot", "azure", "tqdm"}
