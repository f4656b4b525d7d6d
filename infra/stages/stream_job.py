"""Stage 2: the Stream Analytics job itself: who it is and how it treats time, not yet what it does.

A job with inputs and outputs by managed identity is refused until that identity may read and write them, and the
identity exists only with the job (https://github.com/pulumi/pulumi-azure-native/issues/2607). So the job comes first,
then its roles and its database user, then `stream_definition.py`: inputs, outputs, query. The release makes the first
start.
"""

import pulumi
from pulumi_azure_native import streamanalytics

from infra import names
from infra.placement import Placement
from infra.settings.stages.stream import StreamSettings


def stream_job(
    name: str, placement: Placement, settings: StreamSettings, hooks: pulumi.ResourceHookBinding
) -> tuple[streamanalytics.StreamingJob, pulumi.Output[str]]:
    """Declare the job, with the time policies from their one home; the second value is a digest of all its settings.

    A start writes its mode and time into the job, where a refresh finds them: they are nobody's setting.
    """
    policy = settings.time_policy
    arguments = streamanalytics.StreamingJobArgs(
        resource_group_name=placement.group.name,
        location=placement.region,
        tags=placement.tags,
        sku=streamanalytics.SkuArgs(name=settings.sku),
        identity=streamanalytics.IdentityArgs(type="SystemAssigned"),
        compatibility_level=streamanalytics.CompatibilityLevel.COMPATIBILITY_LEVEL_1_2,
        job_type=streamanalytics.JobType.CLOUD,
        content_storage_policy=streamanalytics.ContentStoragePolicy.SYSTEM_ACCOUNT,
        data_locale="en-US",
        events_late_arrival_max_delay_in_seconds=int(policy.late_arrival.total_seconds()),
        events_out_of_order_max_delay_in_seconds=int(policy.out_of_order.total_seconds()),
        events_out_of_order_policy=streamanalytics.EventsOutOfOrderPolicy.ADJUST,
        # Drop would lose rows without a word; Stop tries again for ever, and stream-blocked and stream-behind say so.
        output_error_policy=streamanalytics.OutputErrorPolicy.STOP,
    )
    options = placement.options(hooks=hooks, ignore_changes=["outputStartMode", "outputStartTime"])
    job = streamanalytics.StreamingJob(f"{name}-stream", arguments, opts=options)
    return job, pulumi.Output.from_input(arguments).apply(names.definition_digest)
