"""Task runs of the simulated registry: what its builder makes of a task, and when one runs again."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from infra.stages.image_task import task_text
from infra.stages.registry import CONTEXT_FILES, ENVIRONMENT
from simulator.azure.errors import RefusalError
from simulator.azure.provider import Fault
from simulator.azure.provider.operations import Target, UnfinishedError
from simulator.azure.provider.rules.task_runs import TASK_RUN
from simulator.azure.subscription import StoredResource
from tests.support.azure.estate import IDS, Estate

FILES = {file: (ENVIRONMENT / file).read_bytes() for file in CONTEXT_FILES}
TARGET = Target(TASK_RUN, "image")
RUN = f"{IDS['registry']}/taskRuns/scoring-1"

ONCE_ENCODED = """\
version: v1.1.0
volumes:
  - name: context
    secret:
{entries}
steps:
  - cmd: bash -c 'cp -L /context/* /workspace/'
    volumeMounts:
      - name: context
        mountPath: /context
  - build: --tag $Registry/scoring:1 --file Dockerfile .
  - push: ["$Registry/scoring:1"]
"""


@pytest.fixture
def estate() -> Estate:
    return Estate(without="store")


def inputs(task: str, tag: str = "1") -> dict[str, Any]:
    return {
        "resourceGroupName": "group",
        "registryName": "registry",
        "taskRunName": "scoring-1",
        "forceUpdateTag": tag,
        "runRequest": {
            "type": "EncodedTaskRunRequest",
            "encodedTaskContent": base64.b64encode(task.encode()).decode(),
            "platform": {"os": "Linux"},
        },
    }


def build(estate: Estate, task: str | None = None) -> StoredResource:
    return estate.operations.create(TARGET, inputs(task or task_text("scoring:1", FILES)))


def refusal(estate: Estate, task: str) -> str:
    with pytest.raises(UnfinishedError) as failed:
        build(estate, task)
    return str(failed.value)


def context(run: StoredResource) -> dict[str, bytes]:
    return {name: base64.b64decode(content) for name, content in run.state["context"].items()}


def once_encoded(files: Mapping[str, bytes]) -> str:
    lines = (f"      {name}: {base64.b64encode(content).decode()}" for name, content in files.items())
    return ONCE_ENCODED.format(entries="\n".join(lines))


def test_the_image_is_built_from_the_environments_files_as_they_are(estate: Estate):
    run = build(estate)
    assert context(run) == FILES
    assert (run.outputs["provisioningState"], run.outputs["runResult"]["status"]) == ("Succeeded", "Succeeded")
    assert run.state["images"] == ["registry.azurecr.io/scoring:1"]


@pytest.mark.parametrize("content", [b"ENV A=$B", b"RUN echo `id`", b"RUN a && \\\n    b", b"FROM x\nEOL\nRUN y"])
def test_a_file_that_the_builders_shell_would_change_fails_the_run(estate: Estate, content: bytes):
    assert "Message=" in refusal(estate, once_encoded({"Dockerfile": b"FROM x\n" + content}))
    assert estate.subscription.get(RUN) is not None


@pytest.mark.parametrize("file", CONTEXT_FILES)
def test_the_environments_files_would_not_survive_the_builders_shell_as_they_are(estate: Estate, file: str):
    files = {"Dockerfile": b"FROM x", file: FILES[file]}
    assert f"changed '{file}'" in refusal(estate, once_encoded(files))


def test_a_file_without_anything_to_expand_arrives_with_one_line_break_more(estate: Estate):
    assert context(build(estate, once_encoded({"Dockerfile": b"FROM x"}))) == {"Dockerfile": b"FROM x\n"}


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("--file Dockerfile", "--file Elsewhere", "Elsewhere does not exist"),
        ("cp -L /context/*", "cp -L /context/none", "acb_step_0: exit status 1"),
        ("      Dockerfile: ", "      Dockerfile: ?", "failed to decode Base64"),
        ('push: ["$Registry/scoring:1"]', 'push: ["$Registry/scoring:2"]', "does not exist locally"),
        ('  - push: ["$Registry/scoring:1"]\n', "", "pushes no image"),
        ("$Registry", "docker.io", "docker.io/scoring:1 is not in this registry"),
        ("steps:", f"# {'x' * 70_000}\nsteps:", "pushes no image"),
        ("version: v1.1.0", "version: [", "the task is no YAML"),
    ],
)
def test_a_task_that_cannot_work_fails(estate: Estate, old: str, new: str, text: str):
    task = once_encoded({"Dockerfile": b"FROM x"})
    assert task != task.replace(old, new)
    assert text in refusal(estate, task.replace(old, new))


@pytest.mark.parametrize(
    ("dockerfile", "text"),
    [
        (b"", "it has no FROM"),
        (b"FROM x\nRUN", "without arguments: 'RUN'"),
        (b"FROM x\nPREPARE it", "unknown instruction"),
        (b"FROM x\nCOPY none.txt /", "none.txt is not in the build context"),
        (b"FROM x\nCOPY --chown=a none.txt /", "none.txt is not in the build context"),
    ],
)
def test_a_dockerfile_that_docker_would_not_read_fails(estate: Estate, dockerfile: bytes, text: str):
    assert text in refusal(estate, task_text("scoring:1", {"Dockerfile": dockerfile}))


def test_what_a_dockerfile_may_hold_passes(estate: Estate):
    dockerfile = b"# none\nARG V=1\nFROM x AS a\nRUN a && \\\n  # inside\n  b\nCOPY --from=a /b /c\nCOPY *.txt ./\n"
    assert build(estate, task_text("scoring:1", {"Dockerfile": dockerfile, "a.txt": b""})).state["runs"] == 1


def test_another_kind_of_request_is_not_simulated(estate: Estate):
    request = {"type": "DockerBuildRequest", "dockerFilePath": "Dockerfile", "platform": {"os": "Linux"}}
    with pytest.raises(RefusalError, match="DockerBuildRequest is not simulated"):
        estate.operations.create(TARGET, inputs("") | {"runRequest": request})


def test_an_image_that_fails_once_is_built_by_another_force_tag_and_not_by_the_same_request(estate: Estate):
    estate.faults.inject(Fault("failed-run", "containerregistry:TaskRun"))
    task = task_text("scoring:1", FILES)
    with pytest.raises(UnfinishedError, match="the network of the builder is unreachable"):
        build(estate)
    with pytest.raises(UnfinishedError, match="the network of the builder is unreachable"):
        estate.operations.update(TARGET, inputs(task))
    again = estate.operations.update(TARGET, inputs(task, "1-2"))
    assert (again.state["runs"], again.outputs["runResult"]["status"], context(again)) == (2, "Succeeded", FILES)


def test_a_run_that_went_well_is_not_repeated_whatever_else_is_written(estate: Estate):
    build(estate)
    task = task_text("scoring:1", FILES)
    assert estate.operations.update(TARGET, inputs(task)).state["runs"] == 1
    assert estate.operations.update(TARGET, inputs(task_text("scoring:2", FILES))).state["runs"] == 2


def test_a_run_whose_end_nobody_learned_of_is_not_repeated(estate: Estate):
    estate.faults.inject(Fault("lost-answer"))
    with pytest.raises(UnfinishedError, match="the connection was lost"):
        build(estate)
    again = estate.operations.update(TARGET, inputs(task_text("scoring:1", FILES)))
    assert (again.state["runs"], again.outputs["runResult"]["status"]) == (1, "Succeeded")
