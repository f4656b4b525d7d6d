"""Who a step is."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from pytest_mock import MockerFixture

from scoring.cluster.stores.identity import own_credential


@pytest.fixture
def made(mocker: MockerFixture):
    return mocker.patch("azure.identity.DefaultAzureCredential")


def test_on_a_cluster_it_is_the_identity_that_the_pipeline_names(made, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DEFAULT_IDENTITY_CLIENT_ID", "1234")
    own_credential()
    made.assert_called_once_with(managed_identity_client_id="1234")


class GitHub(BaseHTTPRequestHandler):
    """Answers as the token endpoint of a workflow; counts how often it was asked."""

    asked = 0

    def do_GET(self) -> None:
        GitHub.asked += 1
        assert self.headers["Authorization"] == "Bearer of-the-workflow"
        assert parse_qs(urlsplit(self.path).query) == {"job": ["7"], "audience": ["api://AzureADTokenExchange"]}
        body = json.dumps({"value": f"proof {GitHub.asked}"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing."""


def test_in_a_workflow_every_token_is_asked_for_with_a_fresh_proof(mocker: MockerFixture, monkeypatch):
    made = mocker.patch("azure.identity.ClientAssertionCredential")
    server = HTTPServer(("127.0.0.1", 0), GitHub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        for name, value in {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{server.server_port}/token?job=7",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-workflow",
            "ARM_CLIENT_ID": "client",
            "ARM_TENANT_ID": "tenant",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("DEFAULT_IDENTITY_CLIENT_ID", raising=False)
        own_credential()
        proof = made.call_args.kwargs["func"]
        assert (proof(), proof()) == ("proof 1", "proof 2")
        assert made.call_args.kwargs["tenant_id"] == "tenant" and made.call_args.kwargs["client_id"] == "client"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_elsewhere_it_is_whoever_is_logged_in(made, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DEFAULT_IDENTITY_CLIENT_ID", raising=False)
    own_credential()
    made.assert_called_once_with()
