"""What the stream job does: written as soon as its rights are there, put back, compared with what was deployed."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from infra.release.work.job_definition import SECONDS_FOR_ANY_REFUSAL, JobDefinition, RightsError, is_about_rights
from infra.release.work.resource_manager import ResourceManager
from scoring.patience import SECONDS_FOR_RIGHTS, Patience
from simulator.azure.cloud import CloudSettings
from simulator.azure.cloud.http.messages import Answer, Request, ServiceError
from simulator.azure.cloud.management.stream_jobs import StreamJobs
from simulator.azure.roles import EVENT_HUBS_RECEIVER
from simulator.azure.stream_children import expanded, query_of
from stream_queries.errors import UserError
from tests.support.azure.estate import HUB, IDS, STORE, Estate, child


class Azure(ResourceManager):
    """Resource Manager of the simulated subscription, without the way through the network."""

    def __init__(self, estate: Estate) -> None:
        self.estate, self.jobs = estate, StreamJobs(estate.subscription, CloudSettings(polls=0))
        self.asked: list[str] = []

    def get(self, resource_id: str, api_version: str, *, expand: str | None = None) -> dict[str, Any] | None:
        found = self.estate.subscription.get(resource_id)
        if found is None or resource_id != IDS["job"]:
            return None if found is None else found.body
        return _answered(self.jobs.get(found, expand or ""))

    def put(self, resource_id: str, api_version: str, body: Mapping[str, Any]) -> None:
        self._child("PUT", resource_id, body)

    def delete(self, resource_id: str, api_version: str) -> None:
        self._child("DELETE", resource_id, {})

    def post(
        self, resource_id: str, action: str, api_version: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        assert action == "exportTemplate"
        return {"template": self.estate.get("definition").inputs["properties"]["template"]}

    def _child(self, method: str, resource_id: str, body: Mapping[str, Any]) -> None:
        kind, name = resource_id.split("/")[-2:]
        self.asked.append(f"{method} {kind}/{name}")
        request = Request(method, "management.azure.com", resource_id, content=json.dumps(body).encode())
        try:
            self.jobs.child(self.estate.get("job"), kind, name, request)
        except ServiceError as refusal:
            error = HttpResponseError(str(refusal))
            error.status_code = refusal.status
            raise error from refusal


def _answered(answer: Answer) -> dict[str, Any]:
    return json.loads(answer.content)


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def definition(estate: Estate) -> JobDefinition:
    return definition_of(estate, lambda _: None)


def definition_of(estate: Estate, say: Callable[[str], None]) -> JobDefinition:
    return JobDefinition(Azure(estate), IDS["job"], Patience(SECONDS_FOR_RIGHTS, say=say, sleep=lambda _: None))


def keyless(source: dict[str, Any]) -> dict[str, Any]:
    return source | {"properties": source["properties"] | {"authenticationMode": "Msi"}}


READS = child("inputs/arrivals", type="Stream", datasource=keyless(HUB))
WRITES = child("outputs/rejects", datasource=keyless(STORE))


def test_it_waits_for_rights_that_take_a_while_and_says_so(estate: Estate):
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if len(said) == 20:  # some 15 minutes later
            estate.assign("role", scope=IDS["hub"], roleDefinitionId=f"/roles/{EVENT_HUBS_RECEIVER}")

    assert definition_of(estate, say).write([READS]) == "inputs, outputs and query are accepted (1)"
    beginning = "stream definition: input arrivals: waiting for the job's rights: "
    assert len(said) == 20 and all(line.startswith(beginning) and "is not authorized" in line for line in said)


def test_rights_that_never_come_are_given_up_by_time_with_what_azure_says_and_what_it_may_be(estate: Estate):
    with pytest.raises(RightsError, match=r"output rejects: for 30 minutes Azure has said: .*store.*\(propagation\)"):
        definition_of(estate, lambda _: None).write([WRITES])


def slept(estate: Estate, seconds: list[float]) -> JobDefinition:
    """A definition whose waits are noted."""
    return JobDefinition(Azure(estate), IDS["job"], Patience(SECONDS_FOR_RIGHTS, sleep=seconds.append))


def test_what_is_wrong_is_taken_for_missing_rights_for_some_minutes_and_then_told(estate: Estate):
    seconds: list[float] = []
    with pytest.raises(HttpResponseError, match="is not one of"):
        slept(estate, seconds).write([child("inputs/arrivals", type="Strem")])
    assert SECONDS_FOR_ANY_REFUSAL <= sum(seconds) < SECONDS_FOR_ANY_REFUSAL + 60


def test_what_is_wrong_in_a_change_is_told_at_once_for_the_job_stands_still(estate: Estate):
    seconds: list[float] = []
    with pytest.raises(HttpResponseError, match="is not one of"):
        slept(estate, seconds).rewrite([child("inputs/arrivals", type="Strem")])
    assert seconds == []
    with pytest.raises(RightsError, match="for 30 minutes"):
        slept(estate, seconds).rewrite([WRITES])
    assert sum(seconds) >= SECONDS_FOR_RIGHTS


def test_only_what_a_failed_change_has_left_otherwise_is_put_back(definition: JobDefinition, estate: Estate):
    former = definition.deployed()
    assert definition.put_back(former) is None
    definition.manager.put(f"{IDS['job']}/transformations/query", "", {"properties": {"query": "SELECT 2"}})
    definition.manager.put(f"{IDS['job']}/outputs/copy", "", {"properties": {"datasource": STORE}})
    assert definition.put_back(former) == "transformation query put back"
    assert definition.differences() == []


def test_what_is_put_back_is_the_former_definition_whatever_was_deployed_since(
    definition: JobDefinition, estate: Estate, monkeypatch: pytest.MonkeyPatch
):
    """Azure may have taken the change of the deployment, and its answer was lost, or have forgotten the deployment."""
    before, former = expanded(estate.subscription, estate.get("job")), definition.deployed()
    others = [
        child("outputs/others", datasource=STORE),
        *(one for one in former if not one["name"].endswith("rejects")),
    ]
    for deployed in (others, []):
        monkeypatch.setattr(JobDefinition, "deployed", lambda _, deployed=deployed: deployed)
        definition.write(others)
        definition.manager.delete(f"{IDS['job']}/outputs/rejects", "")
        assert definition.put_back(former) == "output rejects put back" and definition.restore(former) is None
        assert expanded(estate.subscription, estate.get("job")) == before
    definition.remove_undeclared()
    assert expanded(estate.subscription, estate.get("job")) == before, "nothing tells what was declared"


def test_what_the_job_has_can_be_written_again(definition: JobDefinition, estate: Estate):
    """Azure answers more than it is given."""
    before = expanded(estate.subscription, estate.get("job"))
    query = estate.subscription.get(f"{IDS['job']}/transformations/query")
    assert query is not None
    query.body["properties"] |= {"etag": "1", "validStreamingUnits": [1, 3]}
    estate.subscription.put(query)
    former = definition.present()
    definition.manager.put(f"{IDS['job']}/transformations/query", "", {"properties": {"query": "SELECT 2"}})
    definition.manager.delete(f"{IDS['job']}/outputs/rejects", "")
    assert definition.put_back(former) == "output rejects, transformation query put back"
    assert expanded(estate.subscription, estate.get("job")) == before


def test_putting_back_takes_no_refusal_for_missing_rights(estate: Estate):
    seconds: list[float] = []
    with pytest.raises(UserError, match=r"input arrivals: .*is not one of"):
        slept(estate, seconds).put_back([child("inputs/arrivals", type="Strem")])
    assert seconds == []


def test_what_can_be_put_back_is_put_back_though_another_part_is_refused(definition: JobDefinition, estate: Estate):
    former = definition.present()
    before = expanded(estate.subscription, estate.get("job"))
    definition.manager.put(f"{IDS['job']}/transformations/query", "", {"properties": {"query": "SELECT 2"}})
    definition.manager.put(f"{IDS['job']}/outputs/copy", "", {"properties": {"datasource": STORE}})
    with pytest.raises(UserError, match=r"input gone: .*is not one of"):
        definition.put_back([child("inputs/gone", type="Strem"), *former])
    assert expanded(estate.subscription, estate.get("job")) == before


def test_also_what_a_change_only_added_or_wrote_in_other_letters_is_put_back(definition: JobDefinition, estate: Estate):
    """For a difference that somebody is told of, both are none."""
    former, declared = definition.present(), definition.deployed()
    before = expanded(estate.subscription, estate.get("job"))
    path = f"{IDS['job']}/outputs/rejects"
    (rejects,) = [one["properties"] for one in former if one["name"] == "job/rejects"]
    upper = {**STORE, "properties": {**STORE["properties"], "container": "REJECTS"}}
    for changed in (rejects | {"sizeWindow": 7}, rejects | {"datasource": upper}):
        found = estate.subscription.get(path)
        assert found is not None
        found.body["properties"] = changed
        estate.subscription.put(found)
        assert definition.put_back(former, {"template": {"resources": declared}}) == "output rejects put back"
        assert expanded(estate.subscription, estate.get("job")) == before


@pytest.mark.parametrize(
    ("status", "advice"), [(400, "propagation"), (403, "give whoever deploys the rights"), (503, "wait until Azure")]
)
def test_all_waits_together_take_no_longer_than_rights_may(
    status: int, advice: str, estate: Estate, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        refusal = HttpResponseError("The client does not have authorization to perform the action.")
        refusal.status_code = status
        raise refusal

    seconds: list[float] = []
    written = slept(estate, seconds)
    monkeypatch.setattr(written.manager, "put", refuse)
    with pytest.raises(RightsError, match=f"for 30 minutes Azure has said: .*{advice}"):
        written.write([WRITES])
    assert SECONDS_FOR_RIGHTS <= sum(seconds) < SECONDS_FOR_RIGHTS + 120


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("Access to EventHub sb://events.servicebus.windows.net/ is not authorized.", True),
        ("Access denied to storage account store.", True),
        ("The identity lacks permissions on the container.", True),
        ("The identity does not have the appropriate permissions.", True),
        ("Unauthorized access. 'Listen' claim(s) are required to perform this operation.", True),
        ("AuthorizationPermissionMismatch", True),
        ("status-code: 401, status-description: InvalidSignature", True),
        ("The principal is not able to access the database under the current security context.", True),
        ("Login failed for user '<token-identified principal>'.", True),
        ("The identity does not have authorization to perform the action", True),
        ("The user does not have permission to access the container", True),
        ("Response status code does not indicate success: 403 (Forbidden).", True),
        ("The streaming job should have at least one input defined.", False),
        ("The query has an error in line 3: unexpected token", False),
        ("The access tier of the account is not supported", False),
    ],
)
def test_refusals_for_missing_rights_are_told_from_others(text: str, is_one: bool):
    assert is_about_rights(text) is is_one


def test_what_the_job_has_lost_is_put_back_and_nothing_else(estate: Estate, definition: JobDefinition):
    assert definition.restore() is None
    before = expanded(estate.subscription, estate.get("job"))
    for gone in ("outputs/rejects", "transformations/query"):
        estate.subscription.delete(f"{IDS['job']}/{gone}")
    assert definition.restore() == "output rejects, transformation query put back, which the change had dropped"
    assert isinstance(definition.manager, Azure)
    assert definition.manager.asked == ["PUT outputs/rejects", "PUT transformations/query"]
    assert expanded(estate.subscription, estate.get("job")) == before


def test_a_job_without_a_deployed_definition_has_nothing_to_put_back(estate: Estate, definition: JobDefinition):
    estate.subscription.delete(IDS["definition"])
    estate.subscription.delete(f"{IDS['job']}/outputs/rejects")
    assert definition.restore() is None and definition.deployed() == []


def test_a_definition_that_runs_as_deployed_does_not_differ(definition: JobDefinition):
    assert definition.differences() == []


def test_every_difference_is_named(estate: Estate, definition: JobDefinition):
    definition.manager.put(
        f"{IDS['job']}/transformations/query", "", {"properties": {"query": "SELECT 2", "streamingUnits": 6}}
    )
    definition.manager.delete(f"{IDS['job']}/inputs/arrivals", "")
    definition.manager.put(f"{IDS['job']}/outputs/copy", "", {"properties": {"datasource": STORE}})
    assert definition.differences() == [
        "input arrivals is missing",
        "transformation query: query",
        "transformation query: streamingUnits",
        "outputs copy is in nobody's definition",
    ]


def test_what_azure_adds_or_writes_in_other_letters_is_no_difference(estate: Estate, definition: JobDefinition):
    source = STORE | {"properties": {"container": "REJECTS", "storageAccounts": [{"accountName": "store"}], "more": 1}}
    path = f"{IDS['job']}/outputs/rejects"
    found = estate.subscription.get(path)
    assert found is not None
    found.body["properties"] = {"datasource": source, "etag": "1", "diagnostics": None}
    estate.subscription.put(found)
    query = estate.subscription.get(f"{IDS['job']}/transformations/query")
    assert query is not None
    query.body["properties"]["query"] = "SELECT\r\n 1"
    estate.subscription.put(query)
    assert definition.differences() == []
    query.body["properties"]["query"] = "select 1"
    estate.subscription.put(query)
    assert definition.differences() == ["transformation query: query"]


def test_what_the_definition_no_longer_has_is_removed_from_the_job(estate: Estate, definition: JobDefinition):
    definition.manager.put(f"{IDS['job']}/outputs/copy", "", {"properties": {"datasource": STORE}})
    definition.remove_undeclared()
    assert definition.differences() == []


def test_a_doubled_bracket_of_the_template_is_one_in_the_job(estate: Estate, definition: JobDefinition):
    definition.write([child("transformations/query", query="[[a] is a name", streamingUnits=3)])
    assert query_of(estate.subscription, estate.get("job")) == "[a] is a name"
