import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import IsolationForest

from scoring.cluster.model.fleet import Fleet, KeptEstimator
from scoring.cluster.model.one_class_svm import OneClassSVM
from scoring.cluster.model.series import shard_of
from scoring.models.fleet_writer import FleetWriter
from stream_queries.errors import UserError
from tests.scoring.samples import SERIES, some_model

NAMES = st.text(st.sampled_from("aAbB01._:-"), min_size=1, max_size=5)


def write(folder: Path, models: dict) -> Fleet:
    return FleetWriter(origin={"kind": "test"}, models=models).write(folder)


def test_models_come_back_bit_for_bit(tmp_path: Path):
    models = {series: some_model(seed) for seed, series in enumerate(SERIES)}
    fleet = write(tmp_path, models)
    for series, model in models.items():
        read = fleet.model(series)
        assert isinstance(read, OneClassSVM)
        for name in ("mean", "scale", "support_vectors", "dual_coef"):
            assert getattr(read, name).tobytes() == getattr(model, name).tobytes()
        assert (read.intercept, read.gamma) == (model.intercept, model.gamma)


def test_the_same_models_give_the_same_bytes_and_version(tmp_path: Path):
    models = {series: some_model(seed) for seed, series in enumerate(SERIES)}
    one = write(tmp_path / "one", models)
    two = write(tmp_path / "two", dict(reversed(models.items())))
    other = write(tmp_path / "other", models | {SERIES[0]: some_model(99)})
    assert one.version == two.version != other.version
    for name in one.manifest["files"]:
        assert (one.folder / name).read_bytes() == (two.folder / name).read_bytes()


@given(series=st.tuples(NAMES, NAMES), shards=st.integers(1, 512))
def test_every_series_has_one_shard(series: tuple[str, str], shards: int):
    assert 0 <= shard_of(series, shards) < shards


def test_the_shard_of_a_series_never_changes():
    assert [shard_of(("device-1", f"sensor-{n}"), 512) for n in range(4)] == [295, 21, 178, 474]


def test_a_worker_that_loads_one_shard_finds_exactly_its_series(tmp_path: Path):
    models = {(f"device-{n}", "s"): some_model(n) for n in range(600)}
    fleet = write(tmp_path, models)
    shards = [set(fleet.read_shard(shard)) for shard in range(fleet.shards)]
    assert sum(map(len, shards)) == 600 and set().union(*shards) == set(models)
    assert all(shard_of(series, fleet.shards) == shard for shard, found in enumerate(shards) for series in found)


def test_a_fleet_replaces_an_older_one_in_the_same_folder(tmp_path: Path):
    write(tmp_path, {series: some_model(1) for series in SERIES})
    fleet = write(tmp_path, {SERIES[0]: some_model(2)})
    files = {file.name for file in tmp_path.iterdir()}
    assert files == {"fleet.json", *fleet.manifest["shards"]}


def test_an_older_fleet_stays_whole_until_the_new_one_is(tmp_path: Path, mocker):
    old = write(tmp_path, {series: some_model(1) for series in SERIES})
    mocker.patch("scoring.models.fleet_writer.MANIFEST_FILE", "cannot-be/written.json")
    with pytest.raises(UserError, match="cannot write the fleet"):
        write(tmp_path, {series: some_model(2) for series in SERIES})
    mocker.stopall()
    reopened = Fleet.open(tmp_path)
    reopened.verify()
    assert reopened.version == old.version


@pytest.mark.parametrize("damage", ["change a byte", "cut the end", "remove"])
def test_a_damaged_file_is_refused_by_its_checksum_before_it_is_parsed(tmp_path: Path, damage: str):
    fleet = write(tmp_path, {series: some_model(1) for series in SERIES})
    shard = shard_of(SERIES[0], fleet.shards)
    file = tmp_path / fleet.manifest["shards"][shard]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "remove":
        file.unlink()
    else:
        file.write_bytes(content if damage == "change a byte" else content[:-10])
    message = f"cannot read {file}" if damage == "remove" else f"{file} is corrupt"
    for use in (fleet.verify, lambda: fleet.read_shard(shard), lambda: fleet.model(SERIES[0])):
        with pytest.raises(UserError, match=message):
            use()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 2}, "has format version 2, this program reads 1"),
        ({"format": "other"}, "does not describe a fleet"),
        ({"features": ["mean_value"]}, "was trained on"),
    ],
)
def test_a_fleet_of_another_kind_is_refused(tmp_path: Path, change: dict, message: str):
    fleet = write(tmp_path, {SERIES[0]: some_model()})
    (tmp_path / "fleet.json").write_text(json.dumps(dict(fleet.manifest) | change))
    with pytest.raises(UserError, match=message):
        Fleet.open(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"shards": None},
        {"shards": []},
        {"shards": 5},
        {"shards": ["nope"]},
        {"files": None},
        {"files": []},
        {"files": {"x": 1}},
        {"counts": None},
        {"counts": {}},
        {"origin": None},
        {"skipped": None},
    ],
    ids=str,
)
def test_a_manifest_with_missing_or_odd_entries_is_refused_in_one_line(tmp_path: Path, change: dict):
    fleet = write(tmp_path, {SERIES[0]: some_model()})
    (tmp_path / "fleet.json").write_text(json.dumps(dict(fleet.manifest) | change))
    with pytest.raises(UserError, match="is damaged: entries are missing or of another kind"):
        Fleet.open(tmp_path)


