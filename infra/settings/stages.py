"""What can be set of each stage, with defaults and limits: one frozen dataclass per stage."""

import ipaddress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from infra.settings.regions import read_region
from infra.settings.section import Section
from stream_queries.time_policy import DEFAULT_TIME_POLICY, TimePolicy

GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_GUID_WORDS = "an object id like 00000000-0000-0000-0000-000000000000"

STREAMING_UNITS = {"Standard": (1, 3, *range(6, 67, 6)), "StandardV2": (3, 7, *range(10, 661, 10))}
"""What a job takes on each SKU. On StandardV2 it is in tenths: 3 and 7 are a third and two thirds of a unit, 10 is one.
Source: https://learn.microsoft.com/azure/stream-analytics/stream-analytics-streaming-unit-consumption,
https://github.com/Azure/azure-quickstart-templates/tree/master/quickstarts/microsoft.streamanalytics"""

_STREAMING_UNITS_WORDS = {
    "Standard": "one of " + ", ".join(map(str, STREAMING_UNITS["Standard"])),
    "StandardV2": "3 (a third of a unit), 7 (two thirds), 10 (one), 20 and so on to 660, for StandardV2",
}

MOST_LATE_SECONDS, MOST_DISORDER_SECONDS = 23 * 3600, 9 * 60 + 59
"""Disorder is limited by Stream Analytics; lateness (20 days there) by a run's settling, which waits for it."""


@dataclass(frozen=True)
class Deployer:
    """Who deploys: gets what publishing needs. `kind` is User, Group or ServicePrincipal.

    The id is in lower case however it is written: Azure compares ids without case, and assignments are named after it.
    """

    object_id: str
    kind: str

    @classmethod
    def read(cls, section: Section) -> Self:
        """Both are checked for their form only; whether there is such an identity, Azure knows."""
        deployer = cls(
            object_id=section.required("objectId", GUID, _GUID_WORDS).lower(),
            kind=section.choice("type", "User", ("User", "Group", "ServicePrincipal")),
        )
        section.finish()
        return deployer


@dataclass(frozen=True)
class IngestSettings:
    """Event Hubs. `inflate_to` throughput units is how far it grows by itself; 0 is not at all."""

    partitions: int
    throughput_units: int
    inflate_to: int
    retention_hours: int

    @property
    def retention(self) -> timedelta:
        """How long the hub keeps events."""
        return timedelta(hours=self.retention_hours)

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
            section.refuse(
                "inflateTo", settings.inflate_to, f"0, or more than throughputUnits ({settings.throughput_units})"
            )
        return settings


@dataclass(frozen=True)
class StorageSettings:
    """Blob Storage: its copies, and after how many days what is deleted."""

    redundancy: str
    raw_days: int
    rejects_days: int
    predictions_days: int
    runs_days: int
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
            runs_days=section.integer("runsDays", 30, 1, 3650),
            cool_after_days=section.integer("coolAfterDays", 30, 1, 3650),
            soft_delete_days=section.integer("softDeleteDays", 7, 7, 365),
        )
        if settings.cool_after_days >= settings.raw_days:
            section.refuse("coolAfterDays", settings.cool_after_days, f"fewer days than rawDays ({settings.raw_days})")
        return settings


FEWEST_VCORES = {1: 0.5, 2: 0.5, 4: 0.5, 6: 0.75, 8: 1.0}
"""For each size of a serverless database, the least it may shrink to."""


@dataclass(frozen=True)
class ServerlessSettings:
    """A serverless database. It pauses only without connections: windows arrive every minute while the job runs."""

    most_vcores: int
    fewest_vcores: float
    pause_minutes: int


