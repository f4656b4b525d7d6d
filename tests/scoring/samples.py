"""Windows and models that the tests of scoring share."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from scoring.cluster.model.one_class_svm import OneClassSVM
from stream_queries.arrow_schemas import WINDOW_SCHEMA

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SERIES = [(f"device-{device}", f"sensor-{sensor}") for device in range(4) for sensor in range(3)]


def make_windows(series: list[tuple[str, str]], minutes: range, *, seed: int = 1) -> pa.Table:
    """Plausible windows of each series, one per minute; the same arguments give the same windows."""
    tables = []
    for device, sensor in series:
        random = np.random.default_rng([seed, *f"{device}/{sensor}".encode()])
        level = random.uniform(10, 100)
        mean = level + random.normal(size=len(minutes))
        spread = random.uniform(0.1, 2, size=len(minutes))
        columns = [
            [device] * len(minutes),
            [sensor] * len(minutes),
            [START + minute * MINUTE for minute in minutes],
            [4] * len(minutes),
            mean,
            mean - spread,
            mean + spread,
            spread,
        ]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, WINDOW_SCHEMA, strict=True)]
        tables.append(pa.table(arrays, schema=WINDOW_SCHEMA))
    return pa.concat_tables(tables)


def some_model(seed: int = 1, **other: Any) -> OneClassSVM:
    """A model of no series in particular; `other` are numbers that it has instead."""
    random = np.random.default_rng(seed)
    model = OneClassSVM(
        mean=random.normal(size=4),
        scale=random.uniform(1, 2, size=4),
        support_vectors=random.normal(size=(5, 4)),
        dual_coef=random.uniform(size=5),
        intercept=-0.5,
        gamma=0.03,
    )
    return replace(model, **other)