@pytest.mark.parametrize("order", [slice(None, None, -1), slice(0, 2)], ids=["reversed", "cut"])
def test_shards_in_another_order_or_number_are_found_out(tmp_path: Path, order: slice):
    fleet = write(tmp_path, {series: some_model(seed) for seed, series in enumerate(SERIES)})
    (tmp_path / "fleet.json").write_text(json.dumps(dict(fleet.manifest) | {"shards": fleet.manifest["shards"][order]}))
    with pytest.raises(UserError, match=r"is not shard|holds \d+ models"):
        Fleet.open(tmp_path).verify()


def test_a_kept_estimator_with_a_type_that_is_not_trusted_is_refused(tmp_path: Path):
    forest = IsolationForest(n_estimators=2).fit(np.random.default_rng(1).normal(size=(20, 4)))
    fleet = write(tmp_path, {SERIES[0]: KeptEstimator(skops.io.dumps(forest))})
    with pytest.raises(UserError, match="holds types that are not trusted"):
        fleet.model(SERIES[0]).decision_function(np.zeros((1, 4)))


def test_folders_and_files_that_are_no_fleet_are_refused(tmp_path: Path):
    with pytest.raises(UserError, match="is not a fleet"):
        Fleet.open(tmp_path)
    (tmp_path / "fleet.json").write_text("{")
    with pytest.raises(UserError, match="cannot read"):
        Fleet.open(tmp_path)


def test_a_model_the_fleet_does_not_have_is_said(tmp_path: Path):
    with pytest.raises(UserError, match="no model of device 'nobody', sensor 's'"):
        write(tmp_path, {SERIES[0]: some_model()}).model(("nobody", "s"))


def test_a_number_that_is_not_finite_is_refused_when_writing(tmp_path: Path):
    with pytest.raises(UserError, match="not finite"):
        write(tmp_path, {SERIES[0]: some_model(gamma=float("nan"))})


class Boom:
    """What an attacker would put into a model file: unpickling it calls a function."""

    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("executed"),))


def test_loading_a_fleet_never_executes_what_a_file_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A pickle in place of a shard or of a kept estimator, with the checksums made to fit, is refused and not run."""
    monkeypatch.chdir(tmp_path)
    attack = pickle.dumps(Boom())
    fleet = write(tmp_path / "fleet", {SERIES[0]: KeptEstimator(attack)})
    with pytest.raises(Exception, match="zip"):
        fleet.model(SERIES[0]).decision_function(np.zeros((1, 4)))
    shutil.rmtree(tmp_path / "fleet")
    fleet = write(tmp_path / "fleet", {SERIES[0]: some_model()})
    shard = shard_of(SERIES[0], fleet.shards)
    name = fleet.manifest["shards"][shard]
    (fleet.folder / name).write_bytes(attack)
    import hashlib

    fleet.manifest["files"][name]["sha256"] = hashlib.sha256(attack).hexdigest()
    with pytest.raises(UserError, match="is not an Arrow file"):
        fleet.read_shard(shard)
    assert not Path("executed").exists()


def test_an_arrow_file_with_other_columns_is_refused(tmp_path: Path):
    import hashlib

    fleet = write(tmp_path, {SERIES[0]: some_model()})
    name = fleet.manifest["shards"][0]
    with pa.OSFile(str(tmp_path / name), "wb") as sink, pa.ipc.new_file(sink, pa.schema([("x", pa.int64())])):
        pass
    fleet.manifest["files"][name]["sha256"] = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    with pytest.raises(UserError, match="does not have the columns"):
        fleet.read_shard(0)
