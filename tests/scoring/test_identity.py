"""Who a step is."""

import pytest
from pytest_mock import MockerFixture

from scoring.identity import own_credential


@pytest.fixture
def made(mocker: MockerFixture):
    return mocker.patch("azure.identity.DefaultAzureCredential")


def test_on_a_cluster_it_is_the_identity_that_the_pipeline_names(made, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DEFAULT_IDENTITY_CLIENT_ID", "1234")
    own_credential()
    made.assert_called_once_with(managed_identity_client_id="1234")


def test_elsewhere_it_is_whoever_is_logged_in(made, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DEFAULT_IDENTITY_CLIENT_ID", raising=False)
    own_credential()
    made.assert_called_once_with()
