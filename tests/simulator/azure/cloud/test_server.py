"""The proxy lets clients reach the simulated cloud, and nothing else."""

import contextlib
import threading
from pathlib import Path

import pytest
import requests

from simulator.azure.arm.answers import client_config
from simulator.azure.cloud import Cloud, CloudSettings, running_cloud
from simulator.azure.subscription import Subscription
from tests.simulator.azure.cloud.management import ARM, TOKENS, Management
from tests.simulator.azure.cloud.small_stack import DATA_ACCOUNT


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("https://example.org/", "example.org:443"),
        ("https://management.azure.com:8443/", "management.azure.com:8443"),
        ("https://nobodysaccount.blob.core.windows.net/", "nobodysaccount.blob.core.windows.net:443"),
        ("http://169.254.169.254/metadata", "http://169.254.169.254/metadata"),
    ],
)
def test_other_hosts_are_refused_and_counted(cloud: Cloud, management: Management, url: str, refused: str):
    with contextlib.suppress(requests.exceptions.ProxyError):
        assert management.session.get(url).status_code == 403
    assert cloud.refused == [refused]
    assert list(cloud.requests) == []


def test_every_host_of_the_cloud_shows_a_certificate_that_the_environment_trusts(cloud: Cloud, management: Management):
    for host in ("management.azure.com", "login.microsoftonline.com", "westeurope.api.azureml.ms"):
        assert management.session.get(f"https://{host}/nothing").status_code in (400, 404)
    assert management.session.get(f"https://{DATA_ACCOUNT}.blob.core.windows.net/").status_code == 401
    assert cloud.refused == []
    management.session.verify = True
    with pytest.raises(requests.exceptions.SSLError):
        management.session.get("https://westeurope.api.azureml.ms/discovery")


def test_requests_without_a_good_token_are_refused(management: Management):
    group = "/subscriptions/s/resourceGroups/g"
    for authorization in ("", "Bearer made-up", f"Bearer {management.token('https://ml.azure.com')}"):
        answer = management.session.get(ARM + group, headers={"Authorization": authorization})
        assert answer.status_code == 401 and "login.microsoftonline.com" in answer.headers["WWW-Authenticate"]


def test_a_wrong_secret_gets_no_token(management: Management):
    form = {"client_id": client_config()["clientId"], "client_secret": "wrong", "scope": f"{ARM}/.default"}
    answer = management.session.post(TOKENS, data=form)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_the_log_says_what_was_asked_and_answered(cloud: Cloud, management: Management):
    management.ask("GET", "/subscriptions/s/resourceGroups/g/providers/Microsoft.Sql/servers/missing")
    (entry,) = cloud.requests
    assert str(entry) == "  1 404 GET    management.azure.com/{group}/providers/Microsoft.Sql/servers/missing"


def test_a_cloud_that_has_stopped_leaves_no_thread_and_no_port(tmp_path: Path):
    """Also with clients that keep their connections."""
    before = {*threading.enumerate()}
    with running_cloud(tmp_path, Subscription(), CloudSettings()) as cloud:
        client = Management(cloud)
        assert client.token(ARM)
        assert len({*threading.enumerate()} - before) == 2
    with pytest.raises(requests.exceptions.ConnectionError):
        client.token(ARM)
    assert {*threading.enumerate()} <= before
    client.session.close()
