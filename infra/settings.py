"""What can be set per stack: the one reader of Pulumi configuration, one frozen dataclass per stage.

The shape is that of `Pulumi.<stack>.yaml`, with the same names in snake case. Everything wrong in a stack's file is
reported together, one line each, before any resource is registered.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

import pulumi
from pulumi.runtime import config

from infra.config_section import Section
from infra.schedule import Schedule
from stream_queries.time_policy import DEFAULT_TIME_POLICY, TimePolicy

GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_GUID_WORDS = "an object id like 00000000-0000-0000-0000-000000000000"
_SECTIONS = ("ingest", "storage", "database", "stream", "image", "cluster", "schedule", "monitoring")

STREAMING_UNITS = (1, 3, *range(6, 67, 6))
"""The steps in which a job on the Standard SKU is billed."""

MOST_LATE_SECONDS, MOST_DISORDER_SECONDS = 20 * 24 * 3600 + 23 * 3600 + 59 * 60 + 59, 9 * 60 + 59
"""Stream Analytics' own limits: 20 days and 23:59:59, and 9:59."""


@dataclass(frozen=True)
class Deployer:
    """Who deploys: gets what publishing needs. `kind` is User, Group or ServicePrincipal."""

    object_id: str
    kind: str


@dataclass(frozen=True)
class IngestSettings:
    """Event Hubs. `inflate_to` throughput units is how far it grows by itself; 0 is not at all."""

    partitions: int
    throughput_units: int
    inflate_to: int
    retention_hours: int

    @classmethod
    def read(cls, section: Section) -> Self:
        """Partitions cannot change later outside Premium: changing them replaces the hub and what is in it."""
        settings = cls(
            partitions=section.integer("partitions", 4, 1, 32),
            throughput_units=section.integer("throughputUnits", 1, 1, 40),
            inflate_to=section.integer("inflateTo", 0, 0, 40),
            retention_hours=section.integer("retentionHours", 24, 1, 168),
        )
        if 0 < settings.inflate_to <= settings.throughput_units:
            section.refuse("inflateTo", f"0, or more than throughputUnits ({settings.throughput_units})")
        return settings


@dataclass(frozen=True)
class StorageSettings:
    """Blob Storage: its copies, and after how many days what is deleted."""

    redundancy: str
    raw_days: int
    rejects_days: int
    predictions_days: int
    cool_after_days: int
    soft_delete_days: int

    @classmethod
    def read(cls, section: Section) -> Self:
        """`coolAfterDays` must come before the raw data is deleted."""
        kinds = ("Standard_LRS", "Standard_ZRS", "Standard_GRS", "Standard_GZRS", "Standard_RAGRS", "Standard_RAGZRS")
        settings = cls(
            redundancy=section.choice("redundancy", "Standard_LRS", kinds),
            raw_days=section.integer("rawDays", 90, 1, 3650),
            rejects_days=section.integer("rejectsDays", 30, 1, 3650),
            predictions_days=section.integer("predictionsDays", 365, 1, 3650),
            cool_after_days=section.integer("coolAfterDays", 30, 1, 3650),
            soft_delete_days=section.integer("softDeleteDays", 7, 7, 365),
        )
        if settings.cool_after_days >= settings.raw_days:
            section.refuse("coolAfterDays", f"fewer days than rawDays ({settings.raw_days})")
        return settings


@dataclass(frozen=True)
class ServerlessSettings:
    """A serverless database. It pauses only without connections: windows arrive every minute while the job runs."""

    most_vcores: int
    fewest_vcores: float
    pause_minutes: int


