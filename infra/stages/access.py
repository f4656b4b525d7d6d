"""Who may do what, where: every role assignment, one line each, with the narrowest scope that works.

Deliberately absent: the Azure ML workspace's own roles on its storage, vault and registry. It grants them to itself;
a second assignment of the same role is refused. Rights inside the database are granted there, by the release.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pulumi
from pulumi_azure_native import authorization

from infra import names
from infra.placement import Placement
from infra.settings.stages.deployers import Deployer
from infra.watching.monitoring import Watched

EVENT_HUBS_SENDER = "2b629674-e913-4c01-ae53-ef4638d8f975"
EVENT_HUBS_RECEIVER = "a638d3c7-ab3a-418d-83e6-5f17a39d4fde"
BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
QUEUE_CONTRIBUTOR = "974c5e8b-45b9-4653-ba55-5f855dd0fb88"
TABLE_CONTRIBUTOR = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
ML_DATA_SCIENTIST = "f6c7c914-8db3-469d-8ca1-694a8f32e121"
"""Built-in roles: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles"""


@dataclass(frozen=True)
class Grant:
    """One line of the table below. `name` never changes: it names the assignment in Azure."""

    name: str
    role: str
    scope: pulumi.Input[str]
    principal_id: pulumi.Input[str]
    principal_type: str = "ServicePrincipal"


def grant_access(
    placement: Placement, stages: Watched, deployers: Sequence[Deployer]
) -> list[authorization.RoleAssignment]:
    """Declare all role assignments."""
    ingest, storage, machine_learning = stages.ingest, stages.storage, stages.machine_learning
    hub, workspace, store = ingest.hub.id, machine_learning.workspace.id, storage.workspace.id
    raw, rejects, predictions = (storage.containers[name].id for name in names.CONTAINERS)
    job = stages.stream_job.identity.principal_id
    cluster = machine_learning.cluster_identity.principal_id
    grants = [
        Grant("stream-receives", EVENT_HUBS_RECEIVER, hub, job),
        Grant("stream-archives", BLOB_CONTRIBUTOR, raw, job),
        Grant("stream-rejects", BLOB_CONTRIBUTOR, rejects, job),
        Grant("cluster-pulls-image", ACR_PULL, stages.registry.registry.id, cluster),
        Grant("cluster-keeps-predictions", BLOB_CONTRIBUTOR, predictions, cluster),
        Grant("cluster-uses-store-blobs", BLOB_CONTRIBUTOR, store, cluster),
        Grant("cluster-uses-store-queues", QUEUE_CONTRIBUTOR, store, cluster),
        Grant("cluster-uses-store-tables", TABLE_CONTRIBUTOR, store, cluster),
    ]
    for deployer in deployers:
        who, kind = deployer.object_id, deployer.kind
        grants += [
            Grant(f"{who}-publishes", ML_DATA_SCIENTIST, workspace, who, kind),
            Grant(f"{who}-uploads", BLOB_CONTRIBUTOR, store, who, kind),
            Grant(f"{who}-reads-predictions", BLOB_READER, predictions, who, kind),
            Grant(f"{who}-sends-readings", EVENT_HUBS_SENDER, hub, who, kind),
            Grant(f"{who}-replays", EVENT_HUBS_RECEIVER, ingest.consumer_groups[names.REPLAY_GROUP].id, who, kind),
        ]
    return [_assign(placement, grant) for grant in grants]


def _assign(placement: Placement, grant: Grant) -> authorization.RoleAssignment:
    return authorization.RoleAssignment(
        grant.name,
        role_assignment_name=placement.group.name.apply(partial(names.role_assignment, grant.name)),
        role_definition_id=pulumi.Output.format(
            "/subscriptions/{0}/providers/Microsoft.Authorization/roleDefinitions/{1}",
            placement.subscription_id,
            grant.role,
        ),
        scope=grant.scope,
        principal_id=grant.principal_id,
        principal_type=grant.principal_type,
        opts=placement.options(),
    )
