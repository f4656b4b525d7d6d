"""Storage accounts of the subscription hold blobs for whom their roles let in."""

import pytest
import requests

from simulator.azure.cloud import Cloud
from simulator.azure.cloud.blobs.azurite import SLOTS
from simulator.azure.roles import BLOB_CONTRIBUTOR, BLOB_READER
from simulator.azure.subscription import ASSIGNED_AT
from tests.simulator.azure.cloud.management import Management
from tests.simulator.azure.cloud.small_stack import DATA_ACCOUNT, PREDICTIONS, account, assign, container

STORAGE = "https://storage.azure.com"
BLOB = f"https://{DATA_ACCOUNT}.blob.core.windows.net/{PREDICTIONS}/a.txt"
PRINCIPAL = "11111111-2222-3333-4444-555555555555"


def send(management: Management, method: str, token: str, url: str = BLOB) -> requests.Response:
    headers = {"Authorization": token, "x-ms-version": "2024-08-04", "x-ms-blob-type": "BlockBlob"}
    return management.session.request(method, url, headers=headers, data=b"text" if method == "PUT" else None)


@pytest.fixture
def stranger(cloud: Cloud) -> str:
    return f"Bearer {cloud.services.tokens.issue(PRINCIPAL, 'client', STORAGE)}"


def test_a_role_on_the_container_lets_read_or_write(cloud: Cloud, management: Management, stranger: str):
    (predictions,) = cloud.subscription.list("Microsoft.Storage/storageAccounts/blobServices/containers")
    refused = send(management, "PUT", stranger)
    assert refused.status_code == 403 and refused.headers["x-ms-error-code"] == "AuthorizationPermissionMismatch"
    assign(cloud.subscription, BLOB_READER, predictions.id, PRINCIPAL)
    assert [send(management, method, stranger).status_code for method in ("PUT", "GET")] == [403, 404]
    assign(cloud.subscription, BLOB_CONTRIBUTOR, predictions.id, PRINCIPAL)
    assert send(management, "PUT", stranger).status_code == 201
    read = send(management, "GET", stranger)
    assert (read.content, read.headers["Content-Length"]) == (b"text", "4")
    head = send(management, "HEAD", stranger)
    assert (head.status_code, head.headers["Content-Length"]) == (200, "4")
    assert [send(management, method, stranger).status_code for method in ("DELETE", "GET")] == [202, 404]


def test_a_role_lets_in_when_it_has_arrived_on_the_clock(cloud: Cloud, management: Management, stranger: str):
    (predictions,) = cloud.subscription.list("Microsoft.Storage/storageAccounts/blobServices/containers")
    assignment = assign(cloud.subscription, BLOB_CONTRIBUTOR, predictions.id, PRINCIPAL)
    assignment.state[ASSIGNED_AT] = cloud.subscription.clock.now()
    cloud.subscription.put(assignment)
    cloud.subscription.roles_arrive_after = 480.0
    try:
        assert send(management, "PUT", stranger).status_code == 403
        skip = requests.post(cloud.clock_address, json={"seconds": 240}, proxies={"http": ""}, timeout=30)
        assert skip.status_code == 204 and send(management, "PUT", stranger).status_code == 403
        cloud.subscription.clock.skip(240)
        assert send(management, "PUT", stranger).status_code == 201
    finally:
        cloud.subscription.roles_arrive_after = 0.0


def test_the_deployer_needs_roles_where_the_settings_say_so(cloud: Cloud, management: Management):
    token = f"Bearer {management.token(STORAGE)}"
    assert send(management, "PUT", token).status_code == 201
    cloud.settings.deployer_needs_roles = True
    assert send(management, "PUT", token).status_code == 403


@pytest.mark.parametrize("authorization", ["SharedKey testsdata:c2lnbmF0dXJl", "Bearer made-up", ""])
def test_keys_and_other_peoples_tokens_are_refused(cloud: Cloud, management: Management, authorization: str):
    assert send(management, "PUT", authorization).status_code in (401, 403)
    assert send(management, "PUT", "", f"{BLOB}?sv=2024&sig=made-up").status_code == 403


def test_only_declared_containers_are_there(cloud: Cloud, management: Management):
    token = f"Bearer {management.token(STORAGE)}"
    other = BLOB.replace(PREDICTIONS, "raw")
    assert send(management, "PUT", token, other).status_code == 404
    raw = container(cloud.subscription, DATA_ACCOUNT, "raw")
    assert send(management, "PUT", token, other).status_code == 201
    cloud.subscription.delete(raw.id)
    assert send(management, "GET", token, other).status_code == 404


def test_an_account_that_is_made_again_is_empty(cloud: Cloud, management: Management):
    token = f"Bearer {management.token(STORAGE)}"
    for _ in range(SLOTS + 1):
        assert send(management, "GET", token).status_code == 404
        assert send(management, "PUT", token).status_code == 201
        old = cloud.storage.account(DATA_ACCOUNT)
        assert old is not None
        cloud.subscription.delete(old.id)
        account(cloud.subscription, DATA_ACCOUNT)
        container(cloud.subscription, DATA_ACCOUNT, PREDICTIONS)
