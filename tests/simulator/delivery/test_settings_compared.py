"""Which settings and which fleet differ between two trees, and what of it has no effect."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scoring.models.fleet_writer import FleetWriter
from simulator.azure.engine import Change, Engine, EngineError, Result, Step
from simulator.delivery.preview.comparison import Comparison, read_comparison
from simulator.delivery.preview.consequences.fleets_compared import NAMED, fleet_change
from simulator.delivery.preview.consequences.settings_compared import changed_settings
from simulator.delivery.preview.two_trees import SETTINGS_TRIED, without_effect
from tests.scoring.samples import some_model

BASE = """
config:
  batch-scoring:region: westeurope
  batch-scoring:ingest: {partitions: 4, throughputUnits: 2}
  batch-scoring:stream: {running: true}
"""
HEAD = """
config:
  batch-scoring:region: northeurope
  batch-scoring:ingest: {partitions: 8, throughputUnits: 4}
  batch-scoring:release: {retries: 3}
"""


def stack(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "Pulumi.dev.yaml").write_text(text)
    return folder


def test_settings_are_compared_key_by_key_and_each_can_be_undone_alone(tmp_path: Path):
    changes = changed_settings(stack(tmp_path / "base", BASE), stack(tmp_path / "head", HEAD), "dev")
    assert {str(change): (change.section, change.undone) for change in changes} == {
        "ingest.partitions: 4 → 8": ("ingest", {"partitions": 4, "throughputUnits": 4}),
        "ingest.throughputUnits: 2 → 4": ("ingest", {"partitions": 8, "throughputUnits": 2}),
        'region: "westeurope" → "northeurope"': ("region", "westeurope"),
        "release.retries: (none) → 3": ("release", None),
        "stream.running: true → (none)": ("stream", {"running": True}),
    }


class Previews(Engine):
    """Previews a program by which only the partitions and the region make a difference."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []

    def preview(self, *, settings: Mapping[str, Any] | None = None, **options: Any) -> Result:
        self.asked.append(settings or {})
        if (settings or {}).get("region") == "westeurope":
            raise EngineError("refused", Result("preview", (), {}, (), (), 0.0))
        partitions = (settings or {}).get("ingest", {"partitions": 8}).get("partitions")
        change = Change("partitionCount", 4, partitions)
        urn = "urn:pulumi:dev::p::azure-native:eventhub:EventHub::hub"
        hub = Step("update", urn, "azure-native:eventhub:EventHub", "done", (change,))
        return Result("preview", (hub,), {}, (), (), 0.0)


def test_settings_that_change_nothing_are_named(tmp_path: Path):
    engine = Previews()
    changes = changed_settings(stack(tmp_path / "base", BASE), stack(tmp_path / "head", HEAD), "dev")
    found = without_effect(engine, changes, read_comparison(engine.preview(), "dev", "the base"))
    assert [finding.text for finding in found] == [
        "ingest.throughputUnits: 2 → 4: without effect on any resource or publication",
        "release.retries: (none) → 3: without effect on any resource or publication",
        "stream.running: true → (none): without effect on any resource or publication",
    ]


def test_where_nothing_changes_no_setting_is_tried_out(tmp_path: Path):
    engine = Previews()
    changes = changed_settings(stack(tmp_path / "base", BASE), stack(tmp_path / "head", HEAD), "dev")
    nothing = Comparison("dev", "the base", (), (), unchanged=7)
    assert len(list(without_effect(engine, changes, nothing))) == len(changes) and engine.asked == []


def test_many_settings_are_not_all_tried_out_and_that_is_said(tmp_path: Path):
    engine, many = Previews(), "".join(f"  batch-scoring:key{index}: 1\n" for index in range(SETTINGS_TRIED + 3))
    changes = changed_settings(stack(tmp_path / "base", BASE), stack(tmp_path / "head", f"{BASE}{many}"), "dev")
    comparison = read_comparison(engine.preview(), "dev", "the base")
    first, *rest = without_effect(engine, changes, comparison)
    assert first.text == f"3 of {SETTINGS_TRIED + 3} changed settings were not tried out for an effect"
    assert len(rest) == SETTINGS_TRIED == len(engine.asked) - 1


# ---- Fleets
def fleet(tree: Path, sensors: range, folder: str = "scoring/models/fleets/default") -> Path:
    writer = FleetWriter(origin={})
    for number in sensors:
        writer.add(("plant", f"s{number:02}"), some_model())
    writer.write(tree / folder)
    return tree


def test_series_that_lose_and_gain_their_model_are_named(tmp_path: Path):
    base, head = fleet(tmp_path / "base", range(15)), fleet(tmp_path / "head", range(1, 15))
    told = fleet_change(base, head, "dev")
    assert told == "14 series have a model, 15 until now; no longer scored: plant/s00"
    assert fleet_change(head, base, "dev") == "15 series have a model, 14 until now; new: plant/s00"
    assert fleet_change(base, base, "dev") == ""


def test_of_many_lost_series_the_first_are_named(tmp_path: Path):
    base, head = fleet(tmp_path / "base", range(40)), fleet(tmp_path / "head", range(1))
    assert fleet_change(base, head, "dev").endswith(f"plant/s{NAMED:02} and {39 - NAMED} more")


def test_the_fleet_is_the_one_of_the_stacks_settings(tmp_path: Path):
    base, head = fleet(tmp_path / "base", range(3)), fleet(tmp_path / "head", range(3))
    stack(fleet(head, range(2), "out/other"), "config: {'batch-scoring:release': {fleet: out/other}}")
    assert fleet_change(base, head, "dev") == "2 series have a model, 3 until now; no longer scored: plant/s02"
    assert fleet_change(base, head, "prod") == ""


def test_a_tree_without_a_fleet_is_left_to_its_program(tmp_path: Path):
    base = fleet(tmp_path / "base", range(3))
    assert fleet_change(base, tmp_path, "dev") == ""
    told = "3 series have a model; the fleet until now cannot be read, so nothing is compared: "
    assert fleet_change(tmp_path, base, "dev").startswith(told)
