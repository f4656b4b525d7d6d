"""How well the predictions find the anomalies that were injected: precision and recall over windows."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from simulator.devices.anomalies import Anomaly
from stream_queries.arrow_schemas import times
from stream_queries.schema import DEVICE, IS_ANOMALY, SENSOR, WINDOW_END, WINDOW_LENGTH


@dataclass(frozen=True)
class Evaluation:
    """Windows by label and prediction, and injected anomalies of each kind that at least one window found."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int
    found: dict[str, tuple[int, int]]
    """For each kind of anomaly: how many were found, of how many."""

    @property
    def precision(self) -> float:
        """The share of the predicted anomalies that were injected; 0 if none was predicted."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """The share of the windows with an injected anomaly that were predicted; 0 if there is none."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)


def evaluate(predictions: pa.Table, anomalies: Sequence[Anomaly]) -> Evaluation:
    """Compare predictions (`tables.PREDICTION_SCHEMA`) with labels; only windows that have a prediction count.

    A window is labelled if an anomaly reached one of its readings. An anomaly without a scored window is left out.
    """
    of_window: defaultdict[tuple[str, str, datetime], list[int]] = defaultdict(list)
    for number, anomaly in enumerate(anomalies):
        for window_end in _windows(anomaly):
            of_window[anomaly.device, anomaly.sensor, window_end].append(number)
    counts = {(predicted, labelled): 0 for predicted in (True, False) for labelled in (True, False)}
    scored, found = set[int](), set[int]()
    device_column, sensor_column, predicted_column = (
        predictions[name].to_pylist() for name in (DEVICE, SENSOR, IS_ANOMALY)
    )
    rows = zip(device_column, sensor_column, times(predictions[WINDOW_END]), predicted_column, strict=True)
    for device, sensor, window_end, predicted in rows:
        numbers = of_window.get((device, sensor, window_end), [])
        counts[predicted, bool(numbers)] += 1
        scored.update(numbers)
        if predicted:
            found.update(numbers)
    kinds = sorted({anomalies[number].kind for number in scored})
    return Evaluation(
        true_positives=counts[True, True],
        false_positives=counts[True, False],
        false_negatives=counts[False, True],
        true_negatives=counts[False, False],
        found={
            kind.value: (
                sum(anomalies[number].kind is kind for number in found),
                sum(anomalies[number].kind is kind for number in scored),
            )
            for kind in kinds
        },
    )


def _windows(anomaly: Anomaly) -> Iterable[datetime]:
    """The ends, in UTC, of the windows, (start, end], that hold a time from the anomaly's start to its end."""
    start, last = (time.astimezone(UTC).replace(tzinfo=None) for time in (anomaly.start, anomaly.end))
    first = start.replace(second=0, microsecond=0)
    end = first if first == start else first + WINDOW_LENGTH
    while end - WINDOW_LENGTH < last:
        yield end
        end += WINDOW_LENGTH


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
