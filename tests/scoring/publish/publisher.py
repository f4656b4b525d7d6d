"""A process that publishes, with the real SDK, whenever it is told to.

Each line of its input is a JSON object: `call` names one of the functions below, the rest are its arguments. It answers
with lines of JSON: `{"report": …}` for each step on the way, then `{"result": …}`, or `{"error": …}` for a UserError.
Time that code would sleep passes at once; how long it would have been is in the answer as `slept`.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from azure.identity import DefaultAzureCredential

from scoring.cluster.interval import Interval
from scoring.patience import Patience
from scoring.publish import Done, Workspace, delete_superseded_clusters, publish
from scoring.publish.pipeline import PipelineSettings, Recurrence
from scoring.publish.submit import submit
from stream_queries.errors import UserError


def publish_pipeline(
    workspace: Workspace, patience: Patience, fleet: str, settings: dict[str, Any], end_after: int | None = None
) -> Any:
    """`end_after` so many steps it ends as if it were interrupted."""
    steps = 0

    def report(done: Done) -> None:
        nonlocal steps
        steps += 1
        _report(done)
        if steps == end_after:
            raise UserError("interrupted")

    chosen = PipelineSettings(
        database="mssql+pyodbc://host/windows?driver=ODBC+Driver+18+for+SQL+Server",
        interval=timedelta(minutes=15),
        settle=timedelta(minutes=3),
        schedule=Recurrence(count=15, unit="Minute"),
        **settings,
    )
    done = publish(workspace, chosen, Path(fleet), DefaultAzureCredential(), report=report, patience=patience)
    return [asdict(one) for one in done]


def delete_clusters(workspace: Workspace, patience: Patience, keep: str) -> Any:
    done = delete_superseded_clusters(workspace, keep, DefaultAzureCredential(), report=_report, patience=patience)
    return [asdict(one) for one in done]


def submit_run(workspace: Workspace, patience: Patience, interval: list[str] | None, now: str | None = None) -> Any:
    chosen, moment = Interval.parse(*interval) if interval else None, datetime.fromisoformat(now) if now else None
    return asdict(submit(workspace, chosen, DefaultAzureCredential(), now=moment, patience=patience))


CALLS: dict[str, Callable[..., Any]] = {
    "publish": publish_pipeline,
    "delete clusters": delete_clusters,
    "submit": submit_run,
}


def _report(done: Done) -> None:
    _answer(report=asdict(done))


def _answer(**values: Any) -> None:
    print(json.dumps(values), file=ANSWERS, flush=True)


ANSWERS, sys.stdout = sys.stdout, sys.stderr  # the SDK prints too

if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        slept: list[float] = []
        workspace, patience = Workspace(*asked.pop("workspace")), Patience(sleep=slept.append)
        try:
            _answer(result=CALLS[asked.pop("call")](workspace, patience, **asked), slept=slept)
        except UserError as error:
            _answer(error=str(error), slept=slept)
