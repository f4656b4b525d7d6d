"""What lies below a Stream Analytics job: inputs, outputs and its query, and what Azure refuses of them.

A job whose identity may not use what an input or output names refuses that input or output: public reports differ in
which kinds are looked at (https://github.com/pulumi/pulumi-azure-native/issues/2607,
https://github.com/Azure/azure-stream-analytics/issues/190), so all but the database are here; its users are nowhere in
the simulated subscription.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from simulator.azure import arm
from simulator.azure.arm.template import JOBS, child_findings
from simulator.azure.errors import ArmError
from simulator.azure.references import NAMESPACE, SQL_SERVER, STORAGE_ACCOUNT, Reference, by_name, require
from simulator.azure.resources import STREAM_JOB, with_provisioning_state
from simulator.azure.roles import BLOB_WRITERS, HUB_READERS, has_role
from simulator.azure.subscription import StoredResource, Subscription

RUNNING = frozenset({"Starting", "Running", "Scaling", "Stopping", "Degraded"})
"""States in which a stream job takes no changes."""

STATE_ANSWERED = ("jobState", "outputStartMode", "outputStartTime", "lastOutputEventTime")
"""What a GET tells of how a job was started and what it does; the start's mode and time are inputs of the job too."""

KINDS = ("inputs", "outputs", "transformations")

Json = Mapping[str, Any]


def check_at_rest(job: StoredResource) -> None:
    """Raise `ArmError` where the job takes no changes.

    Source: https://learn.microsoft.com/azure/stream-analytics/job-states (the states)
    Assumed: in each of `RUNNING` any change is refused; the release stops the job before it changes anything.
    """
    if job.state.get("jobState") in RUNNING:
        raise ArmError(
            409,
            "Conflict",
            "The Stream Analytics job is not in a valid state to perform this operation. "
            f"('{job.name}' is {job.state['jobState']}: stop it first)",
        )


def write_child(subscription: Subscription, job: StoredResource, kind: str, name: str, properties: Json) -> None:
    """Create or replace a child of the job; `ArmError` where Azure would refuse it.

    Source: https://github.com/Azure/bicep-types-az (forms of inputs, outputs and the query),
    https://github.com/JamesNK/Newtonsoft.Json/issues/2019 (a number that is written with a point is no integer)
    Assumed: a second query is refused; the release and the template write one name only. Stream Analytics reads numbers
    as that library does, and no child has a fraction.
    """
    check_at_rest(job)
    for fraction in _fractions(properties):
        raise ArmError(400, "BadRequest", f"{kind} {name}: Input string '{fraction}' is not a valid integer.")
    if found := next(child_findings(kind, properties, "properties"), None):
        raise ArmError(400, "BadRequest", f"{kind} {name}: {found.path}: {found.message}")
    for reference in _references(subscription, kind, properties):
        require(subscription, reference)
    check_rights(subscription, job, kind, properties)
    for other in subscription.children(job.id, kind) if kind == "transformations" else ():
        if other.name != name:
            raise ArmError(409, "Conflict", f"the job has a transformation already: {other.name}")
    id_ = f"{job.id}/{kind}/{name}"
    body = {"id": id_, "name": name, "type": f"{JOBS}/{kind}", "properties": dict(properties)}
    subscription.put(StoredResource(id_, f"{JOBS}/{kind}", body=body))


def _fractions(value: Any) -> Iterator[float]:
    """Numbers that are written with a point."""
    if isinstance(value, float):
        yield value
    elif isinstance(value, Mapping | list):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _fractions(one)


def check_rights(subscription: Subscription, job: StoredResource, kind: str, properties: Json) -> None:
    """Raise `ArmError` where the job's identity has no role for what it is to read or write.

    Source: https://github.com/Azure/azure-stream-analytics/issues/190
    """
    principal = str((job.outputs.get("identity") or {}).get("principalId"))
    source = _source(properties)
    if source.get("authenticationMode") != "Msi":
        return
    if (namespace := source.get("serviceBusNamespace")) and not has_role(
        subscription, principal, HUB_READERS, _hub(subscription, source)
    ):
        raise _refusal(f"Access to EventHub sb://{namespace}.servicebus.windows.net/ is not authorized.")
    for account, container in _containers(subscription, source):
        if kind == "outputs" and not has_role(subscription, principal, BLOB_WRITERS, container):
            raise _refusal(f"Access to storage account {account} is not authorized.")


