"""What differs between two deployments of one stack: resources, and what the release would publish."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from simulator.azure.engine import Change, Result, Step
from simulator.azure.engine.steps import differences, flat
from simulator.delivery.preview.consequences import consequences
from simulator.delivery.preview.consequences.consequences import RECORD, Context
from simulator.delivery.preview.masking import Masks

Kind = Literal["replaced", "deleted", "changed", "added"]

_KINDS: Mapping[str, Kind] = {
    "replace": "replaced",
    "delete": "deleted",
    "update": "changed",
    "create": "added",
    "import": "added",
}
DATA_LOSS = "DATA LOSS"

NAMED = 5
"""How many resources a line names; the rest is counted."""

_ORDER: tuple[Kind, ...] = ("replaced", "deleted", "changed", "added")


@dataclass(frozen=True)
class ResourceChange:
    """One resource that does not stay as it is.

    `properties` are all of an added resource's, none of a deleted one's. `lost` is the data that goes with it, ""
    where none does; `notes` say what happens besides. A `protected` resource cannot be deleted: the deployment would be
    refused.
    """

    kind: Kind
    type: str
    name: str
    properties: tuple[Change, ...]
    lost: str = ""
    protected: bool = False
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Type and name."""
        return f"{self.type} {self.name}"

    def warnings(self) -> list[str]:
        """Everything that is to be read before the properties, the gravest first."""
        lost = [f"{DATA_LOSS}: {self.lost}"] if self.lost else []
        refused = "protected: the deployment would be refused until the protection is taken off"
        return [*lost, *([refused] if self.protected else []), *self.notes]


@dataclass(frozen=True)
class Finding:
    """What is to be known of the deployment as a whole, in one line, and what it is about."""

    about: Literal["protection", "fleet", "setting"]
    text: str


@dataclass(frozen=True)
class Comparison:
    """The difference that a deployment of the working tree would make; `records` are what would be published."""

    stack: str
    base: str
    resources: tuple[ResourceChange, ...]
    records: tuple[ResourceChange, ...]
    unchanged: int
    warnings: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def loses_data(self) -> bool:
        """Whether something that holds data would be deleted or replaced, or would keep it for a shorter time."""
        return any(change.lost for change in (*self.resources, *self.records))

    @property
    def changes(self) -> bool:
        """Whether anything would change, or is to be known."""
        return bool(self.resources or self.records or self.findings)

    def with_findings(self, findings: Iterable[Finding]) -> "Comparison":
        """The same, with more that is to be known."""
        return replace(self, findings=(*self.findings, *findings))

    def summary(self) -> str:
        """One line that counts."""
        counts = {kind: sum(change.kind == kind for change in self.resources) for kind in reversed(_ORDER)}
        said = [f"{count} {kind}" for kind, count in counts.items() if count]
        if self.records:
            said.append(f"{len(self.records)} to publish")
        lost = sum(bool(change.lost) for change in (*self.resources, *self.records))
        warning = f"; {DATA_LOSS} in {lost} of them" if lost else ""
        found = len(self.findings)
        more = f"; {found} thing{'s' if found > 1 else ''} to know" if found else ""
        return f"{', '.join(said) or 'no changes'}{warning}{more}; {self.unchanged} unchanged"


def read_comparison(result: Result, stack: str, base_name: str, protected: frozenset[str] = frozenset()) -> Comparison:
    """What a preview's steps mean to a reviewer; components and providers, which Azure does not know, are left out."""
    masks, context = Masks.of(result.steps), Context.of(result.steps)
    steps = [step for step in result.steps if step.custom and (step.type == RECORD or not _is_pulumis(step))]
    changes = {
        kind: [_change(step, kind, masks, context, protected) for step in steps if _KINDS.get(step.operation) == kind]
        for kind in _ORDER
    }
    ordered = [change for kind in _ORDER for change in sorted(changes[kind], key=lambda one: (one.type, one.name))]
    return Comparison(
        stack=stack,
        base=base_name,
        resources=tuple(change for change in ordered if change.type != RECORD),
        records=tuple(change for change in ordered if change.type == RECORD and change.kind != "deleted"),
        unchanged=sum(step.operation == "same" for step in steps),
        findings=tuple(_protection(steps, protected)),
        warnings=tuple(dict.fromkeys(str(one).strip() for one in result.messages if one.severity == "warning")),
    )


def _is_pulumis(step: Step) -> bool:
    return step.type.startswith("pulumi:")


def _protection(steps: Sequence[Step], protected: frozenset[str]) -> Iterable[Finding]:
    """Protection is no property of a resource in Azure, so nothing else shows that it comes or goes."""
    stay = [step for step in steps if step.operation in ("same", "update")]
    off = [step.title for step in stay if step.urn in protected and not step.protect]
    on = [step.title for step in stay if step.urn not in protected and step.protect]
    if off:
        yield Finding("protection", f"protection is taken off, so that they may be deleted: {listed(off)}")
    if on:
        yield Finding("protection", f"protection is put on: {listed(on)}")


def listed(titles: Sequence[str]) -> str:
    """The first of them in the order of the alphabet, and how many more there are."""
    return ", ".join(sorted(titles)[:NAMED]) + (f" and {len(titles) - NAMED} more" if len(titles) > NAMED else "")


def _change(step: Step, kind: Kind, masks: Masks, context: Context, protected: frozenset[str]) -> ResourceChange:
    properties = _properties(step, kind, masks)
    return ResourceChange(
        kind=kind,
        type=step.type.removeprefix("azure-native:"),
        name=masks.apply(step.name),
        properties=tuple(properties),
        lost=consequences.lost(step, kind, context),
        protected=kind in ("replaced", "deleted") and step.urn in protected,
        notes=tuple(consequences.notes(step, kind, properties, context)),
    )


def _properties(step: Step, kind: Kind, masks: Masks) -> list[Change]:
    if step.type == RECORD:
        before, after = (_input(inputs) for inputs in (step.old_inputs, step.new_inputs))
        found = [Change(*one) for one in differences(before, after)]
    elif kind == "added":
        found = [Change(path, None, value) for path, value in flat(step.new_inputs)]
    else:
        found = [leaf for one in step.changes for leaf in _leaves(one)] if kind != "deleted" else []
    masked = [Change(one.path, masks.apply(one.old), masks.apply(one.new), one.replaces) for one in found]
    shown = [one for one in masked if not one.path.startswith("__") and (one.old != one.new or one.replaces)]
    return sorted(shown, key=lambda one: one.path)


def _leaves(change: Change) -> Iterable[Change]:
    """What differs inside a value that the engine compares as a whole, as it may a template: each text by itself."""
    if isinstance(change.old, Mapping | list) and type(change.old) is type(change.new) and change.old != change.new:
        return [Change(*leaf, change.replaces) for leaf in differences(change.old, change.new, change.path)]
    return [change]


def _input(inputs: Mapping[str, Any]) -> Any:
    return inputs.get("input", {})
