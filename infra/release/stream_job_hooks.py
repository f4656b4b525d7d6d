"""Hooks on the stream job: stopped before a change, started after it, started again when the change fails.

Without the start after a change, a deployment that changed the job and failed elsewhere, followed by a revert of the
change, would leave it stopped: the release would not run, since nothing differs. The first start is the release's, for
only then the job's identity has its roles. Deliberately absent: hooks on deletion; they would make `pulumi destroy` run
the program, and a running job may be deleted.
"""

import asyncio
from collections.abc import Callable
from contextlib import closing

import pulumi

from infra.release.job_control import JobControl
from infra.release.resource_manager import ResourceManager
from infra.release.steps import StepError, Steps
from infra.stage_settings import IngestSettings, StreamSettings
from scoring.identity import own_credential
from scoring.patience import Patience


def stream_job_hooks(stream: StreamSettings, ingest: IngestSettings) -> pulumi.ResourceHookBinding:
    """The hooks; a job whose settings say that it rests is not started by them."""

    steps = Steps("stream job", pulumi.log.info)

    async def work(step: str, job_id: str, action: Callable[[JobControl], str]) -> None:
        def run() -> None:
            with closing(ResourceManager(own_credential())) as manager:
                job = JobControl(manager, job_id, ingest.retention, Patience(say=pulumi.log.info))
                steps.run(step, lambda: action(job))

        await asyncio.to_thread(run)

    async def stop(args: pulumi.ResourceHookArgs) -> None:
        await work("stop before a change", args.id, JobControl.stop)

    async def start(args: pulumi.ResourceHookArgs) -> None:
        if stream.running:
            await work("start after a change", args.id, JobControl.restart_after_change)

    async def start_after_failure(args: pulumi.ErrorHookArgs) -> bool:
        if args.failed_operation == "update" and stream.running:
            try:
                await work("start after a failed change", args.id, JobControl.restart_after_change)
            except StepError as error:  # raised here, it would take the place of what the change failed with
                pulumi.log.error(f"stream job: {error}")
        return False

    return pulumi.ResourceHookBinding(
        before_update=[pulumi.ResourceHook("stop-stream-job", stop)],
        after_update=[pulumi.ResourceHook("start-stream-job", start)],
        on_error=[pulumi.ErrorHook("start-stream-job-after-failure", start_after_failure)],
    )
