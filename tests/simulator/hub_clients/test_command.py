"""`simulator send`: what it refuses, and what it says when it is done."""

import argparse
import re
from collections import Counter
from pathlib import Path

import pytest

from simulator.devices.events import EventKind
from simulator.event_hubs import Hub, LoopbackEventHubs
from simulator.hub_clients.command import configure, run
from stream_queries.command import run_command

TARGET = ["--connection-string", "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b"]


def send(*words: str) -> int:
    parser = argparse.ArgumentParser()
    configure(parser)
    return run_command("simulator send", lambda: run(parser.parse_args(words)))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no target: give --connection-string or --namespace"),
        ([*TARGET, "--namespace", "x.servicebus.windows.net"], "two targets"),
        ([*TARGET, "--hub", ""], "the hub has no name"),
        (["--connection-string", "nonsense"], "--connection-string is unreadable"),
        ([*TARGET, "--rate", "0"], "--rate is 0: give a number above 0"),
        ([*TARGET, "--rate", "nan"], "--rate is nan: give a number above 0"),
        ([*TARGET, "--speed", "-1"], "--speed is -1: give a number above 0"),
        ([*TARGET, "--speed", "2", "--rate", "3"], "--speed and --rate exclude each other"),
        ([*TARGET, "--replay", "--speed", "2"], "--speed and --replay exclude each other"),
        ([*TARGET, "--reference", "--csv", "a.csv"], "--csv and --reference exclude each other"),
        ([*TARGET, "--reference", "--seed", "0"], "--reference and --seed exclude each other"),
        ([*TARGET, "--csv", "missing.csv"], "cannot read missing.csv"),
        ([*TARGET, "--devices", "0"], "devices is 0: give a whole number from 1"),
        ([*TARGET, "--late-rate", "2"], "late_rate is 2.0: give a number from 0 to 0.5"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert send(*words) == 2
    error = capsys.readouterr().err
    assert message in error and error.startswith("simulator send: ")
    assert error.count("\n") == 1


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize("pace", [[], ["--replay"]])
def test_a_hub_that_cannot_be_reached_is_said_in_one_line(pace: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    words = [*TARGET[:1], TARGET[1] + ";UseDevelopmentEmulator=true", "--reference", *pace]
    assert send(*words) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(r"simulator send: cannot .* hub readings at 127\.0\.0\.1:1: .*refused\n", error)


@pytest.mark.slow
def test_a_replay_of_a_recording_ends_with_what_was_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "few.csv"
    path.write_text("TS,Device,Sensor,Value\n2026-01-01,1,1,1\n2026-01-01,1,2,2\n")
    with LoopbackEventHubs([Hub("other", 1)]) as hub:
        words = ["--connection-string", hub.connection_string, "--hub", "other", "--csv", str(path), "--replay"]
        assert send(*words) == 0
        assert capsys.readouterr().out == f"sent 2 events to hub other at 127.0.0.1:{hub.port}: 2 reading\n"


def test_a_rate_sets_how_many_readings_are_sent_a_second(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    speeds = []

    def record(*_args: object, speed: float) -> Counter[EventKind]:
        speeds.append(speed)
        return Counter()

    monkeypatch.setattr("simulator.hub_clients.command.send_live", record)
    fleet = ["--devices", "6", "--sensors", "5", "--period-seconds", "30"]  # one reading a second by nature
    assert send(*TARGET, *fleet, "--rate", "20") == 0
    assert send(*TARGET, *fleet, "--speed", "3") == 0
    assert send(*TARGET, *fleet) == 0
    assert speeds == [20, 3, 1]
    assert capsys.readouterr().out.startswith("sent 0 events")
