"""Which series have a model in one tree's fleet and none in the other's."""

from pathlib import Path

from scoring.cluster.model.fleet import Fleet
from scoring.cluster.model.series import Series
from scoring.publish.pipeline import DEFAULT_FLEET_PLACE
from simulator.delivery.preview.consequences.settings_compared import stack_settings
from stream_queries.errors import UserError

NAMED = 10
"""How many series are named; the rest is counted."""


def fleet_change(base: Path, head: Path, stack: str) -> str:
    """One line on series that lose or gain their model, or on why that cannot be told; "" where none does.

    Nothing is said of a new fleet that cannot be read: the tree's program says that, and why.
    """
    try:
        after = _series(head, stack)
    except UserError:
        return ""
    try:
        before = _series(base, stack)
    except UserError as error:
        where = str(error).replace(f"{base}/", "")
        return (
            f"{len(after):,} series have a model; the fleet until now cannot be read, so nothing is compared: {where}"
        )
    lost, gained = sorted(before - after), sorted(after - before)
    if not lost and not gained:
        return ""
    parts = [f"{len(after):,} series have a model, {len(before):,} until now"]
    if lost:
        parts.append(f"no longer scored: {_listed(lost)}")
    if gained:
        parts.append(f"new: {_listed(gained)}")
    return "; ".join(parts)


def _series(tree: Path, stack: str) -> set[Series]:
    release = stack_settings(tree, stack).get("release")
    folder = release.get("fleet") if isinstance(release, dict) else None
    fleet = Fleet.open(tree / (folder or DEFAULT_FLEET_PLACE))
    return {series for shard in range(fleet.shards) for series in fleet.read_shard(shard)}


def _listed(series: list[Series]) -> str:
    named = ", ".join("/".join(one) for one in series[:NAMED])
    return f"{named} and {len(series) - NAMED:,} more" if len(series) > NAMED else named
