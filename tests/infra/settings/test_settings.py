"""Settings: what the real stack files say, and one clear line for everything that is wrong."""

from copy import deepcopy
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tzlocal.windows_tz import win_tz

from infra.settings import Settings
from stream_queries.time_policy import DEFAULT_TIME_POLICY

TODAY = date(2026, 11, 27)
ROOT = Path(__file__).parents[3]
GUID = "33333333-3333-3333-3333-333333333333"
SMALLEST: dict[str, Any] = {
    "database": {"adminGroup": {"name": "admins", "objectId": GUID}},
    "monitoring": {"alertAddress": "operations@example.com"},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The smallest valid settings with one value set; `path` is like `database.adminGroup.name`."""
    values = deepcopy(SMALLEST)
    *above, key = path.split(".")
    place = values
    for name in above:
        place = place.setdefault(name, {})
    place[key] = value
    return values


def stack_values(stack: str) -> dict[str, Any]:
    """The values of a real stack file."""
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key.removeprefix("batch-scoring:"): value for key, value in config.items()}


REDUNDANCIES = "Standard_LRS, Standard_ZRS, Standard_GRS, Standard_GZRS, Standard_RAGRS, Standard_RAGZRS"
UNITS_V2 = "3 (a third of a unit), 7 (two thirds), 10 (one), 20 and so on to 660, for StandardV2"
CRON = "minute, hour, *, *, weekday like '5 */6 * * *' (Azure ML ignores day and month)"
KEYS = (
    "cluster, database, deployers, image, ingest, monitoring, protect, region, release, schedule, storage, stream, tags"
)
WRONG = [
    ("region", "West Europe", "region is 'West Europe': give an Azure region like westeurope"),
    ("region", "mars1", "region is 'mars1': give an Azure region like westeurope"),
    *(
        (
            path,
            region,
            f"{path} is '{region}': give a region of the public cloud like westeurope: in others this does not run",
        )
        for path, region in (
            ("region", "usgovvirginia"),
            ("region", "usdodcentral"),
            ("region", "chinanorth3"),
            ("region", "germanynortheast"),
            ("region", "bleufrancecentral"),
            ("database.region", "usgovtexas"),
        )
    ),
    ("database.region", "mars1", "database.region is 'mars1': give an Azure region like westeurope"),
    ("protect", "yes", "protect is 'yes': give true or false"),
    ("tags", "owner", "tags is 'owner': give a mapping of settings"),
    (
        "tags.cost/centre",
        "7",
        "tags.cost/centre is no tag name: leave out < > % & \\ ? / and blanks at its ends, keep to 128",
    ),
    ("tags. owner", "7", "tags. owner is no tag name: leave out < > % & \\ ? / and blanks at its ends, keep to 128"),
    ("tags.Stack", "x", "tags.Stack is a reserved tag name: choose another"),
    ("tags.azure-x", "x", "tags.azure-x is a reserved tag name: choose another"),
    ("cluster.vmSize", "STANDARD_A1--", "cluster.vmSize is 'STANDARD_A1--': give a VM size like STANDARD_DS3_V2"),
    (
        "monitoring.budget.start",
        "2060-01-01",
        "monitoring.budget.start is '2060-01-01': give a month at most a year ahead, until 2027-11-01",
    ),
    (
        "monitoring.budget.start",
        "2027-12-01",
        "monitoring.budget.start is '2027-12-01': give a month at most a year ahead, until 2027-11-01",
    ),
    ("tags", {"A": "x", "a": "y"}, "tags.a is the same tag as A, for Azure: keep one of them"),
    ("tags.owner", 7, "tags.owner is 7: give a text of at most 256 characters"),
    ("deployers", GUID, f"deployers is '{GUID}': give a list"),
    ("deployers", ["me"], "deployers[0] is 'me': give a mapping of settings"),
    (
        "deployers",
        [{"objectId": "me"}],
        "deployers[0].objectId is 'me': give an object id like 00000000-0000-0000-0000-000000000000",
    ),
    (
        "deployers",
        [{"objectId": GUID, "type": "Robot"}],
        "deployers[0].type is 'Robot': give one of User, Group, ServicePrincipal",
    ),
    (
        "deployers",
        [{"objectId": GUID, "role": "all"}],
        "deployers[0].role is no setting: known here are objectId, type",
    ),
    ("ingest", 4, "ingest is 4: give a mapping of settings"),
    ("ingest.partitions", 33, "ingest.partitions is 33: give a whole number from 1 to 32"),
    ("ingest.partitions", "4", "ingest.partitions is '4': give a whole number from 1 to 32"),
    ("ingest.partitions", True, "ingest.partitions is True: give a whole number from 1 to 32"),
    (
        "ingest.partition",
        4,
        "ingest.partition is no setting: known here are inflateTo, partitions, retentionHours, throughputUnits",
    ),
    ("ingest.throughputUnits", 0, "ingest.throughputUnits is 0: give a whole number from 1 to 40"),
    ("ingest.inflateTo", 1, "ingest.inflateTo is 1: give 0, or more than throughputUnits (1)"),
    ("ingest.retentionHours", 169, "ingest.retentionHours is 169: give a whole number from 1 to 168"),
    (
        "storage.redundancy",
        "Premium_LRS",
        f"storage.redundancy is 'Premium_LRS': give one of {REDUNDANCIES}",
    ),
    ("storage.rawDays", 0, "storage.rawDays is 0: give a whole number from 1 to 3650"),
    ("storage.predictionsDays", 1.5, "storage.predictionsDays is 1.5: give a whole number from 1 to 3650"),
    ("storage.coolAfterDays", 90, "storage.coolAfterDays is 90: give fewer days than rawDays (90)"),
    ("storage.softDeleteDays", 6, "storage.softDeleteDays is 6: give a whole number from 7 to 365"),
    ("database.adminGroup", None, "database.adminGroup.name is missing: give the name of an Entra group"),
    (
        "database.adminGroup.objectId",
        "admins",
        "database.adminGroup.objectId is 'admins': give an object id like 00000000-0000-0000-0000-000000000000",
    ),
    ("database.size", "P1", "database.size is 'P1': give one of S0, S1, S2, S3, serverless"),
    ("database.backupDays", 36, "database.backupDays is 36: give a whole number from 1 to 35"),
    (
        "database.deployerAddresses",
        ["10.0.0.1"],
        "database.deployerAddresses[0] is '10.0.0.1': give a public IPv4 address",
    ),
    (
        "database.deployerAddresses",
        ["224.0.0.1"],
        "database.deployerAddresses[0] is '224.0.0.1': give a public IPv4 address",
    ),
    (
        "database.deployerAddresses",
        ["0.0.0.0/0"],
        "database.deployerAddresses[0] is '0.0.0.0/0': give a public IPv4 address",
    ),
    ("database.threatAlerts", 1, "database.threatAlerts is 1: give true or false"),
    (
        "database.serverless",
        {"pauseMinutes": 60},
        "database.serverless is {'pauseMinutes': 60}: give it only with size: serverless",
    ),
    (
        "stream.streamingUnits",
        2,
        "stream.streamingUnits is 2: give one of 1, 3, 6, 12, 18, 24, 30, 36, 42, 48, 54, 60, 66",
    ),
    ("stream.lateArrivalSeconds", -1, "stream.lateArrivalSeconds is -1: give a whole number from 0 to 82800"),
    ("stream.outOfOrderSeconds", 600, "stream.outOfOrderSeconds is 600: give a whole number from 0 to 599"),
    ("stream.sku", "V2", "stream.sku is 'V2': give one of Standard, StandardV2"),
    (
        "stream",
        {"sku": "standardv2", "streamingUnits": 10},
        "stream.sku is 'standardv2': give one of Standard, StandardV2",
    ),
    (
        "stream",
        {"sku": "StandardV2", "streamingUnits": 6},
        f"stream.streamingUnits is 6: give {UNITS_V2}",
    ),
    ("image.registrySku", "Free", "image.registrySku is 'Free': give one of Basic, Standard, Premium"),
    ("cluster.vmSize", "DS3_V2", "cluster.vmSize is 'DS3_V2': give a VM size like STANDARD_DS3_V2"),
    ("cluster.priority", "Spot", "cluster.priority is 'Spot': give one of Dedicated, LowPriority"),
    ("cluster.minNodes", 3, "cluster.minNodes is 3: give at most maxNodes (2)"),
    ("cluster.maxNodes", 0, "cluster.maxNodes is 0: give a whole number from 1 to 100"),
    ("cluster.idleMinutes", 0, "cluster.idleMinutes is 0: give a whole number from 1 to 720"),
    ("cluster.keylessStore", "off", "cluster.keylessStore is 'off': give true or false"),
    ("schedule.intervalMinutes", 1441, "schedule.intervalMinutes is 1441: give a whole number from 1 to 1440"),
    ("schedule.settleMinutes", 1, "schedule.settleMinutes is 1: give at least 3: lateness, disorder and a minute"),
    (
        "schedule.cron",
        "every day",
        f"schedule.cron is 'every day': give {CRON}",
    ),
    ("schedule.cron", "*/90 * * * *", f"schedule.cron is '*/90 * * * *': give {CRON}"),
    (
        "schedule.every",
        {"count": 15, "unit": "Week"},
        "schedule.every.unit is 'Week': give one of Minute, Hour, Day",
    ),
    (
        "schedule.every",
        {"count": 1, "unit": "Hour"},
        (
            "schedule.every is 1 Hour: of 60 minutes 45 are never scored and 0 are scored again; "
            "let a run start every intervalMinutes (15), or give partial: true"
        ),
    ),
    (
        "schedule.every",
        {"count": 10},
        (
            "schedule.every is 10 Minute: of 30 minutes 0 are never scored and 15 are scored again; "
            "let a run start every intervalMinutes (15), or give partial: true"
        ),
    ),
    *(
        (
            "schedule",
            {"cron": cron, "intervalMinutes": interval, "timeZone": zone},
            (
                f"schedule.cron is {cron!r}: of 10,080 minutes {never} are never scored and {again} are scored again; "
                f"let a run start every intervalMinutes ({interval}), or give partial: true"
            ),
        )
        for cron, interval, zone, never, again in (
            ("0 6 * * *", 15, "UTC", "9,975", "0"),
            ("0 */6 * * *", 60, "UTC", "8,400", "0"),
            ("*/5 * * * *", 15, "UTC", "0", "20,160"),
            ("5 */6 * * 1-5", 360, "UTC", "2,880", "0"),
            ("0,30 9-17 * * *", 30, "India Standard Time", "6,300", "0"),
            ("0 */7 * * *", 1440, "W. Europe Standard Time", "0", "30,240"),
        )
    ),
    ("schedule.enabled", "no", "schedule.enabled is 'no': give true or false"),
    ("schedule.partial", 1, "schedule.partial is 1: give true or false"),
    ("schedule.every.unit", "Second", "schedule.every.unit is 'Second': give one of Minute, Hour, Day"),
    (
        "schedule.timeZone",
        "Europe/Berlin",
        "schedule.timeZone is 'Europe/Berlin': give UTC, or a name like W. Europe Standard Time",
    ),
    ("monitoring.alertAddress", None, "monitoring.alertAddress is missing: give an e-mail address"),
    ("monitoring.alertAddress", "operations", "monitoring.alertAddress is 'operations': give an e-mail address"),
    ("monitoring.budget.amount", 0, "monitoring.budget.amount is 0: give a number from 1 to 1e+07"),
    (
        "monitoring.budget.start",
        "2026-12-15",
        "monitoring.budget.start is '2026-12-15': give the first day of a month, like 2026-11-01, or none: this month",
    ),
    ("monitoring.logRetentionDays", 7, "monitoring.logRetentionDays is 7: give a whole number from 30 to 730"),
    ("monitoring.dailyCapGb", 0, "monitoring.dailyCapGb is 0: give a number from 0.1 to 1000"),
    ("monitoring.logs", "none", "monitoring.logs is 'none': give one of audit, allLogs"),
    (
        "logging",
        {},
        f"logging is no setting: known here are {KEYS}",
    ),
]


@pytest.mark.parametrize(("path", "value", "message"), WRONG, ids=[f"{path}={value}" for path, value, _ in WRONG])
def test_a_wrong_setting_gives_one_line_with_key_value_and_what_is_allowed(path: str, value: Any, message: str):
    _, problems = Settings.read(changed(path, value), TODAY)
    assert problems[0] == message
    without_required = path == "database.adminGroup" or value == ["me"]  # what was required is missing then, too
    assert "\n" not in message and len(problems) == (2 if without_required else 1)


def test_at_least_forty_wrong_settings_are_told_apart():
    assert len({message for _, _, message in WRONG}) >= 40


def test_all_that_is_wrong_is_told_at_once():
    values = changed("ingest.partitions", 99) | {"region": "?", "surprise": 1}
    _, problems = Settings.read(values)
    assert [problem.split(" ")[0] for problem in problems] == ["region", "ingest.partitions", "surprise"]


def test_nothing_but_group_and_address_must_be_given():
    settings, problems = Settings.read(SMALLEST)
    assert problems == []
    assert settings.cluster.min_nodes == 0 and settings.database.size == "S0" and settings.cluster.keyless_store


def test_the_time_policies_default_to_their_one_home():
    settings, _ = Settings.read(SMALLEST)
    assert settings.stream.time_policy == DEFAULT_TIME_POLICY


def test_serverless_settings_are_read_where_the_database_is_serverless():
    values = changed("database.size", "serverless")
    values["database"]["serverless"] = {"mostVcores": 2, "fewestVcores": 0.5, "pauseMinutes": -1}
    settings, problems = Settings.read(values)
    assert problems == [] and settings.database.serverless.pause_minutes == -1


@pytest.mark.parametrize(
    ("serverless", "message"),
    [
        ({"pauseMinutes": 30}, "database.serverless.pauseMinutes is 30: give -1 (never), or from 60 to 10080"),
        ({"mostVcores": 8}, "database.serverless.fewestVcores is 0.5: give from 1 to 8, for mostVcores"),
        ({"fewestVcores": 2.0}, "database.serverless.fewestVcores is 2.0: give from 0.5 to 1, for mostVcores"),
    ],
)
def test_serverless_settings_must_fit_each_other(serverless: dict, message: str):
    values = changed("database.size", "serverless")
    values["database"]["serverless"] = serverless
    assert Settings.read(values)[1] == [message]


def test_a_whole_number_of_vcores_is_read_as_one():
    values = changed("database.size", "serverless")
    values["database"]["serverless"] = {"mostVcores": 2, "fewestVcores": 1}
    assert Settings.read(values)[1] == []


@pytest.mark.parametrize("size", ["Standard_DS3_v2", "Standard_F4", "STANDARD_NC24ADS_A100_V4"])
def test_a_vm_size_may_be_spelled_as_azure_spells_it(size: str):
    settings, problems = Settings.read(changed("cluster.vmSize", size))
    assert problems == [] and settings.cluster.vm_size == size.upper()


def test_an_identity_or_address_that_is_given_twice_is_refused():
    twice = [{"objectId": "aaaaaaaa-3333-3333-3333-333333333333"}, {"objectId": "AAAAAAAA-3333-3333-3333-333333333333"}]
    (problem,) = Settings.read(changed("deployers", twice))[1]
    assert problem.startswith("deployers is [") and problem.endswith("give each identity once")
    (problem,) = Settings.read(changed("database.deployerAddresses", ["20.1.2.3", "20.1.2.3"]))[1]
    assert problem.endswith("give each address once")


def test_a_budget_starts_this_month_unless_another_one_is_given():
    assert Settings.read(SMALLEST, TODAY)[0].monitoring.budget_start == date(2026, 11, 1)
    later, problems = Settings.read(changed("monitoring.budget.start", "2027-11-01"), TODAY)
    assert (later.monitoring.budget_start, problems) == (date(2027, 11, 1), [])


@pytest.mark.parametrize("written", [date(2027, 3, 1), "2027-03-01 00:00:00 +0000 UTC", "2027-03-01"])
def test_a_day_may_be_written_without_quotes_which_yaml_takes_for_a_date(written: object):
    settings, problems = Settings.read(changed("monitoring.budget.start", written), TODAY)
    assert (settings.monitoring.budget_start, problems) == (date(2027, 3, 1), [])
    assert Settings.read(changed("tags", {"since": written}), TODAY)[0].tags == {"since": "2027-03-01"}


def test_a_budgets_start_that_is_past_by_now_does_not_make_a_stacks_file_wrong():
    assert Settings.read(changed("monitoring.budget.start", "2024-01-01"), TODAY)[1] == []


@pytest.mark.parametrize("region", ["eastus2", "germanywestcentral", "germanynorth", "uaenorth", "centraluseuap"])
def test_regions_of_the_public_cloud_are_taken_whether_they_are_old_or_new(region: str):
    settings, problems = Settings.read(changed("region", region))
    assert (settings.region, problems) == (region, [])


def test_ids_are_the_same_however_their_letters_are_written():
    upper = GUID.replace("3", "D")
    settings, _ = Settings.read(changed("deployers", [{"objectId": upper}]))
    assert settings.deployers[0].object_id == upper.lower()
    settings, _ = Settings.read(changed("database.adminGroup.objectId", upper))
    assert settings.database.admin_group_id == upper.lower()


@pytest.mark.parametrize("units", [3, 7, 10, 660])
def test_a_job_on_the_second_sku_takes_that_skus_units(units: int):
    settings, problems = Settings.read(changed("stream", {"sku": "StandardV2", "streamingUnits": units}))
    assert (settings.stream.sku, settings.stream.streaming_units, problems) == ("StandardV2", units, [])


def test_a_job_on_the_second_sku_begins_with_its_smallest():
    assert Settings.read(changed("stream.sku", "StandardV2"))[0].stream.streaming_units == 3


@pytest.mark.parametrize(
    "schedule",
    [
        {"cron": "*/15 * * * *"},
        {"cron": "7-59/15 * * * *"},
        {"cron": "5 */6 * * *", "intervalMinutes": 360},
        {"cron": "30 5,11,17,23 * * *", "intervalMinutes": 360, "timeZone": "India Standard Time"},
        {"cron": "0 4 * * *", "intervalMinutes": 1440, "timeZone": "W. Europe Standard Time"},
        {"every": {"count": 1, "unit": "Day"}, "intervalMinutes": 1440},
    ],
)
def test_a_schedule_that_scores_every_minute_once_is_taken(schedule: dict):
    assert Settings.read(changed("schedule", schedule))[1] == []


@pytest.mark.parametrize(
    ("cron", "zone", "told"),
    [
        ("30 1 * * *", "W. Europe Standard Time", "1,440 are never scored"),
        ("0 2 * * *", "W. Europe Standard Time", "1,440 are never scored"),
        ("0 20 * * *", "Eastern Standard Time", "1,440 are never scored"),
        ("0 4 * * *", "W. Europe Standard Time", None),
        ("0 20 * * *", "UTC", None),
        ("0 20 * * *", "India Standard Time", None),
    ],
)
def test_a_daily_run_that_loses_a_day_when_clocks_change_is_refused(cron: str, zone: str, told: str | None):
    problems = Settings.read(changed("schedule", {"cron": cron, "intervalMinutes": 1440, "timeZone": zone}))[1]
    assert len(problems) == (told is not None)
    assert all(f"when clocks change in {zone}" in problem and str(told) in problem for problem in problems)
    assert (
        Settings.read(changed("schedule", {"cron": cron, "intervalMinutes": 1440, "timeZone": zone, "partial": True}))[
            1
        ]
        == []
    )


GREENWICH, BERLIN, AUCKLAND = "GMT Standard Time", "W. Europe Standard Time", "New Zealand Standard Time"
SANTIAGO, SYDNEY, PACIFIC, INDIA = (
    f"{place} Standard Time" for place in ("Pacific SA", "AUS Eastern", "Pacific", "India")
)


def recurring(count: int, unit: str, zone: str, **more: Any) -> dict[str, Any]:
    """Settings of a recurrence whose runs each score what is new since the last one, but at most a day."""
    minutes = count * {"Minute": 1, "Hour": 60, "Day": 24 * 60}[unit]
    every = {"count": count, "unit": unit}
    return changed("schedule", {"every": every, "intervalMinutes": min(minutes, 1440), "timeZone": zone, **more})


@pytest.mark.parametrize(
    ("count", "unit", "zone", "lost"),
    [
        (1, "Day", GREENWICH, "1,440"),
        (24, "Hour", GREENWICH, "1,440"),
        (12, "Hour", GREENWICH, "720"),
        (720, "Minute", GREENWICH, "720"),
        (8, "Hour", GREENWICH, "480"),
        (12, "Hour", AUCKLAND, "720"),
        (8, "Hour", PACIFIC, "480"),
    ],
)
def test_a_recurrence_that_loses_an_interval_when_clocks_change_is_refused(count: int, unit: str, zone: str, lost: str):
    (problem,) = Settings.read(recurring(count, unit, zone))[1]
    assert problem == (
        f"schedule.every is {count} {unit}: when clocks change in {zone}, of 10,080 minutes {lost} are never scored "
        "and 0 are scored again in that week: let it run some hours later by cron, or in UTC, "
        "or give partial: true"
    )
    assert Settings.read(recurring(count, unit, zone, partial=True))[1] == []


@pytest.mark.parametrize(
    ("count", "unit", "zones"),
    [
        (1, "Day", ("UTC", BERLIN, SYDNEY, AUCKLAND, PACIFIC, INDIA)),
        (12, "Hour", ("UTC", BERLIN, SYDNEY, PACIFIC, INDIA)),
        (6, "Hour", ("UTC", GREENWICH, BERLIN, SYDNEY, AUCKLAND, PACIFIC, INDIA)),
    ],
)
def test_a_recurrence_that_loses_at_most_six_hours_when_clocks_change_is_taken(
    count: int, unit: str, zones: tuple[str, ...]
):
    assert {zone: Settings.read(recurring(count, unit, zone))[1] for zone in zones} == {zone: [] for zone in zones}


@pytest.mark.parametrize(("count", "unit"), [(15, "Minute"), (1, "Hour")])
def test_a_frequent_recurrence_is_taken_in_every_zone(count: int, unit: str):
    refused = {zone: Settings.read(recurring(count, unit, zone))[1] for zone in win_tz}
    assert {zone: problems for zone, problems in refused.items() if problems} == {}


@pytest.mark.parametrize("settle", [3, 60, 719, 1440])
def test_a_recurrence_is_counted_from_its_published_start_which_moves_with_settling(settle: int):
    assert len(Settings.read(recurring(1, "Day", GREENWICH, settleMinutes=settle))[1]) == 1
    assert Settings.read(recurring(1, "Day", BERLIN, settleMinutes=settle))[1] == []


@pytest.mark.parametrize("zone", [GREENWICH, BERLIN, AUCKLAND, INDIA])
def test_a_weeks_recurrence_is_told_what_it_leaves_out_in_every_week(zone: str):
    (problem,) = Settings.read(recurring(7, "Day", zone))[1]
    assert problem.startswith("schedule.every is 7 Day: of 10,080 minutes 8,640 are never scored and 0 are scored")
    assert Settings.read(recurring(7, "Day", zone, partial=True))[1] == []


@pytest.mark.parametrize("count", [12, 24])
@pytest.mark.parametrize("zone", ["UTC", GREENWICH, BERLIN, AUCKLAND, SANTIAGO, PACIFIC, INDIA])
def test_a_recurrence_and_the_same_schedule_as_cron_are_judged_alike(count: int, zone: str):
    hours = "*/12" if count == 12 else "0"
    cron = {"cron": f"4 {hours} * * *", "intervalMinutes": count * 60, "timeZone": zone}
    told = [Settings.read(values)[1] for values in (changed("schedule", cron), recurring(count, "Hour", zone))]
    of_cron, of_recurrence = ([problem.partition(": ")[2] for problem in problems] for problems in told)
    assert of_cron == of_recurrence


def test_a_fleet_that_is_none_is_refused_before_anything_is_made(tmp_path: Path):
    for folder in ("nowhere", str(tmp_path)):
        (problem,) = Settings.read(changed("release.fleet", folder))[1]
        assert problem.startswith(f"release.fleet is {folder!r}: ") and "it has no fleet.json" in problem


@pytest.mark.parametrize("schedule", [{"cron": "0 6 * * 1-5"}, {"every": {"count": 1, "unit": "Hour"}}])
def test_a_schedule_may_leave_out_minutes_if_it_says_so(schedule: dict):
    assert Settings.read(changed("schedule", schedule | {"partial": True}))[1] == []
    assert Settings.read(changed("schedule", schedule | {"partial": False}))[1] != []


def test_a_cron_expression_that_never_comes_true_is_refused_whatever_is_left_out():
    (problem,) = Settings.read(changed("schedule", {"cron": "30-20 * * * *", "partial": True}))[1]
    assert problem == f"schedule.cron is '30-20 * * * *': give {CRON}"


@pytest.mark.parametrize("cron", ["60 * * * *", "0 24 * * *", "0 0 * * 7", "*/0 * * * *", "0 0 1 * *", "0 0 * 2 *"])
def test_a_cron_expression_with_impossible_or_ignored_fields_is_refused(cron: str):
    (problem,) = Settings.read(changed("schedule", {"cron": cron, "intervalMinutes": 60}))[1]
    assert problem == f"schedule.cron is {cron!r}: give {CRON}"


def test_a_longer_lateness_needs_a_longer_settling():
    values = changed("stream.lateArrivalSeconds", 600)
    told = "schedule.settleMinutes is 3: give at least 12: lateness, disorder and a minute"
    assert Settings.read(values)[1] == [told]
    values["schedule"] = {"settleMinutes": 12}
    assert Settings.read(values)[1] == []


def test_disorder_needs_settling_as_lateness_does():
    values = changed("stream.outOfOrderSeconds", 599)
    assert Settings.read(values)[1] == [
        "schedule.settleMinutes is 3: give at least 12: lateness, disorder and a minute"
    ]


def test_a_cron_schedule_stands_for_itself():
    settings, problems = Settings.read(changed("schedule", {"cron": "5 */6 * * *", "intervalMinutes": 360}))
    assert problems == [] and settings.schedule.interval == timedelta(hours=6)


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_real_stack_files_are_right(stack: str):
    assert Settings.read(stack_values(stack))[1] == []


def test_prod_differs_from_dev_where_it_should():
    dev, prod = (Settings.read(stack_values(stack))[0] for stack in ("dev", "prod"))
    assert prod.protect and not dev.protect
    assert (dev.storage.redundancy, prod.storage.redundancy) == ("Standard_LRS", "Standard_GZRS")
    assert (dev.cluster.priority, prod.cluster.priority) == ("LowPriority", "Dedicated")
    assert prod.storage.raw_days > dev.storage.raw_days and prod.database.backup_days > dev.database.backup_days
    assert prod.monitoring.log_retention_days > dev.monitoring.log_retention_days
    assert (dev.monitoring.logs, prod.monitoring.logs) == ("audit", "allLogs")
    assert dev.cluster.min_nodes == prod.cluster.min_nodes == 0


def test_the_project_file_describes_every_setting():
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    _, problems = Settings.read({"surprise": 1, **SMALLEST})
    (known,) = [problem.rpartition("known here are ")[2].split(", ") for problem in problems]
    assert sorted(declared) == known
    assert all(entry["description"] and entry["type"] for entry in declared.values())
