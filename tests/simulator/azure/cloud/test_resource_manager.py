"""What the management endpoint answers of resources that are neither jobs nor Azure ML's."""

from simulator.azure.arm import SUBSCRIPTION
from simulator.azure.cloud import Cloud
from simulator.azure.resources import build_resource, known_type
from tests.simulator.azure.cloud.management import Management
from tests.simulator.azure.cloud.small_stack import DATA_ACCOUNT, firewall_rule
from tests.support.recording import recorded


def test_any_resource_of_the_subscription_can_be_read(cloud: Cloud, management: Management):
    account = cloud.storage.account(DATA_ACCOUNT)
    assert account is not None
    assert management.ask("GET", account.id.upper()).json() == account.body


def test_each_resource_of_the_program_answers_for_itself(cloud: Cloud, management: Management):
    """Those too that extend one for whose parts a service of its own answers, such as its diagnostic settings."""
    declared = recorded("dev").azure()
    for one in declared:
        name = known_type(one.type).path[-1]
        cloud.subscription.put(build_resource(cloud.subscription, one.type, {name: one.name, **one.inputs}))
    for one in declared:
        answer = management.ask("GET", str(one.id))
        assert (answer.status_code, answer.json()["id"]) == (200, one.id), answer.text


def test_a_group_lists_what_is_no_part_of_another_thing(cloud: Cloud, management: Management):
    (group,) = management.ask("GET", f"/subscriptions/{SUBSCRIPTION}/resourceGroups").json()["value"]
    listed = management.ask("GET", f"{group['id']}/resources").json()["value"]
    types = {one["type"] for one in listed}
    assert "Microsoft.Storage/storageAccounts" in types and all(one.count("/") == 1 for one in types)
    assert len(cloud.subscription.list()) > len(listed) + 1 and all(set(one) >= {"id", "name"} for one in listed)
    assert management.ask("GET", f"/subscriptions/{SUBSCRIPTION}/resourceGroups/none/resources").status_code == 404


def test_a_firewall_rule_is_made_read_and_removed(cloud: Cloud, management: Management):
    rule = firewall_rule(cloud.subscription, "deployer")
    body = {"properties": {"startIpAddress": "203.0.113.5", "endIpAddress": "203.0.113.5"}}
    assert [management.ask("PUT", rule, body).status_code for _ in range(2)] == [201, 200]
    assert management.ask("GET", rule).json()["properties"] == body["properties"]
    (listed,) = management.ask("GET", rule.rpartition("/")[0]).json()["value"]
    assert (listed["name"], listed["properties"]) == ("deployer", body["properties"])
    assert [management.ask("DELETE", rule).status_code for _ in range(2)] == [200, 204]
    assert cloud.subscription.get(rule) is None


def test_what_is_pulumis_to_do_is_refused(cloud: Cloud, management: Management):
    (group,) = cloud.subscription.list("Microsoft.Resources/resourceGroups")
    assert management.ask("DELETE", group.id).status_code == 405
    assert cloud.subscription.get(group.id) is not None


def test_an_api_version_is_needed(management: Management):
    answer = management.ask("GET", "/subscriptions/s/resourceGroups/g", **{"api-version": ""})
    assert answer.status_code == 404
    answer = management.session.get("https://management.azure.com/subscriptions/s/resourceGroups/g")
    assert answer.json()["error"]["code"] == "MissingApiVersionParameter"
