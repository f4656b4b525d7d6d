"""What differs between two trees' deployments of one stack: resources, and what the release would publish."""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from simulator.azure.engine import Change, Engine, EngineError, Result, Step
from simulator.azure.engine.steps import differences, flat
from simulator.azure.preview.masking import Masks
from simulator.azure.provider import serve
from simulator.azure.subscription import Subscription

Kind = Literal["replaced", "deleted", "changed", "added"]

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

RECORD = "pulumi:index:Stash"
"""What the release would do again is kept in records: their inputs are all that the work depends on."""

_KINDS: Mapping[str, Kind] = {
    "replace": "replaced",
    "delete": "deleted",
    "update": "changed",
    "create": "added",
    "import": "added",
}
_ORDER: tuple[Kind, ...] = ("replaced", "deleted", "changed", "added")


@dataclass(frozen=True)
class ResourceChange:
    """One resource that does not stay as it is.

    `properties` are all of an added resource's, none of a deleted one's. `lost` is the data that goes with it, ""
    where none does. A `protected` resource cannot be deleted: the deployment would be refused.
    """

    kind: Kind
    type: str
    name: str
    properties: tuple[Change, ...]
    lost: str = ""
    protected: bool = False


@dataclass(frozen=True)
class Comparison:
    """The difference that a deployment of the working tree would make; `records` are what would be published."""

    stack: str
    base: str
    resources: tuple[ResourceChange, ...]
    records: tuple[ResourceChange, ...]
    unchanged: int
    warnings: tuple[str, ...] = ()

    @property
    def loses_data(self) -> bool:
        """Whether a resource that holds data would be deleted or replaced."""
        return any(change.lost for change in self.resources)

    @property
    def changes(self) -> bool:
        """Whether anything would change."""
        return bool(self.resources or self.records)

    def summary(self) -> str:
        """One line that counts."""
        counts = {kind: sum(change.kind == kind for change in self.resources) for kind in reversed(_ORDER)}
        said = [f"{count} {kind}" for kind, count in counts.items() if count]
        if self.records:
            said.append(f"{len(self.records)} to publish")
        lost = sum(bool(change.lost) for change in self.resources)
        warning = f"; DATA LOSS in {lost} of them" if lost else ""
        return f"{', '.join(said) or 'no changes'}{warning}; {self.unchanged} unchanged"


class TreeError(Exception):
    """The program of one of the trees could not be run; the text says which one and why."""


def compare(
    base: Path | None,
    head: Path,
    stack: str,
    *,
    base_name: str = "the base",
    on_step: Callable[[str], None] | None = None,
) -> Comparison:
    """Deploy `base` to a simulated subscription of its own, and preview `head` against it.

    Without a base everything is new. The release's hooks do nothing: there is nothing here to publish to.
    """

    def step(*_: str) -> None:
        if on_step is not None:
            on_step(stack)

    with tempfile.TemporaryDirectory(prefix="preview-") as folder, serve(Subscription()) as port:
        place = Path(folder)
        with Engine(head, place, port, stack=stack, hooks=False, on_step=step) as engine:
            engine.start()  # its imports take as long as the deployment of the base
            protected = frozenset[str]()
            if base is not None:
                _deploy(base, place, port, stack, base_name, step)
                protected = _unprotect(engine)
            try:
                result = engine.preview()
            except EngineError as error:
                raise TreeError(f"the working tree cannot be previewed: {error}") from error
    return read_comparison(result, stack, base_name, protected)


def _deploy(
    base: Path, folder: Path, port: int, stack: str, base_name: str, on_step: Callable[[str, str, str], None]
) -> None:
    with Engine(base, folder, port, stack=stack, hooks=False, on_step=on_step) as engine:
        try:
            engine.up()
        except EngineError as error:
            raise TreeError(f"{base_name} cannot be deployed: {error}") from error


def _unprotect(engine: Engine) -> frozenset[str]:
    """Take the protection off all resources, so that the engine says what would become of them; return their URNs."""
    state = json.loads(engine.export_stack())
    protected = [one for one in state["checkpoint"]["latest"].get("resources", []) if one.pop("protect", False)]
    engine.import_stack(json.dumps(state))
    return frozenset(one["urn"] for one in protected)


def read_comparison(result: Result, stack: str, base_name: str, protected: frozenset[str] = frozenset()) -> Comparison:
    """What a preview's steps mean to a reviewer; components and providers, which Azure does not know, are left out."""
    masks = Masks.of(result.steps)
    steps = [step for step in result.steps if step.custom and (step.type == RECORD or not _is_pulumis(step))]
    changes = {
        kind: [_change(step, kind, masks, protected) for step in steps if _KINDS.get(step.operation) == kind]
        for kind in _ORDER
    }
    ordered = [change for kind in _ORDER for change in sorted(changes[kind], key=lambda one: (one.type, one.name))]
    return Comparison(
        stack=stack,
        base=base_name,
        resources=tuple(change for change in ordered if change.type != RECORD),
        records=tuple(change for change in ordered if change.type == RECORD and change.kind != "deleted"),
        unchanged=sum(step.operation == "same" for step in steps),
        warnings=tuple(dict.fromkeys(str(one).strip() for one in result.messages if one.severity == "warning")),
    )


def _is_pulumis(step: Step) -> bool:
    return step.type.startswith("pulumi:")


def _change(step: Step, kind: Kind, masks: Masks, protected: frozenset[str]) -> ResourceChange:
    type_ = step.type.removeprefix("azure-native:")
    goes = kind in ("replaced", "deleted")
    return ResourceChange(
        kind=kind,
        type=type_,
        name=masks.apply(step.name),
        properties=tuple(_properties(step, kind, masks)),
        lost=HOLDS_DATA.get(type_, "") if goes else "",
        protected=goes and step.urn in protected,
    )


def _properties(step: Step, kind: Kind, masks: Masks) -> list[Change]:
    if step.type == RECORD:
        before, after = (_input(inputs) for inputs in (step.old_inputs, step.new_inputs))
        found = [Change(*one) for one in differences(before, after)]
    elif kind == "added":
        found = [Change(path, None, value) for path, value in flat(step.new_inputs)]
    else:
        found = list(step.changes) if kind != "deleted" else []
    masked = [Change(one.path, masks.apply(one.old), masks.apply(one.new), one.replaces) for one in found]
    shown = [one for one in masked if not one.path.startswith("__") and (one.old != one.new or one.replaces)]
    return sorted(shown, key=lambda one: one.path)


def _input(inputs: Mapping[str, Any]) -> Any:
    return inputs.get("input", {})
