"""How steps get their inputs and their command lines."""

from typing import Any

import pytest

from simulator.azure.cloud.pipelines.definition import Step, Value, fill_in, in_order, values_of
from simulator.azure.cloud.pipelines.errors import StepError

LITERAL = {"job_input_type": "literal"}


def step(inputs: dict[str, Any], ports: dict[str, Any]) -> Step:
    return Step("score", {"inputs": inputs}, {"type": "command", "inputs": ports})


def test_steps_come_after_those_whose_outputs_they_take():
    nodes = {
        "collect": {"inputs": {"scores": {"value": "${{parent.jobs.score.outputs.scores}}"}}},
        "score": {"inputs": {"shards": {"value": "${{parent.jobs.prepare.outputs.shards}}"}}},
        "prepare": {"inputs": {"time": {"value": "${{parent.inputs.time}}"}}},
    }
    assert list(in_order(nodes)) == ["prepare", "score", "collect"]
    nodes["prepare"] = nodes["collect"]
    with pytest.raises(StepError, match="wait for each other"):
        list(in_order(nodes))


def test_inputs_are_taken_from_the_pipeline_and_from_earlier_steps():
    parent = values_of({"time": {"value": "12:00"}, "fleet": {"uri": "azureml:/subscriptions/s/models/m/versions/1"}})
    given = {
        "at": LITERAL | {"value": "at ${{parent.inputs.time}} sharp"},
        "fleet": LITERAL | {"value": "${{parent.inputs.fleet}}"},
        "shards": LITERAL | {"value": "${{parent.jobs.prepare.outputs.shards}}"},
    }
    ports = {**{name: {} for name in given}, "level": {"default": 3}, "note": {"optional": "True"}}
    assert step(given, ports).inputs(parent, {"prepare": {"shards": "azureml://x"}}) == {
        "at": Value("at 12:00 sharp"),
        "fleet": Value("/subscriptions/s/models/m/versions/1", is_data=True),
        "shards": Value("azureml://x", is_data=True),
        "level": Value("3"),
    }
    with pytest.raises(StepError, match="the input fleet has no value"):
        step({}, {"fleet": {}}).inputs(parent, {})
    with pytest.raises(StepError, match="the pipeline has no input time"):
        step({"at": "${{parent.inputs.time}}"}, {}).inputs({}, {})


@pytest.mark.parametrize(
    ("kind", "type_", "text"),
    [
        ("parallel", "custom_model", "a parallel step takes mltable and uri_folder only: fleet is a custom_model"),
        ("command", "custom_model", None),
        ("parallel", "uri_folder", "is a model, not a folder"),
        ("command", "uri_folder", "is a model, not a folder"),
    ],
)
def test_a_model_is_no_folder_and_no_input_of_a_parallel_step(kind: str, type_: str, text: str | None):
    given = {"fleet": {"jobInputType": type_, "uri": "azureml:/subscriptions/s/models/m/versions/1"}}
    taking = Step("score", {"inputs": {"fleet": "${{parent.inputs.fleet}}"}}, {"type": kind, "inputs": {"fleet": {}}})
    if text is None:
        assert taking.inputs(values_of(given), {})["fleet"].type == type_
    else:
        with pytest.raises(StepError, match=text):
            taking.inputs(values_of(given), {})


def test_command_lines_are_filled_in_without_quoting():
    line = "run '${{inputs.time}}' $[[--note ${{inputs.note}}]] > ${{outputs.log}}/x"
    assert fill_in(line, {"time": "a b"}, {"log": "/out"}) == "run 'a b'  > /out/x"
    assert fill_in(line, {"time": "a b", "note": "n"}, {"log": "/out"}) == "run 'a b' --note n > /out/x"
    with pytest.raises(StepError, match="has no value"):
        fill_in(line, {"time": "a b"}, {})
