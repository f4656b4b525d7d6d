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
from dataclasses import dataclass, field
from typing import Any

import pulumi

from infra.release.work.job_control import RUNNING, JobControl
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
    """The hooks; after a change, a job whose settings say that it rests is not started by them."""
    work = _Work(stream, ingest)
    return StreamHooks(_of_job(work), _of_definition(work))


def _of_job(work: "_Work") -> pulumi.ResourceHookBinding:
    async def stop(args: pulumi.ResourceHookArgs) -> None:
        try:
            await work.run("stop before a change", args.id, work.stop)
        except StepError:  # Azure may have taken the stop all the same
            await work.put_back(args.id)
            raise

    async def start(args: pulumi.ResourceHookArgs) -> None:
        await work.run("start after a change", args.id, work.start)

    async def start_after_failure(args: pulumi.ErrorHookArgs) -> bool:
        if args.failed_operation == "update":
            await work.put_back(args.id)
        return False

    return pulumi.ResourceHookBinding(
        before_update=[pulumi.ResourceHook("stop-stream-job", stop)],
        after_update=[pulumi.ResourceHook("start-stream-job", start)],
        on_error=[pulumi.ErrorHook("start-stream-job-after-failure", start_after_failure)],
    )


def _of_definition(work: "_Work") -> pulumi.ResourceHookBinding:
    async def write(args: pulumi.ResourceHookArgs) -> None:
        """A new role may be on its way for a definition that is changed, too: to a hub that was made again."""
        template = _template(args.new_inputs)
        job_id = _job_id(template)

        former = _former(args.old_inputs, job_id)

        def write(job: JobControl) -> str:
            definition, never_ran = job.definition, job.state() == "Created"
            return (definition.write if never_ran else definition.rewrite)(template["resources"])

        try:
            await work.run("stop before a change", job_id, lambda job: work.stop(job, former))
            await work.run("rights", job_id, write)
        except StepError:
            await work.put_back(job_id)
            raise

    async def start(args: pulumi.ResourceHookArgs) -> None:
        def clear_and_start(job: JobControl) -> str:
            try:
                job.definition.remove_undeclared()
            finally:  # what is too much keeps no job from running
                started = work.start(job)
            return started

        await work.run("start after a change", _job_id(_template(args.new_inputs)), clear_and_start)

    async def start_as_it_was(args: pulumi.ErrorHookArgs) -> bool:
        """What was to be created is written by now; it is whole, so a job that ran before runs on with it."""
        job_id = _job_id(_template(args.new_inputs))
        if args.failed_operation == "create":
            await work.start_again(job_id)
        elif args.failed_operation == "update":
            await work.put_back(job_id)
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
class _Before:
    """A job before it was stopped for a change: whether it ran, what it did, and the deployment that had told it to.

    That of a job that did not run is what was declared: it may lie there half changed, since a deployment was killed.
    """

    ran: bool
    children: Children
    deployment: Mapping[str, Any] | None


@dataclass(frozen=True)
class _Work:
    """What the hooks do, each in a thread: it takes minutes, and the program goes on meanwhile.

    `before` holds, by its id, each job that was to be stopped.
    """

    stream: StreamSettings
    ingest: IngestSettings
    before: dict[str, _Before] = field(default_factory=dict)

    async def run(self, step: str, job_id: str, action: Callable[[JobControl], str]) -> None:
        """Do `action` to the job as a step with a line of its own."""

        def act() -> str:
            with closing(ResourceManager(own_credential())) as manager:
                patience = Patience(seconds=SECONDS_FOR_RIGHTS, say=pulumi.log.info)
                return action(JobControl(manager, job_id, self.ingest.retention, patience))

        await asyncio.to_thread(Steps("stream job", pulumi.log.info).run, step, act)

    async def after_failure(self, what: str, job_id: str, action: Callable[[JobControl], str]) -> None:
        """The same after a change that failed."""
        try:
            await self.run(f"{what} after a failed change", job_id, action)
        except StepError as error:  # raised here, it would take the place of what the change failed with
            pulumi.log.error(f"stream job: {error}")

    def stop(self, job: JobControl, former: Mapping[str, Any] | None = None) -> str:
        """Stop it for a change, and remember what it did; `former` is the deployment that was declared until now."""
        state, earlier = job.settled("stop"), self.before.get(job.job_id)
        ran = state in RUNNING or (earlier is not None and earlier.ran)
        if former and state not in RUNNING:
            self.before[job.job_id] = _Before(ran, former["template"]["resources"], former)
        else:
            children = [] if state == "Created" else job.definition.present()
            self.before[job.job_id] = _Before(ran, children, job.definition.deployment())
        return job.stop()

    def start(self, job: JobControl) -> str:
        """Have the job run that ran before, with all that it had; one that is to rest only gets that back."""
        return job.restart_after_change() if self.stream.running else job.restore() or "rests"

    async def put_back(self, job_id: str) -> None:
        """Have the job do what it did before a change that failed; it is started also if not all could be put back."""
        before = self.before.get(job_id)
        if before and before.children:
            await self.after_failure("put back", job_id, lambda job: job.put_back(before.children, before.deployment))
        await self.start_again(job_id)

    async def start_again(self, job_id: str) -> None:
        """Start it after a change that failed if it ran, or is to run; where it was not stopped, nothing is done."""
        if before := self.before.get(job_id):
            runs = before.ran or self.stream.running
            await self.after_failure("start", job_id, JobControl.restart_after_change if runs else _rests)


def _rests(_: JobControl) -> str:
    return "rests, as before"


def _former(old_inputs: Mapping[str, Any] | None, job_id: str) -> Mapping[str, Any] | None:
    """The properties of a definition that is changed; None if it is created, or was another job's."""
    properties = _whole(old_inputs["properties"]) if old_inputs else None
    return properties if properties and _job_id(properties["template"]) == job_id else None


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
