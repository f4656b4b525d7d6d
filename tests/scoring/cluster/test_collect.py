import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.cluster.collect import read_predictions
from scoring.cluster.interval import Interval
from scoring.cluster.model.fleet import Fleet, KeptEstimator
from scoring.cluster.model.series import Series, shard_of
from scoring.cluster.stores.result_store import FolderStore
from scoring.models.fleet_writer import FleetWriter
from stream_queries.arrow_schemas import PREDICTION_SCHEMA
from stream_queries.errors import UserError
from stream_queries.window_store import WindowStore
from tests.scoring.places import Place
from tests.scoring.samples import MINUTE, SERIES, make_windows, some_model
from tests.scoring.steps import SECOND_HOUR, ScoredRun, score_run

FOLDER = SECOND_HOUR.folder


# ---- Statuses and counts.


def statuses(manifest: dict) -> dict[Series, tuple[str, int, str | None]]:
    found = {(entry["device"], entry["sensor"]): entry for entry in manifest["series"]}
    assert len(found) == len(manifest["series"])
    return {series: (entry["status"], entry["windows"], entry["reason"]) for series, entry in found.items()}


def test_every_series_has_one_status_and_the_counts_add_up(tmp_path: Path):
    good, unknown, quiet, broken = SERIES[:4]
    fleet = FleetWriter(
        origin={"kind": "test"},
        models={good: some_model(), quiet: some_model(), broken: KeptEstimator(b"no skops file")},
    ).write(tmp_path / "fleet")
    with WindowStore("sqlite://") as store:
        store.create()
        store.insert(make_windows([good, unknown, broken], range(61, 71)))
        steps = score_run(store, fleet, tmp_path)
    manifest = steps.collect(FolderStore(tmp_path / "predictions"))
    found = statuses(manifest)
    assert found.pop(broken)[:2] == ("failed", 10)
    assert found == {good: ("scored", 10, None), unknown: ("no_model", 10, None), quiet: ("no_data", 0, None)}
    (reason,) = (entry["reason"] for entry in manifest["series"] if entry["status"] == "failed")
    assert reason == "BadZipFile: File is not a zip file"
    predictions = read_predictions(FolderStore(tmp_path / "predictions"), SECOND_HOUR)
    assert predictions is not None
    assert manifest["counts"] == {
        "series": 4,
        "scored": 1,
        "no_model": 1,
        "no_data": 1,
        "failed": 1,
        "windows": 30,
        "windows_scored": 10,
        "windows_no_model": 10,
        "windows_failed": 10,
        "predictions": 10,
        "anomalies": sum(predictions["is_anomaly"].to_pylist()),
    }


def test_the_manifest_says_what_was_run(scored_run: ScoredRun, fleet: Fleet, place: Place):
    manifest = scored_run.collect(place.store)
    stored = place.store.read_manifest(SECOND_HOUR.folder)
    assert stored is not None and json.loads(stored.content) == manifest
    assert manifest["release"] == "test" and manifest["model_version"] == fleet.version
    assert manifest["interval"] == {"start": "2026-01-01T01:00:00+00:00", "end": "2026-01-01T02:00:00+00:00"}


def test_predictions_are_in_order_of_series_and_time(scored_run: ScoredRun, place: Place):
    scored_run.collect(place.store)
    predictions = read_predictions(place.store, SECOND_HOUR)
    assert predictions is not None and predictions.num_rows == 60 * len(SERIES)
    keys = list(zip(*(predictions[name].to_pylist() for name in ("device", "sensor", "window_end")), strict=True))
    assert keys == sorted(keys) and len(set(keys)) == len(keys)


def test_the_series_of_a_shard_that_was_not_scored_failed(scored_run: ScoredRun, fleet: Fleet, tmp_path: Path):
    lost = shard_of(SERIES[0], fleet.shards)
    (scored_run.scored / f"status-{lost:03d}.json").unlink()  # its scores alone do not count
    found = statuses(scored_run.collect(FolderStore(tmp_path / "predictions")))
    for series in SERIES:
        status, windows, reason = found[series]
        if shard_of(series, fleet.shards) == lost:
            assert (status, windows) == ("failed", 60)
            assert reason == "its shard was not scored; the log of the scoring step says why"
        else:
            assert (status, windows, reason) == ("scored", 60, None)


