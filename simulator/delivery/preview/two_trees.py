"""Two trees of one stack: the one is deployed to a simulated subscription, the other previewed against it."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from simulator.azure.engine import Engine, EngineError
from simulator.azure.provider import serve
from simulator.azure.subscription import Subscription
from simulator.delivery.preview.comparison import Comparison, Finding, read_comparison
from simulator.delivery.preview.consequences.fleets_compared import fleet_change
from simulator.delivery.preview.consequences.settings_compared import ChangedSetting, changed_settings

SETTINGS_TRIED = 12
"""How many changed settings are tried out one by one, each by a preview of its own."""


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

    Without a base everything is new. What the base deploys may have been made at any time. The release's hooks do
    nothing: there is nothing here to publish to.
    """

    def step(*_: str) -> None:
        if on_step is not None:
            on_step(stack)

    with tempfile.TemporaryDirectory(prefix="preview-") as folder, serve(Subscription(today=None)) as port:
        place = Path(folder)
        with Engine(head, place, port, stack=stack, hooks=False, on_step=step) as engine:
            engine.start()  # its imports take as long as the deployment of the base
            protected = frozenset[str]()
            if base is not None:
                _deploy(base, place, port, stack, base_name, step)
                protected = unprotect(engine)
            try:
                comparison = read_comparison(engine.preview(), stack, base_name, protected)
            except EngineError as error:
                raise TreeError(f"the working tree cannot be previewed: {error}") from error
            if base is None:
                return comparison
            settings = changed_settings(base, head, stack)
            findings = list(without_effect(engine, settings, comparison, protected))
    fleet = fleet_change(base, head, stack)
    return comparison.with_findings([*([Finding("fleet", fleet)] if fleet else []), *findings])


def without_effect(
    engine: Engine, settings: Sequence[ChangedSetting], comparison: Comparison, protected: frozenset[str] = frozenset()
) -> Iterator[Finding]:
    """The settings by which nothing differs: with each of them undone, the preview says the same."""
    if comparison.changes and len(settings) > SETTINGS_TRIED:
        left = len(settings) - SETTINGS_TRIED
        yield Finding("setting", f"{left} of {len(settings)} changed settings were not tried out for an effect")
        settings = settings[:SETTINGS_TRIED]
    for setting in settings:
        if comparison.changes and _differs(engine, setting, comparison, protected):
            continue
        yield Finding("setting", f"{setting}: without effect on any resource or publication")


def _differs(engine: Engine, setting: ChangedSetting, comparison: Comparison, protected: frozenset[str]) -> bool:
    try:
        result = engine.preview(settings={setting.section: setting.undone})
    except EngineError:  # it is needed by another one
        return True
    return read_comparison(result, comparison.stack, comparison.base, protected) != comparison


def _deploy(
    base: Path, folder: Path, port: int, stack: str, base_name: str, on_step: Callable[[str, str, str], None]
) -> None:
    with Engine(base, folder, port, stack=stack, hooks=False, on_step=on_step) as engine:
        try:
            engine.up()
        except EngineError as error:
            raise TreeError(f"{base_name} cannot be deployed: {error}") from error


def unprotect(engine: Engine) -> frozenset[str]:
    """Take the protection off all resources, so that the engine says what would become of them; return their URNs."""
    state = json.loads(engine.export_stack())
    protected = [one for one in state["checkpoint"]["latest"].get("resources", []) if one.pop("protect", False)]
    engine.import_stack(json.dumps(state))
    return frozenset(one["urn"] for one in protected)
