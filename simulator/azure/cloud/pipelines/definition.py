"""What a pipeline job and its components say, as Azure ML's REST interface has it.

Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-parallel (types of inputs)
Assumed: what has no value, waits for itself or is a model where a folder belongs fails the run; the published pipeline
has none of it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.azure.cloud.pipelines.errors import StepError
from simulator.azure.subscription import Subscription

PARENT_INPUT = re.compile(r"\$\{\{parent\.inputs\.(\w+)\}\}")
STEP_OUTPUT = re.compile(r"\$\{\{parent\.jobs\.(\w+)\.outputs\.(\w+)\}\}")
PARENT_OUTPUT = re.compile(r"\$\{\{parent\.outputs\.(\w+)\}\}")
REFERENCE = re.compile(r"\$\{\{(inputs|outputs)\.(\w+)\}\}")
OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]")
MODEL = re.compile(r".*/models/[^/]+/versions/[^/]+")
FOLDER, PARALLEL_DATA = "uri_folder", ("mltable", "uri_folder")
"""https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-parallel#job-inputs"""

NODE_WINS = ("environment_variables", "limits", "resources")
SPREAD = (
    "error_threshold",
    "input_data",
    "max_concurrency_per_instance",
    "mini_batch_error_threshold",
    "mini_batch_size",
    "retry_settings",
)
"""What a node may say differently from its component, of any step and of a parallel one."""


@dataclass(frozen=True)
class Value:
    """What an input is given: a literal, or the URI of a folder; `type` is how the job calls the latter."""

    text: str
    is_data: bool = False
    type: str = FOLDER


Values = Mapping[str, Value]


@dataclass(frozen=True)
class Step:
    """One node of a pipeline together with its component: `spec` has what either says."""

    name: str
    node: Mapping[str, Any]
    spec: Mapping[str, Any]

    @classmethod
    def read(cls, name: str, node: Mapping[str, Any], subscription: Subscription) -> "Step":
        """Find the node's component; StepError if there is none."""
        component = subscription.get(arm_id(str(node.get("componentId"))))
        if component is None:
            raise StepError(f"the component {node.get('componentId')} does not exist")
        spec = dict(component.state["sent"]["componentSpec"])
        spec |= {key: node[key] for key in (*NODE_WINS, *SPREAD) if node.get(key) is not None}
        return cls(name, node, spec)

    @property
    def kind(self) -> str:
        """`command`, `parallel` or `pipeline`."""
        return str(self.spec["type"])

    @property
    def code(self) -> str:
        """The id of the uploaded code."""
        return arm_id(str(self.task.get("code") if self.kind == "parallel" else self.spec.get("code")))

    @property
    def environment(self) -> str:
        """The id of the environment."""
        return arm_id(str(self.task.get("environment") if self.kind == "parallel" else self.spec.get("environment")))

    @property
    def task(self) -> Mapping[str, Any]:
        """What a parallel step runs."""
        return self.spec["task"]

    @property
    def environment_variables(self) -> dict[str, str]:
        """What the step wants to see in its environment."""
        return {name: str(value) for name, value in (self.spec.get("environment_variables") or {}).items()}

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs."""
        return list(self.spec.get("outputs") or {})

    def inputs(self, parent: Values, done: Mapping[str, Mapping[str, str]]) -> dict[str, Value]:
        """The inputs' values, given the pipeline's inputs and the URIs of earlier steps' outputs."""
        given = self.node.get("inputs") or {}
        values = {name: _resolve(value, parent, done) for name, value in given.items()}
        for name, port in (self.spec.get("inputs") or {}).items():
            if name not in values and port.get("default") is not None:
                values[name] = Value(str(port["default"]))
            if name not in values and str(port.get("optional", False)).lower() != "true":
                raise StepError(f"the input {name} has no value")
        for name, value in values.items():
            if self.kind == "parallel" and value.is_data and value.type not in PARALLEL_DATA:
                raise StepError(f"a parallel step takes {' and '.join(PARALLEL_DATA)} only: {name} is a {value.type}")
        return values

    def parent_output(self, output: str) -> str | None:
        """The pipeline's output that one of this step's is bound to."""
        binding = (self.node.get("outputs") or {}).get(output) or {}
        found = PARENT_OUTPUT.fullmatch(str(binding.get("value")))
        return found[1] if found else None


def in_order(nodes: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The names of a pipeline's nodes, each after those whose outputs it takes."""
    waiting = dict(nodes)
    while waiting:
        ready = [name for name, node in waiting.items() if not _predecessors(node) & waiting.keys()]
        if not ready:
            raise StepError(f"the steps {', '.join(waiting)} wait for each other")
        for name in ready:
            del waiting[name]
            yield name


def fill_in(text: str, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> str:
    """A command line with `${{inputs.x}}` and `${{outputs.y}}` replaced; nothing is quoted.

    `$[[…]]` is left out when it refers to an input that has no value.
    """
    places = {"inputs": inputs, "outputs": outputs}

    def optional(found: re.Match[str]) -> str:
        has_all = all(name in places[kind] for kind, name in REFERENCE.findall(found[1]))
        return found[1] if has_all else ""

    def place(found: re.Match[str]) -> str:
        kind, name = found.groups()
        if name not in places[kind]:
            raise StepError(f"{found[0]} has no value")
        return places[kind][name]

    return REFERENCE.sub(place, OPTIONAL.sub(optional, text))


def values_of(inputs: Mapping[str, Any]) -> dict[str, Value]:
    """The values that a job gives to a pipeline's inputs."""
    return {name: _resolve(value, {}, {}) for name, value in inputs.items()}


def arm_id(reference: str) -> str:
    """The id in a reference such as `azureml:/subscriptions/…`."""
    return reference.removeprefix("azureml:") if reference.startswith("azureml:/subscriptions") else reference


def _predecessors(node: Mapping[str, Any]) -> set[str]:
    return {found[1] for value in (node.get("inputs") or {}).values() for found in STEP_OUTPUT.finditer(str(value))}


def _resolve(given: Any, parent: Values, done: Mapping[str, Mapping[str, str]]) -> Value:
    """The value of one input; a reference that is all of it keeps its kind, one inside a text becomes text."""
    if not isinstance(given, dict):
        given = {"value": given}
    if given.get("uri") is not None:
        uri, type_ = arm_id(str(given["uri"])), given.get("jobInputType")
        if type_ == FOLDER and MODEL.fullmatch(uri):
            raise StepError(f"{uri} is a model, not a folder: that it can be mounted as one is not documented")
        return Value(uri, is_data=True, type=type_ or FOLDER)
    text = str(given.get("value"))
    if found := PARENT_INPUT.fullmatch(text):
        return _parent_value(parent, found[1])
    if found := STEP_OUTPUT.fullmatch(text):
        return Value(done[found[1]][found[2]], is_data=True)
    return Value(PARENT_INPUT.sub(lambda found: _parent_value(parent, found[1]).text, text))


def _parent_value(parent: Values, name: str) -> Value:
    if name not in parent:
        raise StepError(f"the pipeline has no input {name}")
    return parent[name]