def test_a_series_without_windows_has_no_data_even_where_its_shard_was_not_scored(tmp_path: Path):
    fleet = FleetWriter(origin={}, models={series: some_model() for series in SERIES}).write(tmp_path / "fleet")
    with WindowStore("sqlite://") as store:
        store.create()
        steps = score_run(store, fleet, tmp_path)
    shutil.rmtree(steps.scored)
    found = statuses(steps.collect(FolderStore(tmp_path / "predictions")))
    assert found == dict.fromkeys(SERIES, ("no_data", 0, None))


def test_a_fleet_shard_that_cannot_be_read_costs_the_series_of_that_shard(
    scored_run: ScoredRun, fleet: Fleet, tmp_path: Path
):
    lost = shard_of(SERIES[0], fleet.shards)
    (fleet.folder / fleet.manifest["shards"][lost]).write_bytes(b"damaged")
    (scored_run.scored / f"status-{lost:03d}.json").unlink()
    manifest = scored_run.collect(FolderStore(tmp_path / "predictions"))
    failed = {series for series, (status, _, _) in statuses(manifest).items() if status == "failed"}
    assert failed == {series for series in SERIES if shard_of(series, fleet.shards) == lost}
    assert manifest["counts"]["series"] == len(SERIES)


def test_an_interval_without_windows_has_a_manifest_and_no_predictions(database: str, fleet: Fleet, tmp_path: Path):
    later = Interval(SECOND_HOUR.end, SECOND_HOUR.end + 60 * MINUTE)
    store = FolderStore(tmp_path / "predictions")
    assert read_predictions(store, later) is None
    with WindowStore(database) as windows:
        manifest = score_run(windows, fleet, tmp_path / "run", interval=later).collect(store)
    predictions = read_predictions(store, later)
    assert manifest["parts"] == [] and manifest["counts"]["no_data"] == len(SERIES)
    assert predictions is not None and predictions.num_rows == 0 and "score" in predictions.column_names


WINDOW_COUNTS = st.dictionaries(st.sampled_from(SERIES), st.integers(1, 5))
MODELS = st.dictionaries(st.sampled_from(SERIES), st.booleans())


@given(windows=WINDOW_COUNTS, models=MODELS, lost_shards=st.sets(st.integers(0, 3)))
@settings(max_examples=30)
def test_whatever_has_models_windows_and_faults_nothing_is_lost_and_nothing_counted_twice(
    tmp_path_factory: pytest.TempPathFactory, windows: dict[Series, int], models: dict[Series, bool], lost_shards: set
):
    """`models` says of each whether it can be scored; the statuses of `lost_shards` never arrive."""
    work = tmp_path_factory.mktemp("run")
    kept = KeptEstimator(b"no skops file")
    writer = FleetWriter(origin={}, models={series: some_model() if ok else kept for series, ok in models.items()})
    fleet = writer.write(work / "fleet")
    with WindowStore("sqlite://") as store:
        store.create()
        for series, count in windows.items():
            store.insert(make_windows([series], range(61, 61 + count)))
        steps = score_run(store, fleet, work)
    for shard in lost_shards:
        (steps.scored / f"status-{shard:03d}.json").unlink()
    results = FolderStore(work / "predictions")
    manifest = steps.collect(results)

    def expected(series: Series) -> str:
        if series not in windows:
            return "no_data"
        if shard_of(series, fleet.shards) in lost_shards:
            return "failed"
        return "no_model" if series not in models else "scored" if models[series] else "failed"

    found = statuses(manifest)
    assert {series: (status, count) for series, (status, count, _) in found.items()} == {
        series: (expected(series), windows.get(series, 0)) for series in windows.keys() | models.keys()
    }
    counts = manifest["counts"]
    assert counts["series"] == sum(counts[status] for status in ("scored", "no_model", "no_data", "failed"))
    assert counts["windows"] == sum(counts[f"windows_{status}"] for status in ("scored", "no_model", "failed"))
    assert counts["windows"] == sum(windows.values()) and counts["windows_scored"] == counts["predictions"]
    predictions = read_predictions(results, SECOND_HOUR)
    assert predictions is not None and predictions.num_rows == counts["predictions"]
    assert counts["anomalies"] == sum(predictions["is_anomaly"].to_pylist())


# ---- Results that are not this run's.


def shift(file: Path) -> None:
    """Move a shard's predictions by a minute, as if they were of another interval."""
    table = pq.read_table(file)
    ends = [time + MINUTE for time in table["window_end"].to_pylist()]
    at = table.column_names.index("window_end")
    pq.write_table(table.set_column(at, table.schema.field(at), pa.array(ends, table.schema.field(at).type)), file)


def drop_a_prediction(file: Path) -> None:
    pq.write_table(pq.read_table(file).slice(1), file)


