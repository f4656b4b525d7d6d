"""What a change of one resource means to a reviewer: data that is lost, and what happens besides."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pulumi.runtime import rpc

from simulator.azure.engine import Change, Step
from simulator.azure.engine.steps import value_at
from simulator.delivery.preview.consequences.keeping import shortened

HOLDS_DATA: Mapping[str, str] = {
    "containerregistry:Registry": "its images",
    "eventhub:EventHub": "readings that are not processed yet",
    "eventhub:Namespace": "readings that are not processed yet",
    "keyvault:Vault": "its secrets and keys",
    "machinelearningservices:Workspace": "its models, runs and schedules",
    "operationalinsights:Workspace": "its logs",
    "resources:ResourceGroup": "everything in it",
    "sql:Database": "its rows",
    "sql:Server": "its databases and their backups",
    "storage:BlobContainer": "its blobs",
    "storage:StorageAccount": "its blobs",
}
"""Types whose resources hold data, with what is lost when one is deleted or replaced."""

RULES_OF_OTHERS = ("storage:ManagementPolicy",)
"""Types that are added to something that was there before, and delete what it holds."""

RECORD = "pulumi:index:Stash"
"""What the release would do again is kept in records: their inputs are all that the work depends on."""

STREAM_JOB, DEFINITION = "streamanalytics:StreamingJob", "resources:Deployment scoring-stream-definition"
"""What cannot change while the stream job runs: the job, and what it is told to do."""

_UNWATCHED = "nobody is told any more of what it watches"
_GUARDS = {
    "sql:ServerSecurityAlertPolicy": "nobody is told any more of attacks on the database",
    "sql:ServerBlobAuditingPolicy": "what is done in the database is no longer noted",
    "monitor:DiagnosticSetting": "what it would log is no longer kept",
    "monitor:ActionGroup": "nobody is told any more of what its alerts say",
    "monitor:MetricAlert": _UNWATCHED,
    "monitor:ScheduledQueryRule": _UNWATCHED,
    "monitor:ActivityLogAlert": _UNWATCHED,
    "consumption:Budget": "nobody is told any more of what is spent",
}
"""What watches over others, and what its removal means."""


class _Distant(NamedTuple):
    """What is kept in another region, the property that says so, and the values of it that do."""

    what: str
    path: str
    values: re.Pattern[str]


_DISTANT = {
    "sql:Database": _Distant("its backups in another region", "requestedBackupStorageRedundancy", re.compile("Geo")),
    "storage:StorageAccount": _Distant("its copy in another region", "sku.name", re.compile(".*GZ?RS")),
}

_PAUSE = "the stream job is stopped for it and started from its last output: windows come minutes late"
_ANOTHER = "another stream job starts anew: what came in while there was none gets no window"


@dataclass(frozen=True)
class Context:
    """What the rest of the deployment is: whether the stream job runs after it, and what it makes for the first time.

    `new_names` are names of accounts and containers; another job is one that was not there before.
    """

    stream_runs: bool = True
    another_job: bool = False
    new_names: frozenset[str] = frozenset({rpc.UNKNOWN})

    @classmethod
    def of(cls, steps: Sequence[Step]) -> "Context":
        """Read off all steps of a preview."""
        running = [value_at(step.new_inputs, "input.streamJob.running") for step in steps if step.type == RECORD]
        made = [
            step.new_inputs.get(key)
            for step in steps
            for type_, key in (("storage:StorageAccount", "accountName"), ("storage:BlobContainer", "containerName"))
            if step.operation == "create" and step.type.endswith(type_)
        ]
        jobs = {step.operation for step in steps if step.title.startswith(f"{STREAM_JOB} ")}
        names = frozenset({rpc.UNKNOWN, *(name for name in made if name)})
        return cls(False not in running, not jobs.isdisjoint({"create", "replace"}), names)


def lost(step: Step, kind: str, context: Context) -> str:
    """The data that goes with a step, "" where none does."""
    type_ = step.type.removeprefix("azure-native:")
    if kind in ("replaced", "deleted") and type_ in HOLDS_DATA:
        return HOLDS_DATA[type_]
    if kind == "changed" and type_ in _DISTANT and _leaves_second_region(step, type_):
        return _DISTANT[type_].what
    if kind == "added" and type_ not in RULES_OF_OTHERS:
        return ""
    return "; ".join(shortened(type_, step.old_inputs, step.new_inputs, context.new_names))


def notes(step: Step, kind: str, changes: Sequence[Change], context: Context) -> Iterator[str]:
    """What happens besides, a line each."""
    if step.type == RECORD:
        yield from _table_notes(changes)
        yield from _running_notes(changes)
    elif step.type.removeprefix("azure-native:") == "sql:Database":
        old, new = (value_at(inputs, "maxSizeBytes") for inputs in (step.old_inputs, step.new_inputs))
        if isinstance(old, int | float) and isinstance(new, int | float) and new < old:
            yield f"Azure refuses it if the database holds more than {new / 1024**3:g} GB"
    elif context.stream_runs and kind in ("changed", "replaced"):
        if step.title.startswith(f"{STREAM_JOB} "):
            yield _ANOTHER if kind == "replaced" else _PAUSE
        elif step.title == DEFINITION and not context.another_job:
            yield _PAUSE
    elif kind == "deleted" and step.title.startswith(f"{STREAM_JOB} "):
        yield "no windows are made without it"
    elif kind == "deleted" and (guarded := _GUARDS.get(step.type.removeprefix("azure-native:"))):
        yield guarded


def _leaves_second_region(step: Step, type_: str) -> bool:
    distant = _DISTANT[type_]
    before, after = (str(value_at(inputs, distant.path)) for inputs in (step.old_inputs, step.new_inputs))
    return distant.values.fullmatch(before) is not None and distant.values.fullmatch(after) is None


def _running_notes(changes: Sequence[Change]) -> Iterator[str]:
    for change in changes:
        if change.path == "streamJob.running" and change.old is not None:
            yield "the stream job is started" if change.new else "the stream job is stopped: no windows are made"


def _table_notes(changes: Sequence[Change]) -> Iterator[str]:
    """What becomes of a deployed window table; the release does the same (infra/release/sql/live_table.py)."""
    if any(change.path.startswith("migrations[") for change in changes):
        yield "a migration changes the deployed table"
        return
    misplaced = _misplaced(changes)
    if misplaced is None:
        yield "the columns come in another order: the release will refuse it without a migration"
    for change in changes:
        column = change.path.removeprefix("windowTable.columns.")
        if column == change.path:
            if change.path.startswith("windowTable.keys["):
                yield "the deployed table keeps its keys: they need a migration (infra/release/sql/schema.py)"
        elif column in (misplaced or ()):
            yield f"column {column} is not the last one: the release will refuse it (stream_queries/schema.py)"
        elif change.old is None and not _required(change.new):
            yield f"column {column} is added to the deployed table"
        elif change.new is None and not _required(change.old):
            yield f"column {column} stays in the deployed table"
        else:
            yield f"column {column}: the release will refuse it without a migration (infra/release/sql/schema.py)"


def _misplaced(changes: Sequence[Change]) -> Sequence[str] | None:
    """New columns that stand before deployed ones; None where deployed ones have changed places."""
    order = next((change for change in changes if change.path == "windowTable.order"), None)
    if order is None or order.old is None or order.new is None:
        return ()
    old, new = (str(names).split(", ") for names in (order.old, order.new))
    stay = [name for name in new if name in old]
    if stay != [name for name in old if name in new]:
        return None
    last = new.index(stay[-1]) if stay else -1
    return [name for name in new[:last] if name not in old]


def _required(column: Any) -> bool:
    return str(column).endswith("NOT NULL")
