import os
import pickle
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn import svm
from sklearn.cluster import KMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import SGDOneClassSVM
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, RobustScaler, StandardScaler

from scoring.cluster.model.fleet import Fleet, KeptEstimator
from scoring.cluster.model.one_class_svm import OneClassSVM
from scoring.models.importing import import_folder
from stream_queries.errors import UserError
from stream_queries.schema import FEATURES

SERIES = ("device-1", "sensor-1")
RANDOM = np.random.default_rng(7)
HISTORY = RANDOM.normal(size=(90, 4)) * [3, 1, 2, 0.1] + [50, 40, 60, 1]
UNSEEN = np.concatenate([HISTORY, HISTORY + RANDOM.normal(size=HISTORY.shape) * 5])
NAMED_HISTORY = pd.DataFrame(HISTORY, columns=list(FEATURES))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The folder to import; it holds one model that has nothing wrong with it."""
    folder = tmp_path / "models"
    save(svm.OneClassSVM().fit(HISTORY), folder / "good-device" / "good-sensor.skops")
    return folder


def save(estimator: Any, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    skops.io.dump(estimator, file)
    return file


def imported(estimator: Any, models: Path) -> Fleet:
    """The fleet after it was written and opened again."""
    save(estimator, models / SERIES[0] / f"{SERIES[1]}.skops")
    import_folder(models).write(models.parent / "fleet")
    return Fleet.open(models.parent / "fleet")


# ---- One-class SVMs are packed.

GAMMAS = pytest.mark.parametrize("gamma", ["scale", "auto", 0.07])


@GAMMAS
@pytest.mark.parametrize("with_mean", [True, False])
@pytest.mark.parametrize("with_std", [True, False])
def test_a_scaled_one_class_svm_is_packed_with_its_scores(models: Path, with_mean: bool, with_std: bool, gamma: Any):
    scaler = StandardScaler(with_mean=with_mean, with_std=with_std)
    theirs = make_pipeline(scaler, svm.OneClassSVM(nu=0.2, gamma=gamma)).fit(HISTORY)
    ours = imported(theirs, models).model(SERIES)
    assert isinstance(ours, OneClassSVM)
    np.testing.assert_allclose(ours.decision_function(UNSEEN), theirs.decision_function(UNSEEN), rtol=0, atol=1e-9)


@GAMMAS
@pytest.mark.parametrize("history", [HISTORY, NAMED_HISTORY], ids=["matrix", "named columns"])
def test_a_one_class_svm_alone_is_packed_with_its_scores(models: Path, history: Any, gamma: Any):
    theirs = svm.OneClassSVM(nu=0.2, gamma=gamma).fit(history)
    ours = imported(theirs, models).model(SERIES)
    assert isinstance(ours, OneClassSVM)
    expected = svm.OneClassSVM(nu=0.2, gamma=gamma).fit(HISTORY).decision_function(UNSEEN)
    np.testing.assert_allclose(ours.decision_function(UNSEEN), expected, rtol=0, atol=1e-9)


# ---- Others are kept.

KEPT = {
    "linear SVM": svm.OneClassSVM(kernel="linear", nu=0.2),
    "sigmoid SVM behind a scaler": make_pipeline(StandardScaler(), svm.OneClassSVM(kernel="sigmoid", nu=0.2)),
    "RBF SVM behind another scaler": make_pipeline(RobustScaler(), svm.OneClassSVM(nu=0.2)),
    "RBF SVM behind two steps": make_pipeline(StandardScaler(), PCA(2), svm.OneClassSVM(nu=0.2)),
    "linear one-class SVM by gradient descent": make_pipeline(StandardScaler(), SGDOneClassSVM(random_state=1)),
    "elliptic envelope": EllipticEnvelope(random_state=1),
    "local outlier factor": LocalOutlierFactor(novelty=True, algorithm="brute"),
}


@pytest.mark.parametrize("kind", KEPT)
def test_other_estimators_are_kept_and_score_bit_for_bit(models: Path, kind: str):
    theirs = KEPT[kind].fit(HISTORY)
    fleet = imported(theirs, models)
    ours = fleet.model(SERIES)
    assert isinstance(ours, KeptEstimator) and fleet.manifest["counts"]["kept_estimators"] == 1
    assert ours.decision_function(UNSEEN).tobytes() == theirs.decision_function(UNSEEN).tobytes()


def test_an_estimator_that_was_fitted_to_named_columns_scores_without_complaint(models: Path):
    """Any warning fails a test here; in a run it would be printed for every series."""
    theirs = EllipticEnvelope(random_state=1).fit(NAMED_HISTORY)
    ours = imported(theirs, models).model(SERIES)
    expected = theirs.decision_function(pd.DataFrame(UNSEEN, columns=list(FEATURES)))
    assert ours.decision_function(UNSEEN).tobytes() == expected.tobytes()


def test_a_folder_becomes_a_fleet_of_all_its_series(models: Path):
    for device, sensor in [("a", "s.1"), ("A", "s.1"), ("a", "s:2")]:
        save(svm.OneClassSVM().fit(HISTORY), models / device / f"{sensor}.skops")
    fleet = import_folder(models).write(models.parent / "fleet")
    found = {series for shard in range(fleet.shards) for series in fleet.read_shard(shard)}
    assert found == {("good-device", "good-sensor"), ("a", "s.1"), ("A", "s.1"), ("a", "s:2")}
    assert fleet.manifest["origin"] == {"kind": "imported", "files": 4}


# ---- What cannot score windows is refused, by file.

WRONG = {
    "too few features": (
        svm.OneClassSVM().fit(HISTORY[:, :3]),
        "was trained on 3 features, windows have 4: mean_value,",
    ),
    "features in another order": (
        svm.OneClassSVM().fit(NAMED_HISTORY[list(reversed(FEATURES))]),
        "was trained on stdev_value, max_value, min_value, mean_value; windows have mean_value,",
    ),
    "features of other names": (
        make_pipeline(RobustScaler(), svm.OneClassSVM()).fit(NAMED_HISTORY.rename(columns={"mean_value": "median"})),
        "was trained on median, min_value,",
    ),
    "no decision function": (KMeans(2, random_state=1).fit(HISTORY), "holds a KMeans, which has no decision_function"),
    "a decision function only for its own history": (
        LocalOutlierFactor(algorithm="brute").fit(HISTORY),
        "holds a LocalOutlierFactor, which has no decision_function",
    ),
    "no model at all": ({"mean": [1.0]}, "holds a dict, which has no decision_function"),
    "an SVM that was not fitted": (svm.OneClassSVM(), "holds a OneClassSVM that was not fitted"),
    "a pipeline that was not fitted": (
        make_pipeline(StandardScaler(), svm.OneClassSVM()),
        "holds a Pipeline that was not fitted",
    ),
    "a pipeline whose scaler alone was fitted": (
        make_pipeline(StandardScaler().fit(HISTORY), svm.OneClassSVM()),
        "holds a Pipeline that was not fitted",
    ),
    "a pipeline whose scaler was not fitted": (
        make_pipeline(StandardScaler(), svm.OneClassSVM().fit(HISTORY)),
        "holds a Pipeline that was not fitted",
    ),
}


def refusal(models: Path) -> str:
    with pytest.raises(UserError) as refused:
        import_folder(models)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("what", WRONG)
def test_an_estimator_that_cannot_score_windows_is_refused(models: Path, what: str):
    estimator, message = WRONG[what]
    file = save(estimator, models / SERIES[0] / "sensor.skops")
    assert refusal(models).startswith(f"{file} {message}")


@pytest.mark.parametrize(
    ("path", "name"),
    [("device 1/s.skops", "device 1"), ("d/s\u00e9nsor.skops", "s\u00e9nsor"), (f"d/{'s' * 129}.skops", "s" * 129)],
)
def test_a_name_that_no_reading_can_have_is_refused(models: Path, path: str, name: str):
    file = save(svm.OneClassSVM().fit(HISTORY), models / path)
    assert refusal(models).startswith(f"{file}: {name!r} is no device or sensor name")


def test_a_folder_without_models_and_one_that_is_missing_are_refused(tmp_path: Path):
    assert refusal(tmp_path) == f"{tmp_path} holds no DEVICE/SENSOR.skops file"
    missing = tmp_path / "missing"
    assert refusal(missing) == f"{missing} is not a folder: give one that holds DEVICE/SENSOR.skops files"


@pytest.mark.parametrize("content", [b"", b"no zip file", b"PK\x03\x04 cut short"])
def test_a_file_that_cannot_be_read_is_refused(models: Path, content: bytes):
    file = models / "good-device" / "unreadable.skops"
    file.write_bytes(content)
    assert refusal(models).startswith(f"{file} cannot be read as a skops file: BadZipFile:")


def test_half_a_file_is_refused(models: Path):
    whole = models / "good-device" / "good-sensor.skops"
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert refusal(models).startswith(f"{whole} cannot be read as a skops file:")


# ---- Nothing that a file holds is executed.


class Boom:
    """What an attacker would put into a model file: unpickling it calls a function."""

    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("executed"),))


def test_a_pickle_by_another_name_is_refused_and_not_run(models: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(models)
    file = models / "good-device" / "attack.skops"
    file.write_bytes(pickle.dumps(Boom()))
    assert refusal(models).startswith(f"{file} cannot be read as a skops file:")
    assert not Path("executed").exists()
    subprocess.run([sys.executable, "-m", "pickle", file], check=True, capture_output=True)
    assert Path("executed").exists()  # so the attack is one


def test_a_function_is_refused_and_not_run(models: Path):
    file = save(
        make_pipeline(FunctionTransformer(os.mkdir), svm.OneClassSVM()), models / "good-device" / "attack.skops"
    )
    assert refusal(models) == f"{file} holds types that are not trusted: posix.mkdir; it was not loaded"


def test_a_class_of_somebody_elses_is_refused_and_not_imported(models: Path, monkeypatch: pytest.MonkeyPatch):
    """The module that would be imported to build it exists, and would leave a trace."""
    monkeypatch.chdir(models)
    module = types.ModuleType("somebodys_module")

    class Detector(svm.OneClassSVM):
        pass

    Detector.__module__, Detector.__qualname__ = "somebodys_module", "Detector"
    module.__dict__["Detector"] = Detector
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "somebodys_module", module)
        file = save(Detector().fit(HISTORY), models / "good-device" / "attack.skops")
    (models / "somebodys_module.py").write_text("from pathlib import Path; Path('executed').touch()")
    monkeypatch.syspath_prepend(str(models))
    assert refusal(models) == f"{file} holds types that are not trusted: somebodys_module.Detector; it was not loaded"
    assert not Path("executed").exists()


@pytest.mark.parametrize(
    ("estimator", "untrusted"),
    [
        (IsolationForest(n_estimators=3, random_state=1), "sklearn.tree._tree.Tree"),
        (
            LocalOutlierFactor(novelty=True, algorithm="kd_tree"),
            "sklearn.metrics._dist_metrics.EuclideanDistance64, sklearn.neighbors._kd_tree.KDTree",
        ),
    ],
)
def test_trees_whose_nodes_nobody_checks_are_refused(models: Path, estimator: Any, untrusted: str):
    """scikit-learn follows the node numbers in a file without checking them; a forged file reads foreign memory."""
    file = save(estimator.fit(HISTORY), models / "good-device" / "tree.skops")
    assert refusal(models) == f"{file} holds types that are not trusted: {untrusted}; it was not loaded"
