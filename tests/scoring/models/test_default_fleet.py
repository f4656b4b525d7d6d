"""The fleet that a fresh clone publishes."""

from pathlib import Path

import numpy as np
import pytest

from scoring.cluster.model.fleet import Fleet
from scoring.cluster.model.one_class_svm import OneClassSVM
from scoring.models.default_fleet import DEFAULT_FLEET, train_default_fleet
from simulator.devices.replay import REFERENCE_READINGS
from stream_queries.errors import UserError


def test_it_is_whole_and_holds_a_model_of_every_series():
    fleet = Fleet.open(DEFAULT_FLEET)
    fleet.verify()
    assert fleet.manifest["counts"] == {"series": 15, "kept_estimators": 0, "skipped": 0}
    files = {file.name for file in DEFAULT_FLEET.iterdir()}
    assert files == {"fleet.json", *fleet.manifest["files"]}


@pytest.mark.slow
def test_training_on_the_reference_readings_gives_the_same_models(tmp_path: Path):
    """The last digits of a fit are the processor's; on the machine where it was trained it is the same to the bit."""
    kept, trained = Fleet.open(DEFAULT_FLEET), train_default_fleet(REFERENCE_READINGS, tmp_path / "fleet")
    ours = {name: value for name, value in kept.manifest["origin"].items() if name != "libraries"}
    assert {name: trained.manifest["origin"][name] for name in ours} == ours
    advice = "train it again: python -m scoring.models.default_fleet simulator/devices/data/reference_readings.csv"
    for shard in range(kept.shards):
        models, others = kept.read_shard(shard), trained.read_shard(shard)
        assert models.keys() == others.keys(), advice
        for series, model in models.items():
            other = others[series]
            assert isinstance(model, OneClassSVM) and isinstance(other, OneClassSVM)
            for name in ("mean", "scale", "support_vectors", "dual_coef", "intercept", "gamma"):
                values = getattr(model, name), getattr(other, name)
                assert np.allclose(*values, rtol=1e-6, atol=1e-9), f"{series} {name}: {advice}"


@pytest.mark.parametrize(
    "content", [None, "TS,Device\n2018-08-28 23:00:05.000,1\n", "TS,Device,Sensor,Value\nx,1,1,1\n"]
)
def test_readings_that_cannot_be_used_are_told(tmp_path: Path, content: str | None):
    readings = tmp_path / "readings.csv"
    if content is not None:
        readings.write_text(content)
    with pytest.raises(UserError, match="does not hold readings"):
        train_default_fleet(readings, tmp_path / "fleet")
