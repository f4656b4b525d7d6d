"""A fleet, or one of its models, as plain values for people and other programs to read."""

from typing import Any

from scoring.cluster.model.fleet import Fleet, KeptEstimator
from scoring.cluster.model.one_class_svm import OneClassSVM
from stream_queries.schema import FEATURES


def describe_fleet(fleet: Fleet) -> dict[str, Any]:
    """Version, counts and origin of a fleet, and the series that it has models of."""
    series = [list(names) for shard in range(fleet.shards) for names in fleet.read_shard(shard)]
    return {
        "version": fleet.version,
        **fleet.manifest["counts"],
        "features": list(FEATURES),
        "origin": fleet.manifest["origin"],
        "skipped_series": fleet.manifest["skipped"],
        "modelled_series": sorted(series),
    }


def describe_model(fleet: Fleet, device: str, sensor: str) -> dict[str, Any]:
    """One model's numbers: enough to compute its decision function; UserError if the fleet has no such model."""
    model = fleet.model((device, sensor))
    if isinstance(model, KeptEstimator):
        return {"features": list(FEATURES), "estimator": repr(model.estimator)}
    if not isinstance(model, OneClassSVM):
        raise TypeError(f"a fleet holds no {type(model).__name__}")
    return {
        "features": list(FEATURES),
        "mean": model.mean.tolist(),
        "scale": model.scale.tolist(),
        "support_vectors": model.support_vectors.tolist(),
        "dual_coef": model.dual_coef.tolist(),
        "intercept": model.intercept,
        "gamma": model.gamma,
    }
