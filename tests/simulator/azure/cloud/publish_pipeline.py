"""Run as a program: publish a pipeline of three steps with the real SDK, then print what came of it as JSON.

It stands for whoever deploys: a process of its own that knows nothing of the simulated cloud but its environment.
Arguments: the folder of the code, the folder of the model, and settings of the pipeline as JSON.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from azure.ai.ml import Input, MLClient, Output, command, dsl
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.entities import (
    Environment,
    JobSchedule,
    ManagedIdentityConfiguration,
    Model,
    RecurrenceTrigger,
    RetrySettings,
)
from azure.ai.ml.parallel import RunFunction, parallel_run_function
from azure.core.exceptions import ResourceExistsError
from azure.identity import DefaultAzureCredential

GROUP, WORKSPACE, CLUSTER = "tests", "scoring", "cpu"
IMAGE = "testsregistry.azurecr.io/scoring:1"
FOLDER = AssetTypes.URI_FOLDER


def pipeline_function(code: Path, environment: str, settings: dict[str, Any]) -> Any:
    prepare = command(
        name="prepare",
        code=str(code),
        command="python -m steps.prepare --time '${{inputs.trigger_time}}' --files 5 --out ${{outputs.shards}}",
        environment=environment,
        inputs={"trigger_time": Input(type="string")},
        outputs={"shards": Output(type=FOLDER)},
        identity=ManagedIdentityConfiguration(),
        is_deterministic=False,
    )
    retries: Any = RetrySettings(max_retries=1, timeout=settings.get("timeout", 60))  # the SDK's type hint is wrong
    score = parallel_run_function(
        name="score",
        inputs={"shards": Input(type=FOLDER), "model": Input(type=FOLDER)},
        outputs={"scores": Output(type=FOLDER)},
        input_data="${{inputs.shards}}",
        instance_count=2,
        max_concurrency_per_instance=2,
        mini_batch_size="2",
        mini_batch_error_threshold=settings.get("mini_batch_error_threshold", 0),
        retry_settings=retries,
        identity=ManagedIdentityConfiguration(),
        is_deterministic=False,
        task=RunFunction(
            code=str(code),
            entry_script="score.py",
            environment=environment,
            program_arguments=(
                "--model ${{inputs.model}} --out ${{outputs.scores}} "
                f"--error_threshold 0 --allowed_failed_percent 0 {settings.get('arguments', '')}"
            ),
        ),
    )
    collect = command(
        name="collect",
        code=str(code),
        command="python -m steps.collect --scores ${{inputs.scores}} --to " + settings["predictions"],
        environment=environment,
        inputs={"scores": Input(type=FOLDER)},
        identity=ManagedIdentityConfiguration(),
        is_deterministic=False,
    )

    def scoring_pipeline(trigger_time: Any, model: Any) -> None:
        prepared: Any = prepare(trigger_time=trigger_time)
        scored: Any = score(shards=prepared.outputs.shards, model=model)
        collected: Any = collect(scores=scored.outputs.scores)
        prepared.name, scored.name, collected.name = "prepare", "score", "collect"
        prepared.compute = scored.compute = collected.compute = settings.get("cluster", CLUSTER)

    scoring_pipeline.__annotations__ = {"trigger_time": str, "model": Input(type=FOLDER)}
    return dsl.pipeline(None, name="scoring_pipeline", version=settings.get("version", "1"))(scoring_pipeline)


def around(component: Any, settings: dict[str, Any]) -> Any:
    """A pipeline whose only step is the published pipeline."""

    def outer(model: Any) -> None:
        component(trigger_time="2018-01-01 00:00:00", model=model)

    outer.__annotations__ = {"model": Input(type=FOLDER)}
    return dsl.pipeline(None, name="outer", default_compute=settings.get("cluster", CLUSTER))(outer)


def main(code: Path, model_folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    client = MLClient(
        DefaultAzureCredential(),
        os.environ["AZURE_SUBSCRIPTION_ID"],
        GROUP,
        WORKSPACE,
        show_progress=False,
        enable_telemetry=False,
    )
    model = client.models.create_or_update(
        Model(path=str(model_folder), name="fleet", version="1", type=AssetTypes.CUSTOM_MODEL)
    )
    environment = client.environments.create_or_update(Environment(name="scoring", version="1", image=IMAGE))
    pipeline = pipeline_function(code, environment.id, settings)
    component = client.components.create_or_update(pipeline)
    fleet = Input(type=FOLDER, path=model.path)
    scheduled = pipeline(trigger_time="${{creation_context.trigger_time}}", model=fleet)
    trigger = RecurrenceTrigger(frequency="minute", interval=15, start_time="2018-01-01T00:03:00", time_zone="UTC")
    schedule = client.schedules.begin_create_or_update(
        JobSchedule(name="every-15-minutes", trigger=trigger, create_job=scheduled)
    ).result()
    outcome = {"model": model.id, "component": component.id, "schedule": schedule.name}
    if "submit" in settings:
        job = around(client.components.get("scoring_pipeline", "1"), settings)(model=fleet)
        job.name = settings["submit"]
        try:
            outcome["job"] = client.jobs.create_or_update(job, experiment_name="scoring").name
        except ResourceExistsError:
            outcome["job"] = "exists"
    return outcome


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))))
