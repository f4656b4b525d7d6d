"""One run of a pipeline job, step by step.

Assumed: a cluster, environment or code that is gone, or a role that is missing, fails the run when the step begins.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.azure.cloud.blobs.storage import BlobStorage
from simulator.azure.cloud.http.messages import ServiceError
from simulator.azure.cloud.machine_learning import MachineLearning, Workspace
from simulator.azure.cloud.management.access import Access
from simulator.azure.cloud.pipelines.data import Data
from simulator.azure.cloud.pipelines.definition import Step, Value, Values, fill_in, in_order, values_of
from simulator.azure.cloud.pipelines.errors import StepError
from simulator.azure.cloud.pipelines.node import Node
from simulator.azure.cloud.pipelines.parallel.step import ParallelStep
from simulator.azure.roles import ACR_PULL, QUEUE_CONTRIBUTOR, TABLE_CONTRIBUTOR
from simulator.azure.subscription import StoredResource

REGISTRIES = "Microsoft.ContainerRegistry/registries"
DEFAULT_OUTPUT = "azureml://datastores/workspaceblobstore/paths/azureml/{run}/{output}"


@dataclass
class StepRun:
    """What became of a step: `Completed`, `Failed`, or `NotRun` after one that failed. Its logs are in `logs`."""

    name: str
    logs: Path
    status: str = "NotRun"
    seconds: float = 0.0
    error: str | None = None


@dataclass
class JobRun:
    """What became of a job: `Completed`, or `Failed` with the error of the step that failed."""

    name: str
    folder: Path
    status: str = "Running"
    error: str | None = None
    steps: list[StepRun] = field(default_factory=list)

    def step(self, name: str) -> StepRun:
        """The step of that name."""
        return next(step for step in self.steps if step.name == name)


@dataclass(frozen=True)
class Surroundings:
    """What a run needs of the cloud around it.

    `variables` are those that every step sees, given the client id of its identity; `processes` is the most that one
    step may have.
    """

    machine_learning: MachineLearning
    storage: BlobStorage
    access: Access
    variables: Callable[[str | None], dict[str, str]]
    processes: int


class PipelineRun:
    """Runs the steps of one job in the order of their data."""

    def __init__(self, workspace: Workspace, job: StoredResource, folder: Path, around: Surroundings) -> None:
        self._workspace, self._definition, self._around = workspace, job.state["definition"], around
        self._subscription = workspace.subscription
        self.outcome = JobRun(job.name, folder)

    def run(self) -> JobRun:
        """Run everything; what fails is told by the outcome."""
        outcome = self.outcome
        try:
            self._run_nodes(self._definition["jobs"], values_of(self._definition.get("inputs") or {}), "")
            outcome.status = "Completed"
        except (StepError, ServiceError) as error:
            outcome.status, outcome.error = "Failed", str(error)
        return outcome

    def _run_nodes(self, nodes: Mapping[str, Any], inputs: Values, prefix: str) -> dict[str, str]:
        """Run a pipeline, or one inside another; returns the URIs of its outputs."""
        order = list(in_order(nodes))
        runs = {name: StepRun(prefix + name, self.outcome.folder / (prefix + name) / "logs") for name in order}
        self.outcome.steps += runs.values()
        done: dict[str, dict[str, str]] = {}
        outputs: dict[str, str] = {}
        for name in order:
            started, run = time.monotonic(), runs[name]
            try:
                step = Step.read(name, nodes[name], self._subscription)
                done[name] = self._run_step(step, step.inputs(inputs, done), run.name)
                run.status = "Completed"
            except (StepError, ServiceError) as error:
                run.status, run.error = "Failed", str(error)
                raise StepError(f"step {run.name}: {error}") from error
            finally:
                run.seconds = time.monotonic() - started
            outputs |= {bound: uri for output, uri in done[name].items() if (bound := step.parent_output(output))}
        return outputs

    def _run_step(self, step: Step, inputs: dict[str, Value], name: str) -> dict[str, str]:
        """Run one step; returns the URIs of its outputs."""
        if step.kind == "pipeline":
            return self._run_nodes(step.spec["jobs"], inputs, f"{name}.")
        client_id, object_id = self._identity(self._cluster(step))
        self._check_image(step, object_id)
        data = Data(
            self._workspace, self._around.machine_learning, self._around.storage, self._around.access, object_id
        )
        variables = self._around.variables(client_id) | {"AZUREML_RUN_ID": f"{self.outcome.name}.{name}"}
        node = Node(self.outcome.folder / name, variables | step.environment_variables)
        node.set_up(step.outputs)
        data.download(self._code(step), node.code)
        for input_name, value in inputs.items():
            if value.is_data:
                data.download(value.text, node.input(input_name))
        given = {key: str(node.input(key)) if value.is_data else value.text for key, value in inputs.items()}
        self._execute(step, node, given, object_id)
        uris = {output: self._output_uri(step, output, name) for output in step.outputs}
        for output, uri in uris.items():
            data.upload(node.output(output), uri)
        return uris

    def _execute(self, step: Step, node: Node, inputs: dict[str, str], object_id: str | None) -> None:
        outputs = {output: str(node.output(output)) for output in step.outputs}
        if step.kind == "command":
            timeout = (step.spec.get("limits") or {}).get("timeout")
            node.run(fill_in(step.spec["command"], inputs, outputs), float(timeout) if timeout else None)
        elif step.kind == "parallel" and step.task.get("type") == "run_function":
            self._check_coordination(object_id)
            arguments = fill_in(step.task.get("program_arguments") or "", inputs, outputs)
            parallel = ParallelStep(node, step.task["entry_script"], arguments, dict(step.spec), self._around.processes)
            parallel.run(Path(fill_in(step.spec["input_data"], inputs, outputs)))
        else:
            raise StepError(f"steps of type {step.kind} are not simulated")

    def _cluster(self, step: Step) -> StoredResource:
        """The cluster that the step runs on; a schedule may name one that is gone."""
        compute = step.node.get("computeId") or (self._definition.get("settings") or {}).get("default_compute")
        name = str(compute).rsplit("/", 1)[-1].removeprefix("azureml:")
        cluster = self._workspace.get("computes", name)
        if cluster is None:
            raise StepError(f"the cluster {name} does not exist")
        return cluster

    def _identity(self, cluster: StoredResource) -> tuple[str | None, str | None]:
        """Client id and object id of the cluster's identity, if it has one."""
        identity = self._around.access.identity_of(cluster)
        if identity is None:
            return None, None
        return str(identity.outputs["clientId"]), str(identity.outputs["principalId"])

    def _check_image(self, step: Step, object_id: str | None) -> None:
        """An image of a registry in the subscription can only be pulled with a role there."""
        environment = self._subscription.get(step.environment)
        if environment is None:
            raise StepError(f"the environment {step.environment} does not exist")
        image = str(environment.body["properties"]["image"])
        host = image.partition("/")[0]
        for registry in self._subscription.list(REGISTRIES):
            if host.lower() == f"{registry.name}.azurecr.io".lower():
                self._require(object_id, ACR_PULL, registry.id, f"pull {image}")

    def _check_coordination(self, object_id: str | None) -> None:
        """Without keys, the processes of a parallel step find each other through queues and tables of the store."""
        if self._workspace.uses_identities:
            for role, what in ((QUEUE_CONTRIBUTOR, "queues"), (TABLE_CONTRIBUTOR, "tables")):
                self._require(object_id, role, self._workspace.storage_account.id, f"use {what}")

    def _require(self, object_id: str | None, role: str, scope: str, what: str) -> None:
        if object_id is None or not self._around.access.may(object_id, frozenset({role}), scope):
            raise StepError(f"the cluster's identity ({object_id}) has no role to {what} at {scope}")

    def _code(self, step: Step) -> str:
        code = self._subscription.get(step.code)
        if code is None:
            raise StepError(f"the code {step.code} does not exist")
        return str(code.body["properties"]["codeUri"])

    def _output_uri(self, step: Step, output: str, name: str) -> str:
        """Where an output is kept: where the node or the pipeline says, else below the run's name on the store."""
        binding = (step.node.get("outputs") or {}).get(output) or {}
        bound = (self._definition.get("outputs") or {}).get(step.parent_output(output) or "") or {}
        uri = binding.get("uri") or bound.get("uri")
        run = f"{self.outcome.name}.{name}"
        return str(uri).replace("${{name}}", run) if uri else DEFAULT_OUTPUT.format(run=run, output=output)
