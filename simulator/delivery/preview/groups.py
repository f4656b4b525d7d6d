"""Resources with the same change in one block: another region or another tag says the same of dozens of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from simulator.azure.engine import Change
from simulator.delivery.preview.comparison import DATA_LOSS, Kind, ResourceChange, listed
from simulator.delivery.preview.masking import KNOWN_LATER

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
    alike: dict[tuple[Kind, str], list[ResourceChange]] = defaultdict(list)
    for change in changes:
        alike[change.kind, _key(change)].append(change)
    replaced = [key for key in alike if key[0] == "replaced" and key[1]]
    followers = alike.get(("replaced", ""), [])
    if replaced and len(followers) >= FEWEST:
        largest = max(replaced, key=lambda key: len(alike[key]))
        if len(alike[largest]) >= FEWEST:
            # Those with something of their own first: it is what the group shows.
            alike[largest] += alike.pop(("replaced", ""))
    groups: dict[int, Group] = {}
    for (kind, _), members in alike.items():
        if len(members) >= FEWEST and kind in ("replaced", "changed"):
            group = Group(kind, tuple(members), _own(members[0].properties))
            groups |= dict.fromkeys(map(id, members), group)
    shown: set[int] = set()
    for change in changes:
        group = groups.get(id(change))
        if group is None:
            yield change
        elif id(group) not in shown:
            shown.add(id(group))
            yield group


def _key(change: ResourceChange) -> str:
    """The same text for changes that are alike, "" for one with nothing of its own."""
    own = _own(change.properties)
    return repr(own) if own else ""


def _own(properties: Iterable[Change]) -> tuple[Change, ...]:
    """What differs without following from another resource; whether it replaces depends on the type alone."""
    return tuple(Change(one.path, one.old, one.new) for one in properties if one.new not in (KNOWN_LATER, one.old))
