"""Hooks on the stream job and on its definition: stopped before a change, started after it or when it fails.

Without the start after a change, a deployment that changed the job and failed elsewhere, followed by a revert of the
change, would leave it stopped: the release would not run, since nothing differs. The first start is the release's, for
only then everything is there. A definition is first written by a hook, as often as the job's rights take to arrive: the
engine cannot repeat a creation that left something behind. Where Azure refuses the definition of a job that ran, or a
stop comes to no good end, the hook itself puts the former one back and starts the job: the engine runs no error hook
after a hook that failed. Deliberately absent: hooks on deletion; they would make `pulumi destroy` run the program, and
a running job may be deleted.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.release.work.job_control import JobControl
from infra.release.work.job_definition import Children
from infra.release.work.resource_manager import ResourceManager
from infra.release.work.steps import StepError, Steps
from infra.settings.stages.stream import IngestSettings, StreamSettings
from scoring.cluster.stores.identity import own_credential
from scoring.patience import SECONDS_FOR_RIGHTS, Patience


@dataclass(frozen=True)
class StreamHooks:
    """What happens around a change of the job, and around one of its definition."""

    job: pulumi.ResourceHookBinding
    definition: pulumi.ResourceHookBinding


def stream_job_hooks(stream: StreamSettings, ingest: IngestSettings) -> StreamHooks:
    """The hooks; a job whose settings say that it rests is not started by them."""
    work = _Work(stream, ingest)
    return StreamHooks(_of_job(work), _of_definition(work))


def _of_job(work: "_Work") -> pulumi.ResourceHookBinding:
    async def stop(args: pulumi.ResourceHookArgs) -> None:
        try:
            await work.run("stop before a change", args.id, JobControl.stop)
        except StepError:  # Azure may have taken the stop all the same
            await work.after_failure(args.id, work.after_change)
            raise

    async def start(args: pulumi.ResourceHookArgs) -> None:
        await work.run("start after a change", args.id, work.after_change)

    async def start_after_failure(args: pulumi.ErrorHookArgs) -> bool:
        if args.failed_operation == "update":
            await work.after_failure(args.id, work.after_change)
        return False

    return pulumi.ResourceHookBinding(
        before_update=[pulumi.ResourceHook("stop-stream-job", stop)],
        after_update=[pulumi.ResourceHook("start-stream-job", start)],
        on_error=[pulumi.ErrorHook("start-stream-job-after-failure", start_after_failure)],
    )


def _of_definition(work: "_Work") -> pulumi.ResourceHookBinding:
    async def write(args: pulumi.ResourceHookArgs) -> None:
        """A new role may be on its way for a definition that is changed, too: to a hub that was made again."""
        template, former = _template(args.new_inputs), _Former.of(args.old_inputs)
        job_id = _job_id(template)

        def stop(job: JobControl) -> str:
            nonlocal former
            if former is None and job.state() != "Created":  # deployed again: `pulumi up --replace`
                former = _Former(job.definition.present())
            return job.stop()

        def write(job: JobControl) -> str:
            return (job.definition.rewrite if former else job.definition.write)(template["resources"])

        try:
            await work.run("stop before a change", job_id, stop)
            await work.run("rights", job_id, write)
        except StepError:
            await work.put_back(job_id, former)
            raise

    async def start(args: pulumi.ResourceHookArgs) -> None:
        def clear_and_start(job: JobControl) -> str:
            job.definition.remove_undeclared()
            return work.after_change(job)

        await work.run("start after a change", _job_id(_template(args.new_inputs)), clear_and_start)

    async def start_as_it_was(args: pulumi.ErrorHookArgs) -> bool:
        """What was to be created is written by now; it is whole, so a job that ran before runs on with it."""
        if args.failed_operation in ("create", "update"):
            await work.put_back(_job_id(_template(args.new_inputs)), _Former.of(args.old_inputs))
        return False

    wait_for_rights = pulumi.ResourceHook("wait-for-rights", write)
    start_again = pulumi.ResourceHook("start-with-definition", start)
    return pulumi.ResourceHookBinding(
        before_create=[wait_for_rights],
        after_create=[start_again],
        before_update=[wait_for_rights],
        after_update=[start_again],
        on_error=[pulumi.ErrorHook("start-with-old-definition", start_as_it_was)],
    )


@dataclass(frozen=True)
class _Former:
    """What a job did before a change, and the properties of the deployment that told it to, if they are known."""

    children: Children
    deployment: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, old_inputs: Mapping[str, Any] | None) -> "_Former | None":
        """What the inputs of a changed definition were; None where it was not there."""
        if not old_inputs:
            return None
        properties = _whole(old_inputs["properties"])
        return cls(properties["template"]["resources"], properties)


@dataclass(frozen=True)
class _Work:
    """What the hooks do, each in a thread: it takes minutes, and the program goes on meanwhile."""

    stream: StreamSettings
    ingest: IngestSettings

    async def run(self, step: str, job_id: str, action: Callable[[JobControl], str]) -> None:
        """Do `action` to the job as a step with a line of its own."""

        def run() -> None:
            with closing(ResourceManager(own_credential())) as manager:
                patience = Patience(seconds=SECONDS_FOR_RIGHTS, say=pulumi.log.info)
                job = JobControl(manager, job_id, self.ingest.retention, patience)
                Steps("stream job", pulumi.log.info).run(step, lambda: action(job))

        await asyncio.to_thread(run)

    async def after_failure(self, job_id: str, action: Callable[[JobControl], str], what: str = "start") -> None:
        """The same after a change that failed."""
        try:
            await self.run(f"{what} after a failed change", job_id, action)
        except StepError as error:  # raised here, it would take the place of what the change failed with
            pulumi.log.error(f"stream job: {error}")

    async def put_back(self, job_id: str, former: _Former | None) -> None:
        """Have the job do what it did before a change that failed; it is started also if not all could be put back."""
        children = former.children if former else None
        if former:
            await self.after_failure(job_id, lambda job: job.put_back(former.children, former.deployment), "put back")
        await self.after_failure(job_id, lambda job: self.after_change(job, children))

    def after_change(self, job: JobControl, definition: Children | None = None) -> str:
        """Have the job run again that ran before, with all that it had; one that is to rest only gets that back."""
        if self.stream.running:
            return job.restart_after_change(definition)
        return job.restore(definition) or "rests"


def _template(inputs: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return _whole((inputs or {})["properties"]["template"])


def _whole(value: Any) -> Any:
    """A value with its whole numbers as integers: the engine hands over `3.0`, which Azure takes for no integer."""
    if isinstance(value, Mapping):
        return {key: _whole(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _job_id(template: Mapping[str, Any]) -> str:
    return template["metadata"]["streamJob"]
