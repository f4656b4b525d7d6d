"""What a local run did, for a person to read and as JSON."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from scoring.cluster.interval import Interval
from simulator.local_run.accounting import Accounting
from simulator.local_run.evaluation import Evaluation
from stream_queries.schema import DEVICE, IS_ANOMALY, SCORE, SENSOR

_MOST_SERIES_SHOWN = 20


@dataclass(frozen=True)
class Summary:
    """One run's counts and times; `predictions` are those of all intervals together."""

    source: str
    accounting: Accounting
    seconds: dict[str, float]
    fleet_version: str
    models: int
    skipped: list[dict[str, Any]]
    training: Interval
    scored: Interval
    intervals: int
    predictions: pa.Table
    evaluation: Evaluation | None

    def anomalies_per_series(self) -> list[dict[str, Any]]:
        """For each series, in order: windows scored, anomalies among them, and the lowest score."""
        grouped = self.predictions.group_by([DEVICE, SENSOR], use_threads=False).aggregate(
            [(IS_ANOMALY, "count"), (IS_ANOMALY, "sum"), (SCORE, "min")]
        )
        ordered = grouped.sort_by([(DEVICE, "ascending"), (SENSOR, "ascending")])
        new_names = {f"{IS_ANOMALY}_count": "windows", f"{IS_ANOMALY}_sum": "anomalies", f"{SCORE}_min": "lowest_score"}
        return ordered.rename_columns([new_names.get(name, name) for name in ordered.column_names]).to_pylist()

    @property
    def anomalies(self) -> int:
        """How many windows were predicted to be anomalies."""
        return sum(self.predictions[IS_ANOMALY].to_pylist())

    def to_json(self) -> dict[str, Any]:
        """Everything but the predictions themselves."""
        return {
            "source": self.source,
            "accounting": asdict(self.accounting) | {"adds_up": not self.accounting.mistakes()},
            "fleet": {"version": self.fleet_version, "models": self.models, "skipped": self.skipped},
            "training": self.training.to_json(),
            "scored": self.scored.to_json() | {"intervals": self.intervals},
            "predictions": self.predictions.num_rows,
            "anomalies": self.anomalies,
            "series": self.anomalies_per_series(),
            "evaluation": self._evaluation(),
            "seconds": self.seconds,
        }

    def _evaluation(self) -> dict[str, Any] | None:
        if self.evaluation is None:
            return None
        shares = {"precision": self.evaluation.precision, "recall": self.evaluation.recall}
        return asdict(self.evaluation) | shares


def print_summary(summary: Summary, out: Path) -> None:
    """Print the summary; `out` is the run's folder."""
    count = summary.accounting
    took = summary.seconds
    rejected = sum(count.rejected.values())
    print(f"\n{summary.source}\n")
    _stage("1 ingestion", f"{count.sent:,} events sent to a loopback Event Hubs", took["ingestion"])
    _stage("2 stream", f"{count.archived:,} events archived, {rejected:,} rejected", took["stream"])
    _stage("3 store", f"{count.windows:,} one-minute windows in windows.db")
    _stage("  training", f"{summary.models:,} models on windows up to {summary.training.end:%F %R}", took["training"])
    _stage("4 scoring", f"{summary.intervals} intervals up to {summary.scored.end:%F %R}", took["scoring"])
    _stage("5 predictions", f"{summary.predictions.num_rows:,} windows scored, {summary.anomalies:,} anomalies")
    for entry in summary.skipped:
        print(f"   no model of {entry[DEVICE]} {entry[SENSOR]}: {entry['reason']}")
    _print_accounting(count)
    _print_series(summary.anomalies_per_series())
    if summary.evaluation is not None:
        _print_evaluation(summary.evaluation)
    print(f"\nEverything is in {out}/; summary.json holds these numbers.")


def _stage(name: str, what: str, seconds: float | None = None) -> None:
    print(f"{name:<14} {what:<56}{'' if seconds is None else f'{seconds:6.1f} s'}".rstrip())


def _print_accounting(count: Accounting) -> None:
    reasons = ", ".join(f"{name} {number:,}" for name, number in count.rejected.items() if number)
    rejected = f"{sum(count.rejected.values()):,} rejected" + (f" ({reasons})" if reasons else "")
    print("\naccounting")
    print(f"  sent {count.sent:,} = {count.undecodable:,} undecodable + {count.archived:,} archived")
    parts = f"{count.in_windows:,} in windows + {count.duplicates:,} duplicates + {rejected}"
    print(f"  archived {count.archived:,} = {parts}")
    for mistake in count.mistakes():
        print(f"  DOES NOT ADD UP: {mistake}")


def _print_series(series: list[dict[str, Any]]) -> None:
    shown = sorted(series, key=lambda entry: (-entry["anomalies"], entry[DEVICE], entry[SENSOR]))[:_MOST_SERIES_SHOWN]
    if len(shown) == len(series):
        shown = series
    left_out = f", the {len(shown)} with most of {len(series):,}" if len(shown) < len(series) else ""
    print(f"\nanomalies per series{left_out}")
    print(f"  {'device':<14} {'sensor':<10} {'windows':>8} {'anomalies':>10} {'lowest score':>13}")
    for entry in shown:
        place = f"  {entry[DEVICE]:<14} {entry[SENSOR]:<10}"
        print(f"{place} {entry['windows']:>8,} {entry['anomalies']:>10,} {entry['lowest_score']:>13.4f}")


def _print_evaluation(evaluation: Evaluation) -> None:
    print("\nagainst the injected anomalies")
    print(f"  precision {evaluation.precision:.3f}   recall {evaluation.recall:.3f}   (windows)")
    for kind, (found, total) in evaluation.found.items():
        print(f"  {kind:<6} {found:,} of {total:,} found")