def check_inline_definition(subscription: Subscription, job: StoredResource) -> None:
    """Raise `ArmError` where inputs or outputs in the job's own body name what its identity may not use.

    A job that is being made has an identity that nobody can have given a role yet.
    """
    properties = arm.body(STREAM_JOB, job.inputs).get("properties", {})
    for kind in ("inputs", "outputs"):
        for child in properties.get(kind, ()):
            check_rights(subscription, job, kind, child.get("properties", {}))


def expanded(subscription: Subscription, job: StoredResource) -> dict[str, Any]:
    """The properties that a GET of the job adds when it is asked to expand them."""
    inputs, outputs, queries = (
        [{key: one.body[key] for key in ("id", "name", "type", "properties")} for one in found]
        for found in (subscription.children(job.id, kind) for kind in KINDS)
    )
    return {"inputs": inputs, "outputs": outputs, "functions": []} | ({"transformation": queries[0]} if queries else {})


def query_of(subscription: Subscription, job: StoredResource) -> str:
    """The text of the query that the job runs."""
    (query,) = subscription.children(job.id, "transformations")
    return query.body["properties"]["query"]


def deploy(subscription: Subscription, deployment: StoredResource) -> tuple[StoredResource, ArmError | None]:
    """Write what a deployment's template holds: the deployment as it ended, and why if it failed; it exists even then.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
    """
    group_id = deployment.id.partition("/providers/")[0]
    try:
        _write_resources(subscription, group_id, deployment.inputs["properties"]["template"])
    except ArmError as error:
        return with_provisioning_state(deployment, "Failed"), error
    return with_provisioning_state(deployment, "Succeeded"), None


def _write_resources(subscription: Subscription, group_id: str, template: Json) -> None:
    """Write a template's resources one after the other; what was written before a refusal stays, as in Azure.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-parent-resource
    """
    for child in template["resources"]:
        job_name, _, name = child["name"].partition("/")
        job = subscription.get(f"{group_id}/providers/{JOBS}/{job_name}")
        if job is None:
            raise ArmError(404, "ParentResourceNotFound", f"the job {job_name} of {child['name']} was not found")
        write_child(subscription, job, child["type"].rpartition("/")[2], name, _plain(child["properties"]))


def _plain(value: Any) -> Any:
    """A template's value: `[[` stands for a bracket; expressions are not known here.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-expressions
    """
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, str) and value.startswith("["):
        if not value.startswith("[["):
            raise ArmError(400, "InvalidTemplate", f"Unable to process template language expressions: {value[:60]!r}")
        return value[1:]
    return value


def _refusal(reason: str) -> ArmError:
    """How a job's validation is answered.

    Source: https://github.com/pulumi/pulumi-azure-native/issues/2607
    """
    return ArmError(400, "BadRequest", f"Stream Analytics job has validation errors: {reason}")


def _source(properties: Json) -> Json:
    return (properties.get("datasource") or {}).get("properties", {})


def _references(subscription: Subscription, kind: str, properties: Json) -> Iterator[Reference]:
    """A job names hubs, accounts and databases by their names, which are unique in all of Azure."""
    source = _source(properties)
    if kind == "inputs" and source.get("eventHubName"):
        hub = _hub(subscription, source)
        yield Reference("datasource.eventHubName", hub)
        if group := source.get("consumerGroupName"):
            yield Reference("datasource.consumerGroupName", f"{hub}/consumergroups/{group}")
    for account, container in _containers(subscription, source):
        yield Reference("datasource.storageAccounts", by_name(subscription, STORAGE_ACCOUNT, account))
        yield Reference("datasource.container", container)
    if source.get("server"):
        server = by_name(subscription, SQL_SERVER, str(source["server"]).split(".")[0])
        yield Reference("datasource.server", server)
        yield Reference("datasource.database", f"{server}/databases/{source.get('database')}")


def _hub(subscription: Subscription, source: Json) -> str:
    namespace = by_name(subscription, NAMESPACE, str(source.get("serviceBusNamespace")))
    return f"{namespace}/eventhubs/{source.get('eventHubName')}"


def _containers(subscription: Subscription, source: Json) -> Iterator[tuple[str, str]]:
    """Name of the account and id of the container."""
    for account in source.get("storageAccounts", ()):
        name = str(account.get("accountName"))
        account_id = by_name(subscription, STORAGE_ACCOUNT, name)
        yield name, f"{account_id}/blobServices/default/containers/{source.get('container')}"
