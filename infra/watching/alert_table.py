"""Every alert of a stack as data: what it watches, when it is raised, and what to do then.

`infra.watching.alerts` declares them, and docs/alerts.md is made from them. An alert whose metric is above a threshold
is silent while nothing is measured. Those on absence read logs: what a metric alert makes of a metric that is missing
is not documented. They speak only of what was there within their look-back of two days or less, so a new
stack has its grace until the first event, run or metric.
"""

from collections.abc import Iterator
from datetime import timedelta

from infra.settings import Settings
from infra.watching.alert import DATABASE, HUB, LOGS, STREAM_JOB, WORKSPACE, Activity, Alert, Metric, Query

_WINDOW_HOURS = {**{f"PT{hours}H": hours for hours in range(1, 7)}, "P1D": 24, "P2D": 48}
"""How far back a query of logs may look.
Source: https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-log-alert-rule"""

_LONGEST_LOOK_BACK = "P2D"
_LATE_LOGS = timedelta(minutes=30)
"""How much later than it happened something may show in the logs, with time for a deployment's stop of the job."""

_INTERVALS_MISSED, _LONGEST_WITHOUT_RUN = 4, timedelta(hours=36)
"""After how many intervals in a row without a result somebody is told, and the longest that look-backs allow."""

_LATEST_RUN = timedelta(hours=1)
"""What a run may take with its wait for nodes; as much is left out or repeated when clocks change."""


_NOTHING_MEASURED = "nothing is measured before the first events"
_TWO_DAYS = "silent until the first one; ends by itself after two days, or as soon as there is one again"
_ACTIVITY = "Activity log of the stream job in the portal: the entry's JSON holds the reason."
_SUBMIT = "Score what was missed: `python -m scoring submit --stack dev --interval START END`, for each interval."
_RESTART = "`pulumi up` starts it if anything else changed too; else `az stream-analytics job start`, from last output."


def alert_table(settings: Settings) -> tuple[Alert, ...]:
    """All alerts of a stack; what is meant to rest, the stream job or the schedule, is not missed."""
    running = _stream_runs(settings) if settings.stream.running else ()
    watched = settings.schedule.enabled and settings.schedule.longest_pause < _LONGEST_WITHOUT_RUN
    scheduled = _schedule(settings) if watched else ()
    return (*running, *_stream_problems(settings), *_ingest(), *_database(settings), *_runs(), *scheduled)


def _stream_runs(settings: Settings) -> Iterator[Alert]:
    """That the job runs and makes windows. Only where it is meant to run."""
    late = settings.stream.time_policy.late_arrival
    yield Alert(
        "stream-stopped",
        STREAM_JOB,
        "the stream job has stopped: it used memory before, and none for half an hour",
        Query("stream_stopped", _LATE_LOGS, _LONGEST_LOOK_BACK),
        severity=1,
        grace="silent until the job has run once; ends by itself after two days, or when it runs again",
        runbook=(
            _ACTIVITY,
            _RESTART,
            "Windows since then come by themselves, if the hub still keeps the events.",
            _SUBMIT,
        ),
    )
    yield Alert(
        "stream-silent",
        STREAM_JOB,
        "events arrive and the stream job writes nothing: no window, no archive, no reject",
        Query("stream_silent", late + _LATE_LOGS, _looking_back(2 * (late + _LATE_LOGS))),
        severity=1,
        grace=f"{_minutes(late + _LATE_LOGS)} from the first event on, twice that where the job wrote before; never "
        "while devices are silent",
        runbook=("See whether the job runs: `stream-stopped` and its runbook.", _ACTIVITY, _SUBMIT),
    )
    yield Alert(
        "runs-without-windows",
        LOGS,
        "runs complete without a single prediction although events arrive",
        Query(
            "runs_without_windows",
            _until_scored(settings),
            _looking_back(_until_scored(settings) + 2 * _interval(settings)),
        ),
        severity=1,
        grace=f"{_minutes(_until_scored(settings))} from the first event on; never while devices are silent",
        runbook=(
            "`manifest.json` of the newest interval: all `no_data` means no windows, all `no_model` the wrong fleet.",
            "No windows: the container `rejects` says whether readings are refused, and why; else see `stream-silent`.",
            "Wrong fleet: train on the devices of today, set `release: {fleet: …}`, `pulumi up`.",
            _SUBMIT,
        ),
    )


