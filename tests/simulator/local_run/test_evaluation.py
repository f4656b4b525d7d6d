from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from simulator.devices.anomalies import Anomaly, AnomalyKind
from simulator.local_run.evaluation import evaluate
from stream_queries.arrow_schemas import PREDICTION_SCHEMA

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def predictions(*anomalous: int, minutes: int = 10, device: str = "a") -> pa.Table:
    """Windows that end at 1, 2, … minutes past noon; those in `anomalous` are predicted to be anomalies."""
    rows = [
        {
            "device": device,
            "sensor": "s",
            "window_end": at(minute),
            "score": 0.0,
            "is_anomaly": minute in anomalous,
            "model_version": "v",
        }
        for minute in range(1, minutes + 1)
    ]
    return pa.Table.from_pylist(rows, schema=PREDICTION_SCHEMA)


def anomaly(start: float, end: float, kind: AnomalyKind = AnomalyKind.SPIKE, device: str = "a") -> Anomaly:
    return Anomaly(device, "s", at(start), at(end), kind)


@pytest.mark.parametrize(
    ("start", "end", "windows"),
    [
        (2.5, 2.5, {3}),
        (3.0, 3.0, {3}),  # exactly on the minute: the window that ends there
        (2.5, 3.0, {3}),
        (2.5, 3.1, {3, 4}),
        (0.2, 2.0, {1, 2}),
    ],
)
def test_an_anomaly_labels_the_windows_that_its_readings_are_in(start: float, end: float, windows: set[int]):
    found = evaluate(predictions(*windows), [anomaly(start, end)])
    assert (found.true_positives, found.false_positives, found.false_negatives) == (len(windows), 0, 0)
    assert found.precision == found.recall == 1


def test_precision_and_recall_count_windows():
    found = evaluate(predictions(3, 4, 8), [anomaly(2.5, 5.5, AnomalyKind.DRIFT)])
    counts = (found.true_positives, found.false_positives, found.false_negatives, found.true_negatives)
    assert counts == (2, 1, 2, 5)
    assert (found.precision, found.recall) == (pytest.approx(2 / 3), 0.5)


def test_an_anomaly_is_found_if_one_of_its_windows_is():
    labels = [anomaly(2.5, 5.5, AnomalyKind.DRIFT), anomaly(7.5, 7.5), anomaly(9.5, 9.5)]
    assert evaluate(predictions(4, 8), labels).found == {"drift": (1, 1), "spike": (1, 2)}


def test_anomalies_outside_the_scored_windows_and_of_other_series_count_nothing():
    found = evaluate(predictions(), [anomaly(100, 101), anomaly(3, 4, device="b")])
    assert found.found == {} and found.false_negatives == 0


def test_without_predictions_or_labels_the_shares_are_zero():
    found = evaluate(predictions(), [])
    assert (found.precision, found.recall) == (0, 0)
