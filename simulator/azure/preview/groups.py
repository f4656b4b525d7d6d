"""Resources with the same change in one block: another region or another tag says the same of dozens of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from simulator.azure.engine import Change
from simulator.azure.preview.comparison import DATA_LOSS, Kind, ResourceChange, listed
from simulator.azure.preview.masking import KNOWN_LATER

FEWEST = 5
"""How many resources are shown together; fewer are shown one by one."""


@dataclass(frozen=True)
class Group:
    """Resources of which the same becomes; `properties` are what differs in them by itself."""

    kind: Kind
    members: tuple[ResourceChange, ...]
    properties: tuple[Change, ...]

    @property
    def title(self) -> str:
        """How many there are."""
        return f"{len(self.members)} resources alike"

    def names(self) -> list[str]:
        """Which ones, in one line."""
        counts = Counter(member.type for member in self.members)
        named = {member.type: member.title for member in self.members}
        return [", ".join(f"{count} {type_}" if count > 1 else named[type_] for type_, count in sorted(counts.items()))]

    def warnings(self) -> list[str]:
        """What is to be read first, each once with those it is said of."""
        said: dict[str, list[str]] = defaultdict(list)
        for member in self.members:
            for warning in member.warnings():
                said[warning].append(member.title)
        gravest = sorted(said, key=lambda warning: not warning.startswith(DATA_LOSS))
        return [f"{warning} ({listed(said[warning])})" for warning in gravest]


def grouped(changes: Sequence[ResourceChange]) -> Iterator[ResourceChange | Group]:
    """The changes in their order, those that are alike at the place of their first.

    What is replaced only because of others that are, has nothing of its own and goes with the largest group.
    """
    alike: dict[tuple[Kind, tuple[Change, ...]], list[ResourceChange]] = defaultdict(list)
    for change in changes:
        alike[change.kind, _own(change.properties)].append(change)
    replaced = {own: members for (kind, own), members in alike.items() if kind == "replaced" and own}
    followers = alike.get(("replaced", ()), [])
    if replaced and len(followers) >= FEWEST:
        largest = max(replaced, key=lambda own: len(replaced[own]))
        if len(replaced[largest]) >= FEWEST:
            alike["replaced", largest] += alike.pop(("replaced", ()))
    groups = {
        id(member): Group(kind, tuple(members), own)
        for (kind, own), members in alike.items()
        if len(members) >= FEWEST and kind in ("replaced", "changed")
        for member in members
    }
    shown: set[Group] = set()
    for change in changes:
        group = groups.get(id(change))
        if group is None:
            yield change
        elif group not in shown:
            shown.add(group)
            yield group


def _own(properties: Iterable[Change]) -> tuple[Change, ...]:
    """What differs without following from another resource; whether it replaces depends on the type alone."""
    return tuple(Change(one.path, one.old, one.new) for one in properties if one.new not in (KNOWN_LATER, one.old))
