from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import svm
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scoring.cluster.model.features import feature_matrix
from scoring.cluster.model.fleet import Fleet
from scoring.cluster.model.one_class_svm import OneClassSVM
from scoring.models.training import TrainingParameters, fit, train
from stream_queries.errors import UserError
from stream_queries.window_store import WindowStore
from tests.scoring.samples import MINUTE, SERIES, START, make_windows


@given(
    seed=st.integers(0, 2**32),
    windows=st.integers(30, 200),
    nu=st.floats(0.005, 0.5),
    gamma=st.sampled_from([0.03, 0.25, "scale"]),
    scale=st.sampled_from([1e-6, 1.0, 1e9]),
)
@settings(max_examples=60)
def test_scores_equal_those_of_scikit_learn(seed: int, windows: int, nu: float, gamma: float | str, scale: float):
    random = np.random.default_rng(seed)
    history = random.normal(size=(windows, 4)) * scale + random.normal(size=4) * 100 * scale
    unseen = np.concatenate([history, history + random.normal(size=(windows, 4)) * 5 * scale, history * 1e3])
    model = fit(history, TrainingParameters(nu=nu, gamma=gamma))
    theirs = make_pipeline(StandardScaler(), svm.OneClassSVM(kernel="rbf", nu=nu, gamma=gamma)).fit(history)
    np.testing.assert_allclose(model.decision_function(unseen), theirs.decision_function(unseen), rtol=0, atol=1e-9)


@given(seed=st.integers(0, 2**32), cut=st.integers(1, 59))
@settings(max_examples=25)
def test_a_score_does_not_depend_on_which_windows_are_scored_with_it(seed: int, cut: int):
    random = np.random.default_rng(seed)
    model = fit(random.normal(size=(80, 4)), TrainingParameters(gamma="scale", nu=0.3))
    rows = random.normal(size=(60, 4)) * 3
    apart = np.concatenate([model.decision_function(rows[:cut]), model.decision_function(rows[cut:])])
    assert apart.tobytes() == model.decision_function(rows).tobytes()


def test_a_series_that_never_changes_still_gets_a_model():
    model = fit(np.full((40, 4), 7.0), TrainingParameters())
    assert np.isfinite(model.decision_function(np.array([[7.0, 7, 7, 7], [900.0, 7, 7, 7]]))).all()


def test_every_series_with_enough_windows_gets_a_model_of_the_training_range_alone(fleet: Fleet, database: str):
    with WindowStore(database) as store:
        first_hour = store.read(START, START + 60 * MINUTE)
    rows = [
        row == SERIES[0] for row in zip(*(first_hour[name].to_pylist() for name in ("device", "sensor")), strict=True)
    ]
    features = feature_matrix(first_hour.filter(rows))
    assert fleet.manifest["counts"] == {"series": 12, "kept_estimators": 0, "skipped": 0}
    model = fleet.model(SERIES[0])
    assert isinstance(model, OneClassSVM)
    np.testing.assert_allclose(model.mean, features.mean(axis=0), rtol=1e-12)


def test_series_with_too_few_windows_are_listed_with_the_reason(tmp_path: Path, database: str):
    with WindowStore(database) as store:
        store.insert(make_windows([("new", "sensor")], range(1, 11)))
        fleet = train(store, start=None, end=None, parameters=TrainingParameters()).write(tmp_path / "fleet")
    skipped = {"device": "new", "sensor": "sensor", "windows": 10, "reason": "10 windows, a model needs 30"}
    assert fleet.manifest["skipped"] == [skipped] and fleet.manifest["counts"]["series"] == 12


def test_a_series_with_just_enough_windows_gets_a_model(tmp_path: Path, database: str):
    with WindowStore(database) as store:
        store.insert(make_windows([("new", "sensor")], range(1, 31)))
        writer = train(store, start=None, end=None, parameters=TrainingParameters(min_windows=30))
    assert ("new", "sensor") in writer.models and writer.skipped == []


def test_training_on_no_windows_is_refused(database: str):
    with WindowStore(database) as store, pytest.raises(UserError, match="no windows to train on"):
        train(store, start=datetime(2030, 1, 1, tzinfo=START.tzinfo), end=None, parameters=TrainingParameters())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"nu": 0}, "nu is 0"),
        ({"nu": 1.5}, "nu is 1.5"),
        ({"gamma": "auto"}, "gamma is 'auto'"),
        ({"gamma": -1.0}, "gamma is -1.0"),
        ({"min_windows": 1}, "min_windows is 1"),
    ],
)
def test_parameters_that_fit_no_model_are_refused(parameters: dict, message: str):
    with pytest.raises(UserError, match=message):
        TrainingParameters(**parameters)
