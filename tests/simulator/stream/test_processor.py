"""The stream processor's outputs are the same however often it is stopped, and wherever in a step that happens."""

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from azure.eventhub import EventData

from simulator.devices.fleet_plan import FleetPlan
from simulator.devices.readings import fleet_events
from simulator.event_hubs import Hub, LoopbackEventHubs
from simulator.hub_clients.address import HubAddress
from simulator.hub_clients.replay_sender import replay
from simulator.stream.processor import Checkpoint, StreamProcessor
from stream_queries import query_file
from stream_queries.engine import Query
from stream_queries.errors import UserError
from stream_queries.time_policy import DEFAULT_TIME_POLICY
from tests.simulator.local_run.run_results import kill, outputs

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stream processor")]

PLAN = FleetPlan(devices=5, sensors=2, hours=1, malformed_rate=0.02, late_rate=0.01)
STEP = 100

PROCESSOR = """
import sys
from pathlib import Path
from simulator.hub_clients.address import HubAddress
from tests.simulator.stream.test_processor import processed
processed(HubAddress(connection_string=sys.argv[1]), Path(sys.argv[2]))
"""


def processed(address: HubAddress, out: Path) -> Checkpoint:
    query = Query.parse(query_file().read_text(), name="sensor_windows.asaql")
    processor = StreamProcessor(query, DEFAULT_TIME_POLICY, out=out, state=out / "state")
    try:
        return processor.run(address, size=STEP)
    finally:
        processor.close()


@pytest.fixture(scope="module")
def address():
    with LoopbackEventHubs([Hub("readings", 4, ("readings",))]) as hubs:
        place = HubAddress(connection_string=hubs.connection_string)
        replay(lambda: fleet_events(PLAN), place)
        yield place


