"""How long each kind of resource keeps what it holds, and what goes when that becomes shorter.

Azure deletes what is older than a shortened time by itself, soon after and without asking: to a reviewer that is the
same as a resource that goes. What is kept longer, or for the first time, loses nothing.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.azure.engine.steps import flat, value_at

DEFAULT_BACKUP_DAYS = 7
"""Where a database has no policy for its backups.

Source: https://learn.microsoft.com/azure/azure-sql/database/automated-backups-overview"""

WINDOW_DAYS = "windowDays"
"""The key, in a record, of how long the release keeps windows."""


@dataclass(frozen=True)
class Kept:
    """What is kept, and how long: infinitely where nothing deletes it, 0 where it is not kept at all."""

    what: str
    time: float
    unit: str = "days"


def shortened(
    type_: str, old: Mapping[str, Any], new: Mapping[str, Any], new_names: frozenset[str] = frozenset()
) -> Iterator[str]:
    """What would be lost, in a few words each, if a resource's inputs became `new`.

    `new_names` are those of accounts and containers that the same deployment makes: nothing is in them yet.
    """
    before = {kept.what: kept for kept in _kept(type_, old)}
    for after in _kept(type_, new):
        container = after.what.rpartition(" ")[2].partition("/")[0]
        was = before.get(after.what, Kept(after.what, math.inf))
        if after.time < was.time and not {value_at(new, "accountName"), container} & new_names:
            goes = f"{after.what} older than {after.time:g} {after.unit}" if after.time else f"all {after.what}"
            yield f"{goes}, kept {'for ever' if math.isinf(was.time) else f'{was.time:g} {was.unit}'} until now"


def _kept(type_: str, inputs: Mapping[str, Any]) -> Iterable[Kept]:
    """Where there is more than one rule for one thing, the shortest counts; a time that is not known yet does not."""
    reader = _READERS.get(type_)
    found: dict[str, Kept] = {}
    for kept in reader(inputs) if reader else ():
        if isinstance(kept.time, int | float) and (kept.what not in found or kept.time < found[kept.what].time):
            found[kept.what] = kept
    return found.values()


def _events(inputs: Mapping[str, Any]) -> Iterator[Kept]:
    hours = value_at(inputs, "retentionDescription.retentionTimeInHours")
    yield Kept("events", 24 * inputs.get("messageRetentionInDays", 1) if hours is None else hours, "hours")


def _blobs_by_age(inputs: Mapping[str, Any]) -> Iterator[Kept]:
    for rule in value_at(inputs, "policy.rules") or ():
        if rule.get("enabled") is False:
            continue
        actions = value_at(rule, "definition.actions") or {}
        for prefix in value_at(rule, "definition.filters.prefixMatch") or ("every container",):
            for action, what in (("baseBlob", "blobs"), ("version", "old versions"), ("snapshot", "snapshots")):
                for days in (value_at(actions, f"{action}.delete") or {}).values():
                    yield Kept(f"{what} in {prefix}", days)


def _deleted_blobs(inputs: Mapping[str, Any]) -> Iterator[Kept]:
    for policy, what in (("deleteRetentionPolicy", "blobs"), ("containerDeleteRetentionPolicy", "containers")):
        days = value_at(inputs, f"{policy}.days") if value_at(inputs, f"{policy}.enabled") else 0
        yield Kept(f"deleted {what}", 0 if days is None else days)
    yield Kept("overwritten blobs", math.inf if inputs.get("isVersioningEnabled") else 0)


def _windows(inputs: Mapping[str, Any]) -> Iterator[Kept]:
    for path, days in flat(inputs):
        if path.rpartition(".")[2] == WINDOW_DAYS:
            yield Kept("windows", days or math.inf)


def _days(what: str, path: str, *, default: float = math.inf) -> Callable[[Mapping[str, Any]], Iterator[Kept]]:
    """A type that keeps one thing for as many days as stand at `path`."""

    def read(inputs: Mapping[str, Any]) -> Iterator[Kept]:
        days = value_at(inputs, path)
        yield Kept(what, default if days is None else days)

    return read


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Kept]]] = {
    "applicationinsights:Component": _days("telemetry", "retentionInDays"),
    "eventhub:EventHub": _events,
    "keyvault:Vault": _days("deleted secrets", "properties.softDeleteRetentionInDays", default=90),
    "operationalinsights:Workspace": _days("logs", "retentionInDays", default=30),
    "pulumi:index:Stash": _windows,
    "sql:BackupShortTermRetentionPolicy": _days("restore points", "retentionDays", default=DEFAULT_BACKUP_DAYS),
    "storage:BlobServiceProperties": _deleted_blobs,
    "storage:ManagementPolicy": _blobs_by_age,
}