def _stream_problems(settings: Settings) -> Iterator[Alert]:
    """What the job itself reports."""
    lateness = int(settings.stream.time_policy.late_arrival.total_seconds())
    yield Alert(
        "stream-operation-failed",
        STREAM_JOB,
        "an operation on the stream job failed, such as its start",
        Activity({"category": ("Administrative",), "status": ("Failed",)}),
        severity=1,
        grace="none: a first start that is refused while roles are on their way is told too; the release repeats it",
        runbook=("During `pulumi up`: wait for its end, it says whether the job runs.", _ACTIVITY, _RESTART),
    )
    yield Alert(
        "stream-unhealthy",
        STREAM_JOB,
        "Azure says that the stream job is degraded or unavailable, by a fault of the platform",
        Activity(
            {
                "category": ("ResourceHealth",),
                "properties.currentHealthStatus": ("Degraded", "Unavailable"),
                "properties.cause": ("PlatformInitiated",),
            }
        ),
        severity=1,
        grace="none needed: Azure reports a change of health",
        runbook=("Resource health of the job, and Service health of the region, in the portal.", _RESTART),
    )
    yield Alert(
        "stream-errors",
        STREAM_JOB,
        "the stream job reports errors",
        Metric("Errors", "Total", 0),
        severity=1,
        grace=_NOTHING_MEASURED,
        runbook=(
            _ACTIVITY,
            "Refused by an output: see that the job's role or database user still exists; `pulumi up`.",
        ),
    )
    yield Alert(
        "stream-blocked",
        STREAM_JOB,
        "a row cannot be written and the job tries again for ever",
        Metric("ConversionErrors", "Total", 0),
        severity=1,
        grace=_NOTHING_MEASURED,
        runbook=(
            _ACTIVITY,
            "A column that no longer fits the table: put table and query back to the same columns, `pulumi up`.",
        ),
    )
    yield Alert(
        "stream-behind",
        STREAM_JOB,
        "windows come later than they should",
        Metric("OutputWatermarkDelaySeconds", "Maximum", lateness + 600),
        severity=2,
        grace=_NOTHING_MEASURED,
        runbook=(
            "With `stream-full`: more `streamingUnits`. With `database-busy`: a larger database.",
            "After a restart it catches up by itself.",
            _SUBMIT,
        ),
    )
    yield Alert(
        "stream-undecodable",
        STREAM_JOB,
        "events arrive that are no JSON object",
        Metric("DeserializationError", "Total", 0),
        severity=3,
        grace=_NOTHING_MEASURED,
        runbook=("Mend the device that sends them; they are counted, and not kept.",),
    )
    yield Alert(
        "stream-full",
        STREAM_JOB,
        "the stream job uses most of its memory",
        Metric("ResourceUtilization", "Maximum", 80),
        severity=2,
        grace=_NOTHING_MEASURED,
        runbook=("Raise `stream: {streamingUnits: …}`; the job is stopped and started for it.",),
    )


def _ingest() -> Iterator[Alert]:
    yield Alert(
        "hub-throttled",
        HUB,
        "the hub refuses events because there are too many",
        Metric("ThrottledRequests", "Total", 0),
        severity=3,
        grace=_NOTHING_MEASURED,
        runbook=("Raise `ingest: {throughputUnits: …}` or `inflateTo`; senders try again meanwhile.",),
    )
    yield Alert(
        "hub-silent",
        HUB,
        "no event has arrived for an hour",
        Query("hub_silent", timedelta(hours=1), _LONGEST_LOOK_BACK),
        severity=2,
        grace=_TWO_DAYS,
        runbook=(
            "Devices that rest on purpose: nothing to do.",
            "Else see whether they can reach the hub: network, and the role Azure Event Hubs Data Sender.",
        ),
    )


def _database(settings: Settings) -> Iterator[Alert]:
    load = "cpu_percent" if settings.database.size == "serverless" else "dtu_consumption_percent"
    yield Alert(
        "database-busy",
        DATABASE,
        "the database is at its limit",
        Metric(load, "Average", 90),
        severity=2,
        grace=_NOTHING_MEASURED,
        runbook=("Choose a larger `database: {size: …}`; windows wait in the stream job meanwhile.",),
    )
    yield Alert(
        "database-full",
        DATABASE,
        "the database is nearly full",
        Metric("storage_percent", "Maximum", 80),
        severity=2,
        grace=_NOTHING_MEASURED,
        runbook=("Keep windows for a shorter time, or choose a larger `database: {size: …}`.",),
    )


def _runs() -> Iterator[Alert]:
    yield Alert(
        "runs-failed",
        WORKSPACE,
        "a run failed, its windows came too late, or too many of its series have no model",
        Metric("Failed Runs", "Total", 0),
        severity=1,
        grace="nothing is measured before the first run",
        runbook=(
            "The failed step's log in Azure ML studio: its last line says what to do.",
            "`prepare`, the newest window ends before the interval does: see `stream-stopped` and `stream-behind`.",
            "Every interval of an outage fails so, for a day: its line names the command that scores it afterwards.",
            "`collect`, too many series without a model: predictions are kept; train a new fleet.",
            _SUBMIT,
        ),
    )


def _schedule(settings: Settings) -> Iterator[Alert]:
    slack = (_INTERVALS_MISSED - 1) * _interval(settings)
    if settings.schedule.partial:
        slack = max(slack, _LATEST_RUN + settings.release.wait + _LATE_LOGS)
    without = min(settings.schedule.longest_pause + slack, _LONGEST_WITHOUT_RUN)
    yield Alert(
        "no-results",
        LOGS,
        f"no run has completed for {_minutes(without)}",
        Query("no_results", without, _LONGEST_LOOK_BACK, frequency="PT30M"),
        severity=2,
        grace=f"{_minutes(without)} from the first metric of the stack on",
        runbook=(
            "Azure ML studio: is the schedule on, do runs wait for nodes, do they fail (`runs-failed`)?",
            "`python -m scoring submit --stack dev` starts a run now.",
        ),
    )


def _interval(settings: Settings) -> timedelta:
    return settings.schedule.interval


def _until_scored(settings: Settings) -> timedelta:
    """How long after it arrived an event has been scored, with a run's own time."""
    return _interval(settings) + settings.schedule.settle + settings.release.wait + _LATE_LOGS


def _looking_back(time: timedelta) -> str:
    """The shortest window, of those that Azure Monitor allows for a query of logs, that holds `time`."""
    fitting = (window for window, hours in _WINDOW_HOURS.items() if timedelta(hours=hours) >= time)
    return next(fitting, _LONGEST_LOOK_BACK)


def _minutes(time: timedelta) -> str:
    return f"{time // timedelta(minutes=1)} minutes"