def repeat_a_status(file: Path) -> None:
    entries = json.loads(file.read_text())
    file.write_text(json.dumps([*entries, entries[0]]))


def leave_a_status_out(file: Path) -> None:
    file.write_text(json.dumps(json.loads(file.read_text())[1:]))


def leave_a_series_out(file: Path) -> None:
    """A status and the scores that belong to it."""
    lost, *kept = json.loads(file.read_text())
    file.write_text(json.dumps(kept))
    scores = file.with_name(file.name.replace("status", "scores")).with_suffix(".parquet")
    predictions = pq.read_table(scores).to_pylist()
    others = [row for row in predictions if (row["device"], row["sensor"]) != (lost["device"], lost["sensor"])]
    assert 0 < len(others) < len(predictions)
    pq.write_table(pa.Table.from_pylist(others, schema=PREDICTION_SCHEMA), scores)


def of_another_shard(file: Path) -> None:
    number = int(file.stem[-3:])
    file.write_bytes(file.with_name(file.name.replace(f"{number:03d}", f"{(number + 1) % 4:03d}")).read_bytes())


DAMAGE: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "scores of other windows": ("scores-{}.parquet", shift, "does not belong to this run"),
    "scores of fewer windows": ("scores-{}.parquet", drop_a_prediction, "does not belong to this run"),
    "scores of another shard": ("scores-{}.parquet", of_another_shard, "does not belong to this run"),
    "scores that are no Parquet": ("scores-{}.parquet", lambda file: file.write_text("x"), "cannot read what scoring"),
    "no scores": ("scores-{}.parquet", Path.unlink, "cannot read what scoring wrote"),
    "a status twice": ("status-{}.json", repeat_a_status, "does not belong to this run"),
    "a status missing": ("status-{}.json", leave_a_status_out, "does not belong to this run"),
    "a series missing": ("status-{}.json", leave_a_series_out, "does not belong to this run"),
    "statuses of another shard": ("status-{}.json", of_another_shard, "does not belong to this run"),
    "statuses that are no JSON": ("status-{}.json", lambda file: file.write_text("["), "cannot read what scoring"),
    "statuses of another kind": ("status-{}.json", lambda file: file.write_text("[1]"), "cannot read what scoring"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_does_not_belong_together_is_refused_and_nothing_is_written(
    scored_run: ScoredRun, fleet: Fleet, tmp_path: Path, damage: str
):
    name, change, message = DAMAGE[damage]
    shard = f"{shard_of(SERIES[0], fleet.shards):03d}"
    change(scored_run.scored / name.format(shard))
    with pytest.raises(UserError, match=message) as refused:
        scored_run.collect(FolderStore(tmp_path / "predictions"))
    assert f"status-{shard}.json" in str(refused.value)
    assert not (tmp_path / "predictions").exists()


def test_scores_of_another_fleet_are_refused(scored_run: ScoredRun, other_run: ScoredRun, tmp_path: Path):
    mixed = replace(scored_run, scored=other_run.scored)
    with pytest.raises(UserError, match="does not belong to this run"):
        mixed.collect(FolderStore(tmp_path / "predictions"))


def test_shards_of_another_interval_are_refused(scored_run: ScoredRun, tmp_path: Path):
    other = Interval(SECOND_HOUR.start + MINUTE, SECOND_HOUR.end + MINUTE)
    with pytest.raises(UserError, match=f"holds windows outside {other.folder}"):
        replace(scored_run, run=replace(scored_run.run, interval=other)).collect(FolderStore(tmp_path / "predictions"))


def test_shards_that_were_cut_for_a_larger_fleet_are_refused(tmp_path: Path, database: str, scored_run: ScoredRun):
    """All of the first shards' series would belong where they are; those of the other shards would be lost."""
    writer = FleetWriter(origin={})
    for number in range(1_751):
        writer.add((f"device-{number}", "s"), some_model())
    large = writer.write(tmp_path / "large")
    assert large.shards == 8
    with WindowStore(database) as store:
        prepared = score_run(store, large, tmp_path / "large-run").prepared
    with pytest.raises(UserError, match=r"holds 8 shards, the fleet in .* has 4: run the interval again"):
        replace(scored_run, prepared=prepared).collect(FolderStore(tmp_path / "predictions"))


def test_a_folder_that_was_never_prepared_is_refused(scored_run: ScoredRun, tmp_path: Path):
    with pytest.raises(UserError, match="nowhere holds 0 shards"):
        replace(scored_run, prepared=tmp_path / "nowhere").collect(FolderStore(tmp_path / "predictions"))