@dataclass(frozen=True)
class DatabaseSettings:
    """Azure SQL. `size` is a DTU service objective, or `serverless`; `region` is another one than everything else's.

    Windows are deleted after `window_days`, by the runs.
    """

    region: str | None
    admin_group_name: str
    admin_group_id: str
    size: str
    window_days: int
    serverless: ServerlessSettings
    backup_days: int
    backup_redundancy: str
    deployer_addresses: tuple[str, ...]
    threat_alerts: bool

    @classmethod
    def read(cls, section: Section) -> Self:
        """The admin group is required: nobody but its members can grant rights in a database without passwords."""
        group, serverless = section.section("adminGroup"), section.section("serverless")
        settings = cls(
            region=read_region(section, "region", "") or None,
            admin_group_name=group.required("name", r"[^\r\n]{1,128}", "the name of an Entra group"),
            admin_group_id=group.required("objectId", GUID, _GUID_WORDS).lower(),
            size=section.choice("size", "S0", ("S0", "S1", "S2", "S3", "serverless")),
            window_days=section.integer("windowDays", 90, 1, 3650),
            serverless=ServerlessSettings(
                most_vcores=serverless.choice("mostVcores", 1, tuple(FEWEST_VCORES)),
                fewest_vcores=serverless.choice("fewestVcores", 0.5, (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)),
                pause_minutes=serverless.integer("pauseMinutes", 60, -1, 10080),
            ),
            backup_days=section.integer("backupDays", 7, 1, 35),
            backup_redundancy=section.choice("backupRedundancy", "Local", ("Local", "Zone", "Geo")),
            deployer_addresses=section.texts("deployerAddresses", _is_public_address, "a public IPv4 address"),
            threat_alerts=section.boolean("threatAlerts", default=True),
        )
        chosen = settings.serverless
        if -1 < chosen.pause_minutes < 60:
            serverless.refuse("pauseMinutes", chosen.pause_minutes, "-1 (never), or from 60 to 10080")
        if not FEWEST_VCORES[chosen.most_vcores] <= chosen.fewest_vcores <= chosen.most_vcores:
            limits = f"from {FEWEST_VCORES[chosen.most_vcores]:g} to {chosen.most_vcores}, for mostVcores"
            serverless.refuse("fewestVcores", chosen.fewest_vcores, limits)
        if settings.size != "serverless" and section.values.get("serverless"):
            section.refuse("serverless", section.values["serverless"], "it only with size: serverless")
        if len(set(settings.deployer_addresses)) < len(settings.deployer_addresses):
            section.refuse("deployerAddresses", list(settings.deployer_addresses), "each address once")
        group.finish()
        serverless.finish()
        return settings


@dataclass(frozen=True)
class StreamSettings:
    """Stream Analytics: SKU and streaming units, whether the job runs, and the time policies.

    A job at rest costs nothing and makes no windows. The policies' defaults have their home beside the query.
    """

    sku: str
    streaming_units: int
    running: bool
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
        mistakes = len(section.problems)
        sku = section.choice("sku", "Standard", tuple(STREAMING_UNITS))
        most = max(units[-1] for units in STREAMING_UNITS.values())
        units = section.integer("streamingUnits", STREAMING_UNITS[sku][0], 1, most)
        if len(section.problems) == mistakes and units not in STREAMING_UNITS[sku]:
            section.refuse("streamingUnits", units, _STREAMING_UNITS_WORDS[sku])
        return cls(
            sku=sku,
            streaming_units=units,
            running=section.boolean("running", default=True),
            time_policy=policy,
        )


_HOST = r"(?i:localhost|[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+)(?::[0-9]{1,5})?"
_PATH = r"(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)+"
_MOVING = "latest|main|master|trunk|head|dev|devel|develop|edge|nightly|canary|rolling|stable|current|staging|prod|test"
_VERSION = r".*([0-9]+\.[0-9]+|[0-9a-f]{7})"
_TAG = (
    rf":(?={_VERSION}|(?=[A-Za-z_.-]*[0-9])(?!.*(?<![A-Za-z])(?i:{_MOVING})(?![A-Za-z])))"
    r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
)
_DIGEST = r"@sha256:[0-9a-f]{64}"
_FIXED_IMAGE = rf"{_HOST}{_PATH}(?:{_TAG}|(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?{_DIGEST})"
"""By https://github.com/distribution/reference/blob/main/reference.go, but with a host, and a digest or a version."""

