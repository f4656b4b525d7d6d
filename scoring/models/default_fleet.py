"""The fleet that is published where a stack's settings name no other: trained on the reference readings.

It lies in this folder, 19 kB of it, instead of being trained at each deployment. A fit's last digits depend on the
processor and its version on Python's, so two machines would publish two models of the same content in turn; a file is
the same everywhere. `python -m scoring.models.default_fleet READINGS` trains it again, in three seconds, which is
needed when the query, the features or the training change; a test compares it with what `make run` trains.
"""

import csv
import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from scoring.cluster.model.fleet import Fleet
from scoring.models.training import TrainingParameters, train
from scoring.publish.pipeline import DEFAULT_FLEET
from stream_queries.command import run_command
from stream_queries.commands.cases import load_query
from stream_queries.commands.event_files import RAW_EVENT_SCHEMA
from stream_queries.engine import decode, run_batch
from stream_queries.errors import UserError
from stream_queries.schema import DEVICE, SENSOR, TS, VALUE, WINDOW_LENGTH, WINDOW_TABLE
from stream_queries.time_policy import DEFAULT_TIME_POLICY
from stream_queries.window_store import WindowStore

HISTORY = timedelta(hours=3)
"""What is trained on, from the first window on; the reference readings go on for another 72 minutes."""


def train_default_fleet(readings: Path, folder: Path) -> Fleet:
    """Train on a CSV file with the columns TS, Device, Sensor and Value, and write the fleet to `folder`.

    The readings go straight through the deployed query, each arriving at its own time. Raises UserError where the file
    cannot be read or the fleet not be written.
    """
    query = load_query(WINDOW_TABLE)
    events = decode(_events(readings)).events
    windows = run_batch(query, dict.fromkeys(query.inputs, events), policy=DEFAULT_TIME_POLICY)[WINDOW_TABLE]
    with (
        tempfile.TemporaryDirectory() as work,
        WindowStore(f"sqlite:///{Path(work, 'windows.db')}") as store,
    ):
        store.create()
        store.insert(windows)
        start = store.range()[0] - WINDOW_LENGTH
        return train(store, start=start, end=start + HISTORY, parameters=TrainingParameters()).write(folder)


def _events(readings: Path) -> pa.Table:
    """Readings as the events that a hub would have got."""
    try:
        with readings.open(encoding="utf-8", newline="") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: row["TS"])
            events = [
                {
                    "body": json.dumps(
                        {
                            DEVICE: row["Device"],
                            SENSOR: row["Sensor"],
                            TS: f"{row['TS'].replace(' ', 'T')}Z",
                            VALUE: float(row["Value"]),
                        }
                    ).encode(),
                    "partition_id": 0,
                    "arrived_at": datetime.fromisoformat(row["TS"]).replace(tzinfo=UTC),
                    "sequence_number": number,
                }
                for number, row in enumerate(rows)
            ]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{readings} does not hold readings (TS, Device, Sensor, Value): {error!r}") from error
    return pa.Table.from_pylist(events, schema=RAW_EVENT_SCHEMA)


def _main() -> int:
    if len(sys.argv) != 2:
        raise UserError(
            "give the file of readings: python -m scoring.models.default_fleet "
            "simulator/devices/data/reference_readings.csv"
        )
    fleet = train_default_fleet(Path(sys.argv[1]), DEFAULT_FLEET)
    print(f"fleet {fleet.version}: {fleet.manifest['counts']['series']} models, in {DEFAULT_FLEET}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command("scoring", _main))
