"""What an ARM template holds, against Azure's published types: resources in Azure's own names, not the SDK's.

Only what the project's templates use is known: children of a Stream Analytics job, with names that need no expression.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from simulator.azure.arm.body import Finding
from simulator.azure.arm.scalars import described, in_words, scalar_faults
from simulator.azure.arm.types import Anything, Items, MapOf, Object, ResourceType, Type, resource_type
from simulator.azure.arm.values import UNKNOWN

DEPLOYMENT = "Microsoft.Resources/deployments"
JOBS = "Microsoft.StreamAnalytics/streamingjobs"
CHILDREN = {f"{JOBS}/inputs": "Input", f"{JOBS}/outputs": "Output", f"{JOBS}/transformations": "Transformation"}
"""Types that a template may hold, and the object of the job's table that says what such a child is made of."""

_KEYS = frozenset({"type", "apiVersion", "name", "dependsOn", "properties"})


def template_findings(type_: ResourceType, inputs: Mapping[str, Any]) -> Iterator[Finding]:
    """What Azure would not take of the template of a deployment; nothing for resources of any other type."""
    if type_.arm_type != DEPLOYMENT:
        return
    template = inputs.get("properties", {}).get("template")
    if template is UNKNOWN:
        return
    at = "properties.template"
    if not isinstance(template, Mapping) or not isinstance(template.get("resources"), list):
        yield Finding("wrong-type", at, f"a template with a list of resources is needed, got {described(template)}")
        return
    for index, child in enumerate(template["resources"]):
        yield from _child(child, f"{at}.resources[{index}]")


def child_findings(kind: str, properties: Any, path: str) -> Iterator[Finding]:
    """What is wrong with the properties of a job's child; `kind` is `inputs`, `outputs` or `transformations`."""
    job = _job()
    yield from _value(job, properties, job.objects[CHILDREN[f"{JOBS}/{kind}"]].properties["properties"].type, path)


def _child(child: Mapping[str, Any], path: str) -> Iterator[Finding]:
    type_ = child.get("type")
    if type_ not in CHILDREN:
        yield Finding("unknown-type", f"{path}.type", f"{type_!r} is not one of {sorted(CHILDREN)}")
        return
    for key in sorted(child.keys() - _KEYS):
        yield Finding("unknown-property", f"{path}.{key}", "a resource of a template does not have it")
    if child.get("apiVersion") != (version := _job().api_version):
        yield Finding("bad-enum", f"{path}.apiVersion", f"{child.get('apiVersion')!r}: checked are types of {version}")
    name = child.get("name")
    if name is not UNKNOWN and not (isinstance(name, str) and name.count("/") == 1 and not name.startswith("[")):
        yield Finding("pattern", f"{path}.name", f"{name!r} is not job/child")
    yield from child_findings(type_.rpartition("/")[2], child.get("properties"), f"{path}.properties")


def _job() -> ResourceType:
    job = resource_type("azure-native:streamanalytics:StreamingJob")
    if job is None:
        raise LookupError("tables/ has no table of stream jobs")
    return job


def _value(table: ResourceType, value: Any, type_: Type, path: str) -> Iterator[Finding]:
    if value is UNKNOWN or isinstance(type_, Anything):
        return
    if isinstance(type_, Object):
        yield from _object(table, value, type_, path)
    elif isinstance(type_, Items) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _value(table, item, type_.item, f"{path}[{index}]")
    elif isinstance(type_, MapOf) and isinstance(value, Mapping):
        for key, item in value.items():
            yield from _value(table, item, type_.value, f"{path}[{key!r}]")
    else:
        for kind, message in scalar_faults(value, type_):
            yield Finding(kind, path, message)


def _object(table: ResourceType, value: Any, type_: Object, path: str) -> Iterator[Finding]:
    if not isinstance(value, Mapping):
        yield Finding("wrong-type", path, f"{in_words(type_)} is needed, got {described(value)}")
        return
    thing = table.objects[type_.names[0]]
    variant = value.get(thing.discriminator) if thing.discriminator else None
    if thing.discriminator and variant not in thing.variants:
        yield Finding(
            "bad-enum", f"{path}.{thing.discriminator}", f"{variant!r} is not one of {sorted(thing.variants)}"
        )
    known = table.properties(thing, variant)
    for key, item in value.items():
        if key == thing.discriminator and key not in known:
            continue
        if key not in known:
            yield Finding("unknown-property", f"{path}.{key}", f"does not exist in {thing.name}@{table.api_version}")
        elif known[key].read_only:
            yield Finding("read-only", f"{path}.{key}", "is for Azure to set")
        else:
            yield from _value(table, item, known[key].type, f"{path}.{key}")
    for key, property_ in known.items():
        if property_.required and not property_.read_only and value.get(key) is None:
            yield Finding("missing-required", f"{path}.{key}", "is required")