@dataclass(frozen=True)
class DatabaseSettings:
    """Azure SQL. `size` is a DTU service objective, or `serverless`."""

    admin_group_name: str
    admin_group_id: str
    size: str
    serverless: ServerlessSettings
    backup_days: int
    deployer_addresses: tuple[str, ...]
    threat_alerts: bool

    @classmethod
    def read(cls, section: Section) -> Self:
        """The admin group is required: nobody but its members can grant rights in a database without passwords."""
        group, serverless = section.section("adminGroup"), section.section("serverless")
        settings = cls(
            admin_group_name=group.required("name", r"[^\r\n]{1,128}", "the name of an Entra group"),
            admin_group_id=group.required("objectId", GUID, _GUID_WORDS),
            size=section.choice("size", "S0", ("S0", "S1", "S2", "S3", "serverless")),
            serverless=ServerlessSettings(
                most_vcores=serverless.choice("mostVcores", 1, (1, 2, 4, 6, 8)),
                fewest_vcores=serverless.choice("fewestVcores", 0.5, (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)),
                pause_minutes=serverless.integer("pauseMinutes", 60, -1, 10080),
            ),
            backup_days=section.integer("backupDays", 7, 1, 35),
            deployer_addresses=section.texts("deployerAddresses", _is_public_address, "a public IPv4 address"),
            threat_alerts=section.boolean("threatAlerts", default=True),
        )
        if -1 < settings.serverless.pause_minutes < 60:
            serverless.refuse("pauseMinutes", "-1 (never), or from 60 to 10080")
        if settings.serverless.fewest_vcores > settings.serverless.most_vcores:
            serverless.refuse("fewestVcores", f"at most mostVcores ({settings.serverless.most_vcores})")
        if settings.size != "serverless" and section.values.get("serverless"):
            section.refuse("serverless", "it only with size: serverless")
        group.finish()
        serverless.finish()
        return settings


@dataclass(frozen=True)
class StreamSettings:
    """Stream Analytics: streaming units, and the time policies, whose defaults have their home beside the query."""

    streaming_units: int
    time_policy: TimePolicy

    @classmethod
    def read(cls, section: Section) -> Self:
        """Both tolerances in whole seconds."""
        late, disorder = (
            section.integer(key, int(default.total_seconds()), 0, most)
            for key, default, most in (
                ("lateArrivalSeconds", DEFAULT_TIME_POLICY.late_arrival, MOST_LATE_SECONDS),
                ("outOfOrderSeconds", DEFAULT_TIME_POLICY.out_of_order, MOST_DISORDER_SECONDS),
            )
        )
        policy = TimePolicy(late_arrival=timedelta(seconds=late), out_of_order=timedelta(seconds=disorder))
        return cls(section.choice("streamingUnits", 1, STREAMING_UNITS), policy)


@dataclass(frozen=True)
class ImageSettings:
    """The cluster's image: built by the registry, unless `existing` names one."""

    registry_sku: str
    existing: str | None

    @classmethod
    def read(cls, section: Section) -> Self:
        """An existing image needs a registry's host and a tag or digest: without one it could change unseen."""
        pattern = r"[a-z0-9.-]+\.[a-z]{2,}(/[a-z0-9._-]+)+(:[A-Za-z0-9._-]{1,128}|@sha256:[0-9a-f]{64})"
        existing = section.text("existing", "", pattern, "a reference with host and tag, like host.azurecr.io/name:tag")
        return cls(section.choice("registrySku", "Standard", ("Basic", "Standard", "Premium")), existing or None)


@dataclass(frozen=True)
class ClusterSettings:
    """The Azure ML compute cluster that scores, and its workspace's store."""

    vm_size: str
    priority: str
    min_nodes: int
    max_nodes: int
    idle: timedelta
    keyless_store: bool

    @classmethod
    def read(cls, section: Section) -> Self:
        """`minNodes` above 0 keeps nodes warm, and paid for, between runs."""
        settings = cls(
            vm_size=section.text(
                "vmSize",
                "STANDARD_DS3_V2",
                r"STANDARD_[A-Z]{1,3}[0-9]{1,3}[A-Z0-9_-]*",
                "a VM size like STANDARD_DS3_V2",
            ),
            priority=section.choice("priority", "LowPriority", ("Dedicated", "LowPriority")),
            min_nodes=section.integer("minNodes", 0, 0, 100),
            max_nodes=section.integer("maxNodes", 2, 1, 100),
            idle=timedelta(minutes=section.integer("idleMinutes", 2, 1, 720)),
            keyless_store=section.boolean("keylessStore", default=True),
        )
        if settings.min_nodes > settings.max_nodes:
            section.refuse("minNodes", f"at most maxNodes ({settings.max_nodes})")
        return settings


