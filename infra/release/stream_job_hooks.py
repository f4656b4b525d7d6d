"""Hooks on the stream job and on its definition: stopped before a change, started after it or when it fails.

Without the start after a change, a deployment that changed the job and failed elsewhere, followed by a revert of the
change, would leave it stopped: the release would not run, since nothing differs. The first start is the release's, for
only then everything is there. A definition is first written by a hook, as often as the job's rights take to arrive: the
engine cannot repeat a creation that left something behind. Where Azure refuses a changed definition, or a stop comes to
no good end, the hook itself puts the former one back and starts the job: the engine runs no error hook after a hook
that failed. Deliberately absent: hooks on deletion; they would make `pulumi destroy` run the program, and a running job
may be deleted.
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
from infra.settings.stages import IngestSettings, StreamSettings
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
        template = _template(args.new_inputs)
        job_id = _job_id(template)
        await work.run("stop before a change", job_id, JobControl.stop)
        await work.run("rights", job_id, lambda job: job.definition.write(template["resources"]))

    async def rewrite(args: pulumi.ResourceHookArgs) -> None:
        """A new role may be on its way for a definition that is changed, too: to a hub that was made again."""
        template = _template(args.new_inputs)
        job_id = _job_id(template)
        try:
            await work.run("stop before a change", job_id, JobControl.stop)
            await work.run("rights", job_id, lambda job: job.definition.rewrite(template["resources"]))
        except StepError:
            await put_back(_template(args.old_inputs))
            raise

    async def put_back(former: Mapping[str, Any]) -> None:
        def put_back_and_start(job: JobControl) -> str:
            put_back = job.definition.put_back(former["resources"])
            return "; ".join(filter(None, (put_back, work.after_change(job, former["resources"]))))

        await work.after_failure(_job_id(former), put_back_and_start)

    async def start(args: pulumi.ResourceHookArgs) -> None:
        def clear_and_start(job: JobControl) -> str:
            job.definition.remove_undeclared()
            return work.after_change(job)

        await work.run("start after a change", _job_id(_template(args.new_inputs)), clear_and_start)

    async def start_as_it_was(args: pulumi.ErrorHookArgs) -> bool:
        if args.failed_operation == "update":
            await put_back(_template(args.old_inputs))
        return False

    start_again = pulumi.ResourceHook("start-with-definition", start)
    return pulumi.ResourceHookBinding(
        before_create=[pulumi.ResourceHook("wait-for-rights", write)],
        after_create=[start_again],
        before_update=[pulumi.ResourceHook("rewrite-definition", rewrite)],
        after_update=[start_again],
        on_error=[pulumi.ErrorHook("start-with-old-definition", start_as_it_was)],
    )


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

    async def after_failure(self, job_id: str, action: Callable[[JobControl], str]) -> None:
        """The same after a change that failed."""
        try:
            await self.run("start after a failed change", job_id, action)
        except StepError as error:  # raised here, it would take the place of what the change failed with
            pulumi.log.error(f"stream job: {error}")

    def after_change(self, job: JobControl, definition: Children | None = None) -> str:
        """Have the job run again that ran before, with all that it had; one that is to rest only gets that back."""
        if self.stream.running:
            return job.restart_after_change(definition)
        return job.definition.restore(definition) or "rests"


def _template(inputs: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return (inputs or {})["properties"]["template"]


def _job_id(template: Mapping[str, Any]) -> str:
    return template["metadata"]["streamJob"]