@pytest.fixture(scope="module")
def undisturbed(address: HubAddress, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("undisturbed")
    done = processed(address, out)
    assert done.ended and done.step > 4 and done.events > PLAN.readings and done.undecodable > 0
    return outputs(out)


def test_a_second_pass_over_the_same_hub_changes_nothing(address: HubAddress, undisturbed: dict, tmp_path: Path):
    first = processed(address, tmp_path)
    assert processed(address, tmp_path) == first and outputs(tmp_path) == undisturbed


class StoppedError(Exception):
    """Stands for a kill at one exact point."""


@pytest.mark.parametrize(
    "point",
    [
        "simulator.stream.outputs.StreamOutputs.write",  # nothing of the step is written
        "stream_queries.window_store.WindowStore.insert",  # its files are, its windows are not
        "stream_queries.engine.StreamingQuery.save",  # all outputs are, the engine's state is not
        "simulator.stream.processor.Checkpoint.write",  # all is but the checkpoint
        "pathlib.Path.unlink",  # the step is done, the older state still there
    ],
)
def test_a_stop_at_any_point_of_any_step_costs_nothing(
    address: HubAddress, undisturbed: dict, tmp_path: Path, mocker, point: str
):
    for step in (1, 3):
        target = mocker.patch(point, autospec=True, side_effect=_stopping_at(step, mocker, point))
        with pytest.raises(StoppedError):
            processed(address, tmp_path)
        mocker.stop(target)
    processed(address, tmp_path)
    assert outputs(tmp_path) == undisturbed


def _stopping_at(step: int, mocker, point: str):
    """The real function for the first calls, then a stop."""
    module, owner, name = point.rsplit(".", 2)
    real = getattr(getattr(sys.modules[module], owner), name)
    calls = 0

    def act(*args: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls >= step:
            raise StoppedError
        return real(*args, **options)

    return act


def test_kills_at_random_moments_cost_nothing(address: HubAddress, undisturbed: dict, tmp_path: Path):
    moment = random.Random()
    command = [sys.executable, "-c", PROCESSOR, str(address.connection_string), str(tmp_path)]
    for _ in range(3):
        running = subprocess.Popen(command, cwd=Path(__file__).parents[3])
        time.sleep(moment.uniform(1, 4))  # when to kill, not a wait for anything
        kill(running.pid)
        running.wait()
    processed(address, tmp_path)
    assert outputs(tmp_path) == undisturbed


def test_events_after_the_end_was_processed_are_refused(tmp_path: Path):
    with LoopbackEventHubs([Hub("readings", 1, ("readings",))]) as hubs:
        place = HubAddress(connection_string=hubs.connection_string)
        plan = FleetPlan(devices=1, sensors=1, hours=0.1)
        replay(lambda: fleet_events(plan), place)
        assert processed(place, tmp_path).ended
        replay(lambda: fleet_events(FleetPlan(devices=1, sensors=1, hours=0.2)), place)
        with pytest.raises(UserError, match="has events that came after its end was processed"):
            processed(place, tmp_path)


def test_a_stop_while_closing_is_done_again_with_the_same_events(tmp_path: Path, mocker):
    """Windows that the closing step left half full must not be mixed with events that came since."""
    shorter, longer = (FleetPlan(devices=1, sensors=1, hours=hours) for hours in (0.1, 0.2))
    with LoopbackEventHubs([Hub("readings", 1, ("readings",))]) as hubs:
        place = HubAddress(connection_string=hubs.connection_string)
        replay(lambda: fleet_events(shorter), place)
        whole = processed(place, tmp_path / "whole")
        mocker.patch("stream_queries.engine.StreamingQuery.save", side_effect=StoppedError)
        with pytest.raises(StoppedError):
            processed(place, tmp_path / "cut")
        mocker.stopall()
        replay(lambda: fleet_events(longer), place)
        with pytest.raises(UserError, match="has events that came after its end was processed"):
            processed(place, tmp_path / "cut")
    assert outputs(tmp_path / "cut") == outputs(tmp_path / "whole")
    assert Checkpoint.read(tmp_path / "cut" / "state" / "checkpoint.json").events == whole.events


def test_files_of_a_step_that_was_never_committed_are_removed_and_others_stay(address: HubAddress, tmp_path: Path):
    done = processed(address, tmp_path)
    before = outputs(tmp_path)
    kept = tmp_path / "archive" / "notes.txt"
    odd = tmp_path / "rejects" / "step-x.jsonl.bak"
    for file in (kept, odd):
        file.write_text("mine")
    left = tmp_path / "rejects" / "2026" / f"step-{done.step + 1:06d}.jsonl"
    left.parent.mkdir(exist_ok=True)
    left.write_text("{}\n")
    processed(address, tmp_path)
    assert not left.exists() and kept.exists() and odd.exists()
    kept.unlink()
    odd.unlink()
    assert outputs(tmp_path) == before


def test_another_query_does_not_go_on_from_this_ones_state(address: HubAddress, tmp_path: Path, mocker):
    mocker.patch("simulator.stream.processor.Checkpoint.write", autospec=True, side_effect=_stopping_at_second(mocker))
    with pytest.raises(StoppedError):
        processed(address, tmp_path)
    mocker.stopall()
    text = query_file().read_text().replace("TumblingWindow(minute, 1)", "TumblingWindow(minute, 5)")
    other = Query.parse(text, name="other.asaql")
    with pytest.raises(UserError, match="written by another query text"):
        StreamProcessor(other, DEFAULT_TIME_POLICY, out=tmp_path, state=tmp_path / "state")


def _stopping_at_second(mocker):
    return _stopping_at(2, mocker, "simulator.stream.processor.Checkpoint.write")


@pytest.mark.parametrize("content", ["{", "{}", "[]", '{"position": 1}'])
def test_a_damaged_checkpoint_is_said_in_one_line(tmp_path: Path, content: str):
    file = tmp_path / "checkpoint.json"
    file.write_text(content)
    with pytest.raises(UserError, match=f"{file} is damaged"):
        Checkpoint.read(file)


def test_arrival_times_that_run_backwards_cost_nothing_when_a_stop_lies_between_them(tmp_path: Path, mocker):
    """An event without a replay's arrival time, then a replay of the past: the first sets the partition's clock."""
    with LoopbackEventHubs([Hub("readings", 1, ("readings",))]) as hubs:
        place = HubAddress(connection_string=hubs.connection_string)
        with place.producer() as producer:
            batch = producer.create_batch(partition_id="0")
            for _ in range(STEP):
                batch.add(EventData(b'{"live": true}'))
            for second in range(3 * STEP):
                event = EventData(b'{"replayed": true}')
                event.properties = {"arrived_at": f"2018-08-29T00:{second // 60:02d}:{second % 60:02d}Z"}
                batch.add(event)
            producer.send_batch(batch)
        processed(place, tmp_path / "whole")
        point = "simulator.stream.processor.Checkpoint.write"
        mocker.patch(point, autospec=True, side_effect=_stopping_at(3, mocker, point))
        with pytest.raises(StoppedError):
            processed(place, tmp_path / "cut")
        mocker.stopall()
        processed(place, tmp_path / "cut")
    assert outputs(tmp_path / "cut") == outputs(tmp_path / "whole")