@dataclass(frozen=True)
class MonitoringSettings:
    """Logs, alerts and the budget. `logs` is which category group resources send: audit, or allLogs."""

    alert_address: str
    budget_amount: float
    budget_start: str
    log_retention_days: int
    daily_cap_gb: float
    logs: str

    @classmethod
    def read(cls, section: Section) -> Self:
        """`allLogs` writes an entry, with payload, per late event: audit is the default."""
        budget = section.section("budget")
        settings = cls(
            alert_address=section.required(
                "alertAddress", r"[^@\s]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", "an e-mail address"
            ),
            budget_amount=budget.number("amount", 150, 1, 10_000_000),
            budget_start=budget.text(
                "start", "2026-12-01", r"20[0-9]{2}-(0[1-9]|1[0-2])-01", "the first day of a month, like 2026-12-01"
            ),
            log_retention_days=section.integer("logRetentionDays", 30, 30, 730),
            daily_cap_gb=section.number("dailyCapGb", 1, 0.1, 1000),
            logs=section.choice("logs", "audit", ("audit", "allLogs")),
        )
        budget.finish()
        return settings


@dataclass(frozen=True)
class Settings:
    """All settings of a stack."""

    region: str
    tags: Mapping[str, str]
    protect: bool
    deployers: tuple[Deployer, ...]
    ingest: IngestSettings
    storage: StorageSettings
    database: DatabaseSettings
    stream: StreamSettings
    image: ImageSettings
    cluster: ClusterSettings
    schedule: Schedule
    monitoring: MonitoringSettings

    @classmethod
    def from_stack(cls) -> Self:
        """Read the current stack's configuration; `pulumi.RunError` with one line for each thing that is wrong."""
        settings, problems = cls.read(_configured())
        if problems:
            lines = "\n".join(f"  {pulumi.get_project()}:{problem}" for problem in problems)
            raise pulumi.RunError(
                f"{len(problems)} wrong in Pulumi.{pulumi.get_stack()}.yaml, nothing was done:\n{lines}"
            )
        return settings

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> tuple[Self, list[str]]:
        """The settings in plain `values`, and what is wrong with them (then the settings are not to be used)."""
        problems: list[str] = []
        root = Section("", values, problems)
        sections = {name: root.section(name) for name in _SECTIONS}
        stream = StreamSettings.read(sections["stream"])
        settings = cls(
            region=root.text("region", "westeurope", r"[a-z][a-z0-9]{2,29}", "an Azure region like westeurope"),
            tags=_tags(root.section("tags")),
            protect=root.boolean("protect", default=False),
            deployers=tuple(_deployer(section) for section in root.sections("deployers")),
            ingest=IngestSettings.read(sections["ingest"]),
            storage=StorageSettings.read(sections["storage"]),
            database=DatabaseSettings.read(sections["database"]),
            stream=stream,
            image=ImageSettings.read(sections["image"]),
            cluster=ClusterSettings.read(sections["cluster"]),
            schedule=Schedule.read(sections["schedule"], stream.time_policy),
            monitoring=MonitoringSettings.read(sections["monitoring"]),
        )
        for section in (root, *sections.values()):
            section.finish()
        return settings, problems


def _configured() -> dict[str, Any]:
    """Every key of the project's configuration, with what Pulumi hands on as JSON text read back.

    `pulumi.Config` can be asked for keys, not for what keys there are; a misspelled one must not pass unseen.
    """
    given = {**config.get_config_env(), **config.CONFIG.get()}
    prefix = f"{pulumi.get_project()}:"
    return {key.removeprefix(prefix): _value(given[key]) for key in sorted(given) if key.startswith(prefix)}


def _value(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def _deployer(section: Section) -> Deployer:
    deployer = Deployer(
        object_id=section.required("objectId", GUID, _GUID_WORDS),
        kind=section.choice("type", "User", ("User", "Group", "ServicePrincipal")),
    )
    section.finish()
    return deployer


def _tags(section: Section) -> dict[str, str]:
    """Tags by Azure's rules: at most 50 with the program's own three, names without `<>%&\\?/`."""
    tags = {}
    for name in section.values:
        if not re.fullmatch(r"[^<>%&\\?/]{1,128}", str(name)):
            section.problems.append(f"{section.at(str(name))} is no tag name: leave out < > % & \\ ? / and keep to 128")
        tags[str(name)] = section.text(str(name), "", r"[^\r\n]{0,256}", "a text of at most 256 characters")
    if len(tags) > 47:
        section.problems.append(f"{section.path} holds {len(tags)} tags: give at most 47")
    return tags


def _is_public_address(text: str) -> bool:
    try:
        return ipaddress.IPv4Address(text).is_global
    except ValueError:
        return False
