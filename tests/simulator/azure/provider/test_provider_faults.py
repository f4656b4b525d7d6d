"""Faults that are injected between the provider and Azure."""

import json
import time
from pathlib import Path

import pytest

from simulator.azure.errors import ArmError, RefusalError
from simulator.azure.provider import Fault, Faults
from simulator.azure.provider.faults import FILE_VARIABLE, RETRIES
from simulator.azure.provider.operations import LostError, UnfinishedError
from tests.support.azure.estate import IDS, Estate, target

CONTAINER = "azure-native:storage:BlobContainer"


def test_an_error_strikes_once_and_before_anything_is_done():
    estate = Estate(without="rejects")
    estate.faults.inject(Fault("error", "rejects", "create"))
    with pytest.raises(ArmError, match=r"Status=500.*An injected fault.*create of azure-native:storage:BlobContainer"):
        estate.create("rejects")
    assert estate.subscription.get(IDS["rejects"]) is None
    assert estate.create("rejects").id == IDS["rejects"]


@pytest.mark.parametrize("resource", ["rejects", CONTAINER, "storage:BlobContainer", "storage:*", "*"])
@pytest.mark.parametrize("operation", ["create", "*"])
def test_a_fault_is_aimed_by_name_or_type_and_by_operation(resource: str, operation: str):
    assert Faults(Fault("lost-answer", resource, operation)).strike("create", CONTAINER, "rejects") == "lost-answer"


@pytest.mark.parametrize(
    ("resource", "operation"), [("raw", "create"), ("storage:StorageAccount", "*"), ("*", "delete")]
)
def test_a_fault_strikes_nothing_else(resource: str, operation: str):
    assert Faults(Fault("error", resource, operation)).strike("create", CONTAINER, "rejects") is None


def test_a_fault_strikes_as_often_as_it_is_told():
    faults = Faults(Fault("lost-answer", times=2), Fault("lost-resource", times=0))
    struck = [faults.strike("create", CONTAINER, "rejects") for _ in range(4)]
    assert struck == ["lost-answer", "lost-answer", "lost-resource", "lost-resource"]
    assert [name for _, name, _ in faults.struck] == ["rejects"] * 4
    faults.clear()
    assert faults.strike("create", CONTAINER, "rejects") is None


def test_throttling_is_waited_out_up_to_a_number_of_retries():
    faults = Faults(Fault("throttling", times=RETRIES))
    assert faults.strike("create", CONTAINER, "rejects") is None
    assert faults.strike("create", CONTAINER, "rejects") is None
    assert len(faults.struck) == 1


@pytest.mark.parametrize("times", [RETRIES + 1, 0])
def test_lasting_throttling_fails(times: int):
    with pytest.raises(ArmError, match='Status=429 Code="TooManyRequests"'):
        Faults(Fault("throttling", times=times)).strike("create", CONTAINER, "rejects")


def test_a_slow_answer_takes_its_time_unless_the_provider_ends():
    faults, started = Faults(Fault("slow", seconds=0.05), Fault("slow", seconds=60)), time.monotonic()
    faults.strike("create", CONTAINER, "rejects")
    assert time.monotonic() - started >= 0.05
    faults.close()
    faults.strike("create", CONTAINER, "rejects")
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(("kind", "error"), [("lost-answer", UnfinishedError), ("lost-resource", LostError)])
def test_a_lost_answer_comes_after_success(kind: str, error: type[RefusalError]):
    estate = Estate(without="rejects")
    estate.faults.inject(Fault.read({"kind": kind}))
    with pytest.raises(error, match="the connection was lost"):
        estate.create("rejects")
    assert estate.subscription.get(IDS["rejects"]) is not None
    estate.faults.inject(Fault.read({"kind": kind, "operation": "delete"}))
    with pytest.raises(LostError, match="the connection was lost"):
        estate.operations.delete(target("rejects"), IDS["rejects"])
    assert estate.subscription.get(IDS["rejects"]) is None


def test_reading_can_fail_too():
    estate = Estate(without="rejects")
    estate.faults.inject(Fault("error", operation="read"))
    with pytest.raises(ArmError, match="read of"):
        estate.operations.read(target("store"), IDS["store"])


def test_a_file_brings_faults_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "faults.json"
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    faults = Faults()
    assert faults.strike("create", CONTAINER, "rejects") is None
    file.write_text(json.dumps([{"kind": "lost-answer", "resource": "rejects"}]))
    assert faults.strike("create", CONTAINER, "rejects") == "lost-answer"
    assert faults.strike("create", CONTAINER, "rejects") is None
    file.write_text(json.dumps([{"kind": "lost-resource", "resource": "rejects"}]))
    assert faults.strike("create", CONTAINER, "rejects") == "lost-resource"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "holds no JSON"),
        ('[{"kind": "fire"}]', "kind is one of error, thr"),
        ('[{"type": "slow"}]', "is no fault"),
    ],
)
def test_a_file_that_holds_no_faults_is_refused_every_time(tmp_path: Path, text: str, message: str):
    (tmp_path / "faults.json").write_text(text)
    faults = Faults(file=tmp_path / "faults.json")
    for _ in range(2):
        with pytest.raises(RefusalError, match=message):
            faults.strike("create", CONTAINER, "rejects")
