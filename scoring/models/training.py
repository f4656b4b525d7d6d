"""Fit one one-class SVM per series from its history of windows."""

import platform
from dataclasses import asdict, dataclass
from datetime import datetime

import numpy as np
import sklearn
from sklearn import svm
from sklearn.preprocessing import StandardScaler

from scoring.cluster.model.features import feature_matrix
from scoring.cluster.model.one_class_svm import OneClassSVM
from scoring.cluster.model.series import split_by_series
from scoring.models.fleet_writer import FleetWriter
from stream_queries.errors import UserError
from stream_queries.terminal import progress
from stream_queries.window_store import WindowStore


@dataclass(frozen=True)
class TrainingParameters:
    """How models are fitted.

    `nu` bounds the share of the training windows outside the boundary, in (0, 1]. `gamma` is the RBF kernel's width on
    standardised features; `scale` is scikit-learn's 1 / (features x variance). A series with fewer than `min_windows`
    windows gets no model.

    The default kernel is wide, because histories are short: on the reference readings (180 windows to train on) models
    with `scale`, which is 0.25 here, call 11% of the windows after the training range anomalies, models with 0.03 call
    1.8%, at the same `nu`.
    """

    nu: float = 0.01
    gamma: float | str = 0.03
    min_windows: int = 30

    def __post_init__(self) -> None:
        if not 0 < self.nu <= 1:
            raise UserError(f"nu is {self.nu}: give a share of the training windows above 0 and at most 1")
        if isinstance(self.gamma, str) and self.gamma != "scale":
            raise UserError(f"gamma is {self.gamma!r}: give a positive number or 'scale'")
        if not isinstance(self.gamma, str) and not 0 < self.gamma < np.inf:
            raise UserError(f"gamma is {self.gamma}: give a positive number or 'scale'")
        if self.min_windows < 2:
            raise UserError(f"min_windows is {self.min_windows}: a model needs at least 2 windows")


def fit(features: np.ndarray, parameters: TrainingParameters) -> OneClassSVM:
    """Fit one model to `features`, shape (windows, 4)."""
    scaler = StandardScaler().fit(features)
    scaled = scaler.transform(features)
    gamma = parameters.gamma
    if isinstance(gamma, str):
        variance = float(scaled.var())
        gamma = 1 / (scaled.shape[1] * variance) if variance > 0 else 1.0
    fitted = svm.OneClassSVM(kernel="rbf", nu=parameters.nu, gamma=gamma).fit(scaled)
    return OneClassSVM(
        mean=np.asarray(scaler.mean_),
        scale=np.asarray(scaler.scale_),
        support_vectors=fitted.support_vectors_,
        dual_coef=fitted.dual_coef_[0],
        intercept=float(fitted.intercept_[0]),
        gamma=float(gamma),
    )


def train(
    store: WindowStore, *, start: datetime | None, end: datetime | None, parameters: TrainingParameters
) -> FleetWriter:
    """Fit a model for every series with windows that end in (start, end]; a bound of None is open.

    Series with too few windows, or with a feature that is not finite, are skipped with the reason. Raises UserError if
    there is no window at all.
    """
    windows = store.read(start, end)
    if not windows.num_rows:
        raise UserError(f"no windows to train on in ({start or 'the beginning'}, {end or 'the end'}]; store some first")
    writer = FleetWriter(
        origin={
            "kind": "trained",
            "start": start.isoformat() if start else None,
            "end": end.isoformat() if end else None,
            "windows": windows.num_rows,
            "parameters": asdict(parameters),
            "libraries": {
                "python": platform.python_version(),
                "numpy": np.__version__,
                "scikit-learn": sklearn.__version__,
            },
        }
    )
    for series, history in progress(list(split_by_series(windows)), title="train", unit="series"):
        features = feature_matrix(history)
        if len(features) < parameters.min_windows:
            reason = f"{len(features)} windows, a model needs {parameters.min_windows}"
            writer.skip(series, reason=reason, windows=len(features))
        elif not np.isfinite(features).all():
            writer.skip(series, reason="a feature is not a finite number", windows=len(features))
        else:
            writer.add(series, fit(features, parameters))
    return writer
