"""Pack existing scikit-learn models into a fleet.

The folder holds one skops file per series, `DEVICE/SENSOR.skops`: an estimator trained on the four window features, in
the order of the schema. An RBF one-class SVM, alone or behind a StandardScaler in a pipeline, is packed exactly; any
other estimator with a `decision_function` is kept as it is and scored through scikit-learn.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from sklearn import svm
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from scoring.cluster.model.fleet import KeptEstimator
from scoring.cluster.model.one_class_svm import OneClassSVM
from scoring.models.fleet_writer import FleetWriter
from stream_queries.errors import UserError
from stream_queries.schema import FEATURES, NAME_PATTERN
from stream_queries.terminal import progress


def import_folder(folder: Path) -> FleetWriter:
    """Read every `DEVICE/SENSOR.skops` below `folder`.

    Raises UserError naming the file that has a bad name, cannot be read, holds a type that is not trusted, has no
    decision function, was not fitted, or was fitted to other features.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: give one that holds DEVICE/SENSOR.skops files")
    files = sorted(folder.glob("*/*.skops"))
    if not files:
        raise UserError(f"{folder} holds no DEVICE/SENSOR.skops file")
    writer = FleetWriter(origin={"kind": "imported", "files": len(files)})
    for file in progress(files, title="import", unit="models"):
        series = file.parent.name, file.stem
        for name in series:
            if not re.fullmatch(NAME_PATTERN, name):
                raise UserError(f"{file}: {name!r} is no device or sensor name ({NAME_PATTERN})")
        writer.add(series, pack(_load(file), file))
    return writer


def pack(estimator: Any, file: Path) -> OneClassSVM | KeptEstimator:
    """Turn a fitted estimator into plain numbers where that is exact, else keep it; `file` is where it came from."""
    _check(estimator, file)
    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    if (
        type(steps[-1]) is svm.OneClassSVM
        and steps[-1].kernel == "rbf"
        and [type(step) for step in steps[:-1]] in ([], [StandardScaler])
    ):
        scaler = steps[0] if len(steps) == 2 else None
        mean, scale = getattr(scaler, "mean_", None), getattr(scaler, "scale_", None)
        fitted = steps[-1]
        return OneClassSVM(
            # a scaler made with with_mean=False still learns a mean, which it then does not subtract
            mean=np.asarray(mean) if scaler is not None and scaler.with_mean else np.zeros(len(FEATURES)),
            scale=np.asarray(scale) if scaler is not None and scaler.with_std else np.ones(len(FEATURES)),
            support_vectors=np.asarray(fitted.support_vectors_),
            dual_coef=np.asarray(fitted.dual_coef_)[0],
            intercept=float(fitted.intercept_[0]),
            gamma=float(fitted._gamma),  # the number behind gamma="scale"; scikit-learn has no public name for it
        )
    return KeptEstimator(file.read_bytes())


def _load(file: Path) -> Any:
    try:
        untrusted = skops.io.get_untrusted_types(file=file)
        if not untrusted:
            return skops.io.load(file)
    except Exception as error:  # a damaged file fails in whatever way its damage makes it
        raise UserError(f"{file} cannot be read as a skops file: {type(error).__name__}: {error}") from error
    raise UserError(f"{file} holds types that are not trusted: {', '.join(untrusted)}; it was not loaded")


def _check(estimator: Any, file: Path) -> None:
    """Refuse an estimator that could not score windows."""
    if not callable(getattr(estimator, "decision_function", None)):
        raise UserError(f"{file} holds a {type(estimator).__name__}, which has no decision_function")
    try:
        check_is_fitted(estimator)
        features = estimator.n_features_in_
    except AttributeError as error:  # scikit-learn's NotFittedError is one
        raise UserError(f"{file} holds a {type(estimator).__name__} that was not fitted") from error
    if features != len(FEATURES):
        raise UserError(
            f"{file} was trained on {features} features, windows have {len(FEATURES)}: {', '.join(FEATURES)}"
        )
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None and list(names) != list(FEATURES):
        raise UserError(f"{file} was trained on {', '.join(names)}; windows have {', '.join(FEATURES)}, in this order")
