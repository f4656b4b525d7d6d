"""What may go wrong in a release, as data: every request that it makes, what may happen to each, and where it may die.

The requests are those of a release that finds everything published, a stream job that never ran, and a cluster that
another has taken the place of. Those of a first publication are in tests/scoring/publish.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.azure.cloud import Fault
from simulator.azure.cloud.request_log import LoggedRequest

_JOB = r"/streamingjobs/[^/]+$"
_DEFINITION = r"/deployments/stream-definition$"
_DEFINED = r"/deployments/stream-definition/exportTemplate$"
_VERSIONS = "/{}/versions$"


@dataclass(frozen=True)
class Request:
    """A request, by what it is for, its method, and a pattern of its host and path.

    `number` tells those apart that look the same: 1 is the first.
    """

    purpose: str
    method: str
    pattern: str
    number: int = 1

    def fits(self, request: LoggedRequest) -> bool:
        """Whether a request looks like this one."""
        place = request.host + request.path
        return request.method == self.method and re.search(self.pattern, place) is not None


REQUESTS = (
    Request("log in: find the end point", "GET", r"/openid-configuration$"),
    Request("log in: get a token", "POST", r"/oauth2/v2.0/token$"),
    Request("job: does it run", "GET", _JOB, 1),
    Request("job: is it defined", "GET", _DEFINITION, 1),
    Request("job: what is its definition", "POST", _DEFINED, 1),
    Request("job: is all of it there", "GET", _JOB, 2),
    Request("job: where did it end", "GET", _JOB, 3),
    Request("job: is it at rest", "GET", _JOB, 4),
    Request("job: start", "POST", r"/start$"),
    Request("job: has it started", "GET", _JOB, 5),
    Request("publish: look at models", "GET", _VERSIONS.format("models/sensor-models")),
    Request("publish: look at environments", "GET", _VERSIONS.format("environments/scoring")),
    Request("publish: look at prepare", "GET", _VERSIONS.format("components/scoring_prepare")),
    Request("publish: look at score", "GET", _VERSIONS.format("components/scoring_score")),
    Request("publish: look at collect", "GET", _VERSIONS.format("components/scoring_collect")),
    Request("publish: look at the pipeline", "GET", _VERSIONS.format("components/scoring")),
    Request("publish: look at the schedule", "GET", r"/schedules/scoring$", 1),
    Request("clusters: list them", "GET", r"/computes$"),
    Request("clusters: list jobs", "GET", r"/jobs$"),
    Request("clusters: look at the schedule", "GET", r"/schedules/scoring$", 2),
    Request("clusters: delete", "DELETE", r"/computes/[^/]+$"),
    Request("clusters: has it gone", "GET", r"/mfeOperationsStatus/"),
    Request("check: does the job run", "GET", _JOB, 6),
    Request("check: what does it do", "GET", _JOB, 7),
    Request("check: what was deployed", "POST", _DEFINED, 2),
)
"""In order; those of `publish: look at` are asked a second time, for old versions to be archived."""

FAULTS = {
    "500": (Fault("status", status=500),),
    "429": (Fault("status", status=429, headers={"Retry-After": "0"}),),
    "403 for a while": (Fault("status", status=403),) * 3,
    "cut": (Fault("cut"),),
    "answer lost": (Fault("answer lost"),),
}
"""By name, what happens to a request and to as many after it as there are faults."""

CASES = [
    (request, fault)
    for request in REQUESTS
    for fault in FAULTS
    if not (request.purpose.startswith("log in") and fault.startswith("403"))  # who may not log in is no passing fault
]

KILLS = (
    Request("job: start", "POST", r"/start$"),
    Request("models: upload", "PUT", r"/sensor-models/models-000-"),
    Request("models: register", "PUT", r"/models/sensor-models/"),
    Request("environment: register", "PUT", r"/environments/scoring/"),
    Request("code: ask for a place", "POST", r"/startPendingUpload$"),
    Request("code: upload", "PUT", r"/code/scoring/cluster/model/fleet.py$"),
    Request("code: register", "PUT", r"/codes/[^/]+/versions/1$"),
    Request("step: register prepare", "PUT", r"/components/scoring_prepare/"),
    Request("step: register score", "PUT", r"/components/scoring_score/"),
    Request("step: register collect", "PUT", r"/components/scoring_collect/"),
    Request("pipeline: register", "PUT", r"/components/scoring/"),
    Request("schedule: put", "PUT", r"/schedules/scoring$"),
    Request("clusters: delete", "DELETE", r"/computes/"),
)
"""What a first release writes, step by step: it dies when Azure has done it, and before it learns of that."""


def numbered(requests: Sequence[LoggedRequest]) -> dict[Request, int]:
    """Where in the log of a release each of `REQUESTS` stands."""
    places = {}
    for wanted in REQUESTS:
        fitting = [request.number for request in requests if wanted.fits(request)]
        if len(fitting) >= wanted.number:
            places[wanted] = fitting[wanted.number - 1]
    return places


DEPLOYMENT_KILLS = {
    "first": (
        Request("schema: open the firewall", "PUT", r"/firewallRules/"),
        Request("schema: find the job's identity", "GET", r"/identities/default$"),
        Request("schema: shut the firewall", "DELETE", r"/firewallRules/"),
        Request("rights: write an input", "PUT", r"/inputs/readings$"),
        Request("rights: write the query", "PUT", r"/transformations/query$"),
        Request("job: start", "POST", r"/start$"),
        Request("code: register", "PUT", r"/codes/[^/]+/versions/1$"),
        Request("schedule: put", "PUT", r"/schedules/scoring$"),
        Request("clusters: list them", "GET", r"/computes$"),
    ),
    "change": (
        Request("job: start after its change", "POST", r"/start$"),
        Request("schedule: put", "PUT", r"/schedules/scoring$"),
        Request("clusters: delete", "DELETE", r"/computes/"),
    ),
}
"""Where whole deployments die, one after the other: the first of all, and one with another query and VM size."""
