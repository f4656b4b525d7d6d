"""`make bench`: speed, as ratios measured in one run. Nothing here is a test; figures differ between machines."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from scoring.models.training import TrainingParameters, fit
from simulator.devices.fleet_plan import FleetPlan
from simulator.devices.readings import fleet_events
from stream_queries import query_file
from stream_queries.engine import Query, StreamingQuery, decode
from stream_queries.schema import FEATURES
from stream_queries.time_policy import DEFAULT_TIME_POLICY

START = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    """Measure and print."""
    _scoring()
    _engine()


def _scoring() -> None:
    """One series' interval of 15 windows under its model: packed numbers against the scikit-learn pipeline."""
    random = np.random.default_rng(1)
    history, windows = random.normal(size=(180, len(FEATURES))), random.normal(size=(15, len(FEATURES)))
    parameters = TrainingParameters()
    packed = fit(history, parameters)
    pipeline = make_pipeline(StandardScaler(), OneClassSVM(nu=parameters.nu, gamma=parameters.gamma)).fit(history)
    ours = _fastest(lambda: packed.decision_function(windows))
    theirs = _fastest(lambda: pipeline.decision_function(windows))
    print(f"scoring 15 windows of one series: packed {ours * 1e6:.0f} us, scikit-learn {theirs * 1e6:.0f} us")
    print(f"  packed models are {theirs / ours:.1f} times as fast")


def _engine() -> None:
    """The stream query over a fleet's events, in pushes of about 20,000."""
    plan = FleetPlan(devices=100, sensors=5, hours=2)
    chunks = list(fleet_events(plan))
    events = sum(map(len, chunks))
    query = Query.parse(query_file().read_text(), name="sensor_windows.asaql")
    stream = StreamingQuery(query, policy=DEFAULT_TIME_POLICY)
    began = time.perf_counter()
    for number, chunk in enumerate(chunks):
        table = pa.table(
            {
                "body": pa.array([event.body for event in chunk], pa.binary()),
                "partition_id": pa.array([0] * len(chunk), pa.int64()),
                "sequence_number": pa.array(range(len(chunk)), pa.int64()),
                "arrived_at": pa.array([event.arrived_at for event in chunk], pa.timestamp("us", tz="UTC")),
            }
        )
        clock = START + timedelta(minutes=10 * (number + 1)) - timedelta(minutes=10)
        stream.push(dict.fromkeys(query.inputs, decode(table).events), clock=clock)
    stream.close()
    seconds = time.perf_counter() - began
    print(f"stream query: {events:,} events in {seconds:.1f} s, {events / seconds:,.0f} events/s")
    print(f"  {events / seconds / plan.readings_per_second:,.0f} times as fast as the devices send them")


def _fastest(work: Callable[[], object], rounds: int = 200) -> float:
    """The shortest of many rounds, in seconds."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


if __name__ == "__main__":
    main()