_FIXED_IMAGE_WORDS = (
    "a reference with host, and with digest or a tag that numbers a version, like host.azurecr.io/name:1.2 or "
    "host.azurecr.io/name@sha256:…"
)


@dataclass(frozen=True)
class ImageSettings:
    """The cluster's image: built by the registry, unless `existing` names one.

    Another text in `rebuild` builds it again although nothing that it is made of has changed.
    """

    registry_sku: str
    existing: str | None
    rebuild: str | None

    @classmethod
    def read(cls, section: Section) -> Self:
        """An existing image must be one that does not change unseen: its digest, or a tag that numbers a version.

        Tags without a number, and those that name a branch or a stage without a version, are made to move. A version is
        taken at its word: whoever pushes another image under it changes what the cluster runs.
        """
        settings = cls(
            registry_sku=section.choice("registrySku", "Standard", ("Basic", "Standard", "Premium")),
            existing=section.text("existing", "", _FIXED_IMAGE, _FIXED_IMAGE_WORDS) or None,
            rebuild=section.text("rebuild", "", r"[^\r\n]{1,64}", 'a text of at most 64 letters, like "1"') or None,
        )
        if settings.existing and settings.rebuild:
            section.refuse("rebuild", settings.rebuild, "it only without image.existing, which builds nothing")
        return settings


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
                r"(?i)STANDARD_[A-Z]{1,3}[0-9]{1,3}([A-Z0-9_-]*[A-Z0-9])?",
                "a VM size like STANDARD_DS3_V2",
            ).upper(),
            priority=section.choice("priority", "LowPriority", ("Dedicated", "LowPriority")),
            min_nodes=section.integer("minNodes", 0, 0, 100),
            max_nodes=section.integer("maxNodes", 2, 1, 100),
            idle=timedelta(minutes=section.integer("idleMinutes", 2, 1, 720)),
            keyless_store=section.boolean("keylessStore", default=True),
        )
        if settings.min_nodes > settings.max_nodes:
            section.refuse("minNodes", settings.min_nodes, f"at most maxNodes ({settings.max_nodes})")
        return settings


@dataclass(frozen=True)
class MonitoringSettings:
    """Logs, alerts and the budget. `logs` is which category group resources send: audit, or allLogs.

    `budget_start` is the first day of the month from which a budget counts that does not exist yet.
    """

    alert_address: str
    budget_amount: float
    budget_start: date
    log_retention_days: int
    daily_cap_gb: float
    logs: str

    @classmethod
    def read(cls, section: Section, today: date) -> Self:
        """`allLogs` writes an entry, with payload, per late event: audit is the default.

        A budget's start is not refused here once it is past: a budget that exists keeps its own, so a file that was
        right stays right. The budget that is still to be made refuses it (`alerts.py`).
        """
        budget = section.section("budget")
        settings = cls(
            alert_address=section.required(
                "alertAddress", r"[^@\s]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", "an e-mail address"
            ),
            budget_amount=budget.number("amount", 150, 1, 10_000_000),
            budget_start=_budget_start(budget, today),
            log_retention_days=section.integer("logRetentionDays", 30, 30, 730),
            daily_cap_gb=section.number("dailyCapGb", 1, 0.1, 1000),
            logs=section.choice("logs", "audit", ("audit", "allLogs")),
        )
        budget.finish()
        return settings


def _budget_start(budget: Section, today: date) -> date:
    """The given day, or the first of this month; Azure takes none that is more than twelve months ahead."""
    month = today.replace(day=1)
    words = f"the first day of a month, like {month}, or none: this month"
    start = date.fromisoformat(budget.text("start", str(month), r"20[0-9]{2}-(0[1-9]|1[0-2])-01", words))
    if start > month.replace(year=month.year + 1):
        budget.refuse("start", str(start), f"a month at most a year ahead, until {month.replace(year=month.year + 1)}")
    return start


def _is_public_address(text: str) -> bool:
    try:
        address = ipaddress.IPv4Address(text)
        return address.is_global and not address.is_multicast
    except ValueError:
        return False
