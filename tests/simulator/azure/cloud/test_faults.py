"""Faults happen to the requests they are meant for, and to no others."""

import pytest
import requests

from simulator.azure.cloud import Cloud, Fault
from simulator.azure.cloud.faults import Faults
from simulator.azure.cloud.http.messages import Request
from tests.simulator.azure.cloud.conftest import Deployer
from tests.simulator.azure.cloud.management import Management
from tests.simulator.azure.cloud.small_stack import firewall_rule


def test_an_error_is_answered_as_often_as_it_was_asked_for(cloud: Cloud, management: Management):
    rule = firewall_rule(cloud.subscription, "me")
    throttled = cloud.faults.inject(
        Fault("status", "PUT", "firewallRules", status=429, headers={"Retry-After": "7"}, times=2)
    )
    for _ in range(2):
        answer = management.ask("PUT", rule, {})
        assert answer.status_code == 429 and answer.headers["Retry-After"] == "7"
        assert answer.json()["error"]["code"] == "TooManyRequests"
        assert management.ask("GET", rule).status_code == 404
    assert management.ask("PUT", rule, {}).status_code == 201
    assert throttled.hits == 2


@pytest.mark.parametrize(("kind", "is_done"), [("cut", False), ("answer lost", True)])
def test_a_connection_is_cut_before_or_after_the_work(cloud: Cloud, management: Management, kind, is_done: bool):
    rule = firewall_rule(cloud.subscription, "me")
    cloud.faults.inject(Fault(kind, "PUT"))
    with pytest.raises(requests.exceptions.ConnectionError):
        management.ask("PUT", rule, {})
    assert (cloud.subscription.get(rule) is not None) == is_done
    assert [entry.fault for entry in cloud.requests] == [kind]


def test_the_nth_request_since_the_log_was_cleared_can_be_hit(cloud: Cloud, management: Management):
    rule = firewall_rule(cloud.subscription, "me")
    cloud.faults.inject(Fault("status", number=2, status=500))
    assert [management.ask("GET", rule).status_code for _ in range(3)] == [404, 500, 404]
    cloud.requests.clear()
    cloud.faults.inject(Fault("status", number=1, status=403))
    assert management.ask("GET", rule).status_code == 403


def test_a_fault_lasts_for_its_seconds():
    now = 100.0
    faults, request = Faults(), Request("GET", "management.azure.com", "/x")
    fault = faults.inject(Fault("status", status=403, times=None, seconds=60, clock=lambda: now))
    now = 159.0
    assert faults.take(request, 1) is fault and faults.take(request, 2) is fault
    now = 160.0
    assert faults.take(request, 3) is None


@pytest.mark.slow
def test_the_sdk_publishes_through_faults_that_it_retries(cloud: Cloud, deployer: Deployer):
    cloud.faults.inject(Fault("status", "PUT", "/models/", status=500))
    cloud.faults.inject(Fault("status", "GET", "/codes/", status=429, headers={"Retry-After": "0"}))
    cloud.faults.inject(Fault("answer lost", "PUT", "/schedules/"))
    deployer.publish()
    assert [entry.fault for entry in cloud.requests if entry.fault] == ["status", "status", "answer lost"]
    assert len(cloud.subscription.list("Microsoft.MachineLearningServices/workspaces/schedules")) == 1
