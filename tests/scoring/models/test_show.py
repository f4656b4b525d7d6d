import json
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn import svm

from scoring.cluster.model.features import feature_matrix
from scoring.cluster.model.fleet import Fleet, KeptEstimator
from scoring.models.fleet_writer import FleetWriter
from scoring.models.show import describe_fleet, describe_model
from stream_queries.errors import UserError
from stream_queries.schema import FEATURES
from tests.scoring.samples import SERIES, make_windows


def test_a_models_numbers_are_enough_to_compute_its_scores(fleet: Fleet):
    """Another program reads the JSON and knows the formula, nothing else."""
    for series in SERIES:
        shown = json.loads(json.dumps(describe_model(fleet, *series)))
        assert list(shown) == ["features", "mean", "scale", "support_vectors", "dual_coef", "intercept", "gamma"]
        windows = make_windows([series], range(1, 200))
        rows = np.column_stack([windows[name].to_numpy() for name in shown["features"]])
        scaled = (rows - shown["mean"]) / shown["scale"]
        distance = ((scaled[:, None] - np.array(shown["support_vectors"])[None]) ** 2).sum(axis=2)
        scores = np.exp(-shown["gamma"] * distance) @ shown["dual_coef"] + shown["intercept"]
        expected = fleet.model(series).decision_function(feature_matrix(windows))
        np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-12)
        assert (expected < 0).any() and (expected > 0).any()


def test_a_kept_estimator_is_shown_by_its_settings(tmp_path: Path):
    fitted = svm.OneClassSVM(kernel="linear", nu=0.2).fit(np.random.default_rng(1).normal(size=(20, 4)))
    models = {SERIES[0]: KeptEstimator(skops.io.dumps(fitted))}
    shown = describe_model(FleetWriter(origin={}, models={**models}).write(tmp_path), *SERIES[0])
    assert shown == {"features": list(FEATURES), "estimator": "OneClassSVM(kernel='linear', nu=0.2)"}


def test_a_series_without_a_model_is_named(fleet: Fleet):
    with pytest.raises(UserError, match="no model of device 'device-0', sensor 'DEVICE-0'"):
        describe_model(fleet, "device-0", "DEVICE-0")


def test_a_fleet_is_shown_with_its_counts_origin_and_series(fleet: Fleet):
    shown = json.loads(json.dumps(describe_fleet(fleet)))
    assert shown["version"] == fleet.version
    assert (shown["series"], shown["kept_estimators"], shown["skipped"]) == (12, 0, 0)
    assert shown["origin"]["end"] == "2026-01-01T01:00:00+00:00" and shown["origin"]["windows"] == 720
    assert shown["skipped_series"] == [] and shown["features"] == list(FEATURES)
    assert [tuple(series) for series in shown["modelled_series"]] == sorted(SERIES)
