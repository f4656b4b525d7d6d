"""Publishing: models, environment, the steps' components, the pipeline, and at last the schedule that uses them all."""

import io
import json
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from azure.core.credentials import TokenCredential

from scoring.cluster.model.fleet import MANIFEST_FILE, Fleet
from scoring.patience import Patience
from scoring.publish.assets import Operations, Versions
from scoring.publish.pipeline import ENVIRONMENT, MODEL, PIPELINE, SCHEDULE, SCORE, Data, Pipeline, PipelineSettings
from scoring.publish.schedule import put_schedule
from scoring.publish.uploaded_code import uploaded_files, write_files
from scoring.publish.workspace import Done, Report, Workspace

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


def publish(
    workspace: Workspace,
    settings: PipelineSettings,
    fleet: Path,
    credential: TokenCredential,
    *,
    report: Report = lambda _: None,
    patience: Patience | None = None,
) -> list[Done]:
    """Publish this checkout's code with the fleet in a folder, and schedule it; returns what became of each part.

    `report` is told of each part as it is done. Raises UserError, with the part in question, where the fleet is damaged
    and where Azure refuses for good or for too long.
    """
    opened = Fleet.open(fleet)
    pipeline = Pipeline.of(settings, fleet)
    publication = _Publication(workspace.client(credential), pipeline, patience or Patience(), report)
    publication.publish_models(opened)
    publication.publish_environment()
    publication.publish_components()
    publication.publish_schedule()
    publication.archive_old_versions()
    return publication.done


@dataclass
class _Publication:
    """One state of the pipeline on its way into a workspace."""

    client: "MLClient"
    pipeline: Pipeline
    patience: Patience
    report: Report
    done: list[Done] = field(default_factory=list)

    def publish_models(self, fleet: Fleet) -> None:
        """The fleet's files and no other that may lie in its folder."""

        def create() -> None:
            from azure.ai.ml.entities import Model

            fleet.verify()
            names = (MANIFEST_FILE, *fleet.manifest["files"])
            with _folder_with({name: (fleet.folder / name).read_bytes() for name in names}, MODEL) as folder:
                model = Model(name=MODEL, version=fleet.version, path=str(folder), type="custom_model")
                self.client.models.create_or_update(model)

        self._ensure("models", self.client.models, MODEL, fleet.version, create)

    def publish_environment(self) -> None:
        """The image, under a name that components can state."""

        def create() -> None:
            from azure.ai.ml.entities import Environment

            environment = Environment(name=ENVIRONMENT, version=version, image=self.pipeline.settings.image)
            self.client.environments.create_or_update(environment)

        version = self.pipeline.environment
        self._ensure("environment", self.client.environments, ENVIRONMENT, version, create)

    def publish_components(self) -> None:
        """The steps with their code, which is uploaded with the first that needs it, and the pipeline of them."""
        for name, data in self.pipeline.steps.items():
            self._ensure(
                "step", self.client.components, name, data["version"], lambda data=data: self._create_step(data)
            )
        version = self.pipeline.release
        self._ensure("pipeline", self.client.components, PIPELINE, version, self._create_pipeline)

    def _create_step(self, data: Data) -> None:
        with _folder_with(uploaded_files(), "code") as folder:
            if "task" in data:
                data = data | {"task": data["task"] | {"code": str(folder)}}
            else:
                data = data | {"code": str(folder)}
            self._create_component(data)

    def _create_pipeline(self) -> None:
        self._create_component(self.pipeline.component | {"jobs": self.pipeline.nodes(self._published_task())})

    def _create_component(self, data: Data) -> None:
        from azure.ai.ml import load_component

        self.client.components.create_or_update(load_component(_yaml(data)))

    def _published_job(self) -> Data:
        """The job with the uploaded code, the environment and the folder of the model."""
        model: Any = self.client.models.get(MODEL, self.pipeline.fleet)
        return self.pipeline.job(self._published_task(), model.path)

    def _published_task(self) -> Data:
        """What the scoring step runs, with the uploaded code and the environment by their ids."""
        data = self.pipeline.steps[SCORE]
        component: Any = self.client.components.get(SCORE, data["version"])
        found = {"code": component.task.code, "environment": component.task.environment}
        return data["task"] | {name: f"azureml:{place.removeprefix('azureml:')}" for name, place in found.items()}

    def publish_schedule(self) -> None:
        """The schedule is the last to change: until then it starts what was published before."""
        outcome = self.patience.attempt(
            f"schedule {SCHEDULE}", lambda: put_schedule(self.client, self.pipeline, self._published_job)
        )
        self._note("schedule", f"{SCHEDULE} {self.pipeline.schedule}", outcome)

    def archive_old_versions(self) -> None:
        """Hide all but some of the versions that no schedule uses any more."""
        components = {name: data["version"] for name, data in self.pipeline.steps.items()}
        components[PIPELINE] = self.pipeline.release
        used = [
            (self.client.models, MODEL, self.pipeline.fleet),
            (self.client.environments, ENVIRONMENT, self.pipeline.environment),
            *((self.client.components, name, version) for name, version in components.items()),
        ]
        kept = self.pipeline.settings.versions_kept
        for operations, name, version in used:
            versions = Versions(operations, name)
            archived = self.patience.attempt(
                f"old versions of {name}",
                lambda versions=versions, version=version: versions.archive_old(kept, version),
            )
            for old in archived:
                self._note("archived", f"{name} {old}", "changed")

    def _ensure(self, step: str, operations: Operations, name: str, version: str, create: Callable[[], None]) -> None:
        what = f"{name} {version}"
        made = self.patience.attempt(f"{step} {what}", lambda: Versions(operations, name).ensure(version, create))
        self._note(step, what, "done" if made else "unchanged")

    def _note(self, step: str, what: str, outcome: Literal["done", "unchanged", "changed"]) -> None:
        self.done.append(Done(step, what, outcome))
        self.report(self.done[-1])


@contextmanager
def _folder_with(files: Mapping[str, bytes], name: str) -> Generator[Path]:
    """A folder called `name` that holds `files` and nothing else, as the SDK wants what it uploads."""
    with tempfile.TemporaryDirectory(prefix="publish-") as temporary:
        folder = Path(temporary, name)
        write_files(files, folder)
        yield folder


def _yaml(data: Data) -> io.StringIO:
    """Plain data as the SDK loads it; JSON is YAML."""
    return io.StringIO(json.dumps(data))
