"""Everything that exists in Azure, in the order in which data passes it.

This is the program that Pulumi runs; `python -m infra COMMAND` is handed over to `infra/commands`.
"""

import pulumi

from infra.commands.command_line import hand_over
from infra.placement import place
from infra.readme import stack_readme
from infra.release.preflight import preflight_hooks
from infra.release.release_record import release_record
from infra.release.schema_record import schema_record
from infra.release.stream_job_hooks import stream_job_hooks
from infra.settings import Settings
from infra.stages.access import grant_access
from infra.stages.database import Database
from infra.stages.ingest import Ingest
from infra.stages.machine_learning import MachineLearning
from infra.stages.registry import Registry
from infra.stages.storage import Storage
from infra.stages.stream_definition import stream_definition
from infra.stages.stream_job import stream_job
from infra.watching.alerts import Alerts
from infra.watching.monitoring import Monitoring, Watched
from infra.watching.observation import Observation
from infra.watching.workbook import workbook

hand_over()

settings = Settings.from_stack()
placement = place(settings, preflight_hooks(settings.deployers))

observation = Observation("scoring", placement, settings.monitoring)
ingest = Ingest("scoring", placement, settings.ingest)
storage = Storage("scoring", placement, settings.storage, keyless_workspace_store=settings.cluster.keyless_store)
database = Database("scoring", placement, settings.database)
registry = Registry("scoring", placement, settings.image)
machine_learning = MachineLearning(
    "scoring", placement, settings.cluster, storage=storage, registry=registry, observation=observation
)
hooks = stream_job_hooks(settings.stream, settings.ingest)
job, job_settings = stream_job("scoring", placement, settings.stream, hooks.job)

watched = Watched(observation, ingest, storage, database, registry, machine_learning, job)
roles = grant_access(placement, watched, settings.deployers)
schema = schema_record(settings.database, placement, database, stream_job=job, machine_learning=machine_learning)
definition, definition_digest = stream_definition(
    "scoring",
    placement,
    settings.stream,
    job,
    ingest=ingest,
    storage=storage,
    database=database,
    depends_on=[ingest, storage, database, registry, machine_learning, schema, *roles],
    hooks=hooks.definition,
)
monitoring = Monitoring("scoring", placement, settings, watched)
alerts = Alerts("scoring", placement, settings, watched)
release_record(
    settings,
    placement,
    database=database,
    storage=storage,
    registry=registry,
    machine_learning=machine_learning,
    stream_job=job,
    stream_settings=job_settings,
    stream_definition=definition_digest,
    depends_on=[definition, monitoring, alerts, workbook("scoring", placement, observation)],
)

pulumi.export("subscriptionId", placement.subscription_id)
pulumi.export("resourceGroup", placement.group.name)
pulumi.export("eventHubsHost", ingest.host)
pulumi.export("databaseHost", database.host)
pulumi.export("streamJob", job.name)
pulumi.export("workspace", machine_learning.workspace.name)
pulumi.export("cluster", machine_learning.cluster.name)
pulumi.export("image", registry.image)
pulumi.export("predictions", storage.predictions_url)
pulumi.export("readme", stack_readme())
