"""Who may do what: tokens when keys are configured, any token otherwise, and TLS."""

import subprocess
import time
from pathlib import Path

import pytest
from azure.core.credentials import AccessToken, AzureNamedKeyCredential, AzureSasCredential
from azure.eventhub import EventData, EventHubProducerClient, EventHubSharedKeyCredential, TransportType
from azure.eventhub.exceptions import AuthenticationError

from simulator.event_hubs import Hub, LoopbackEventHubs, Tls
from simulator.event_hubs.service.management import Access, signed_resource
from tests.simulator.event_hubs.sdk import Clients, send

KEYS = {"root": "c2VjcmV0=="}


def token(uri: str, *, policy: str = "root", key: str = KEYS["root"]) -> str:
    return EventHubSharedKeyCredential(policy, key).get_token(uri).token


@pytest.mark.slow
def test_only_a_token_signed_with_the_key_opens_the_hub(clients: Clients) -> None:
    with LoopbackEventHubs([Hub("readings", 1)], keys=KEYS) as server:
        send(clients.producer(server, hub="readings"), ["x"])
        address = f"127.0.0.1:{server.port}"
        credentials = (
            AzureNamedKeyCredential("root", KEYS["root"]),
            AzureSasCredential(token(f"sb://{address}/readings")),
        )
        for credential in credentials:
            client = EventHubProducerClient(
                address, "readings", credential, use_tls=False, retry_total=0, socket_timeout=0.02
            )
            with client:
                client.send_event(EventData("x"))
        wrong = EventHubProducerClient(
            address,
            "readings",
            AzureNamedKeyCredential("root", "wrong"),
            use_tls=False,
            retry_total=0,
            socket_timeout=0.02,
        )
        with wrong, pytest.raises(AuthenticationError):
            wrong.send_event(EventData("x"))
        assert server.stats.events_in == 3
        clients.close()


def test_without_keys_the_token_of_a_managed_identity_is_as_good_as_any(server: LoopbackEventHubs, hub: str) -> None:
    class Identity:
        def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
            return AccessToken("header.payload.signature", int(time.time()) + 3600)

    client = EventHubProducerClient(
        f"127.0.0.1:{server.port}", hub, Identity(), use_tls=False, retry_total=0, socket_timeout=0.02
    )
    before = server.stats.events_in
    with client:
        client.send_event(EventData("x"))
    assert server.stats.events_in == before + 1


@pytest.mark.parametrize(
    ("resource", "path", "allowed"),
    [
        ("sb://host/readings", "readings", True),
        ("sb://host/readings", "READINGS/ConsumerGroups/$Default/Partitions/0", True),
        ("sb://host/", "readings", True),
        ("sb://host/read", "readings", False),
        ("sb://host/readings/Partitions/0", "readings", False),
    ],
)
def test_a_token_opens_what_lies_below_its_resource(resource: str, path: str, allowed: bool) -> None:
    access = Access(KEYS)
    assert access.put(resource, token(resource))
    assert access.allows(path) is allowed


def test_a_token_does_not_open_another_audience() -> None:
    access = Access(KEYS)
    assert not access.put("sb://host/readings", token("sb://host/elsewhere"))
    assert not access.allows("readings")


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "SharedAccessSignature",
        "Bearer x",
        "SharedAccessSignature sr=x&sig=%ff&se=soon&skn=root",
        token("sb://host/readings", key="wrong"),
        token("sb://host/readings", policy="nobody"),
        token("sb://host/readings").replace("se=", "se=1"),
        token("sb://host/readings").partition("&se=")[0] + "&se=1&skn=root",
    ],
)
def test_a_bad_token_opens_nothing(bad: str) -> None:
    access = Access(KEYS)
    assert not access.put("sb://host/readings", bad)
    assert not access.allows("readings")


def test_a_token_is_good_until_it_expires() -> None:
    signed = EventHubSharedKeyCredential("root", KEYS["root"]).get_token("sb://host/readings")
    assert signed_resource(signed.token, KEYS, now=signed.expires_on) == "readings"
    assert signed_resource(signed.token, KEYS, now=signed.expires_on + 1) is None


def test_the_sdk_sends_over_tls(tmp_path: Path) -> None:
    tls = Tls(tmp_path / "certificate.pem", tmp_path / "key.pem")
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(tls.key), "-out", str(tls.certificate)]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *files, *subject],
        check=True,
        capture_output=True,
    )
    with LoopbackEventHubs([Hub("readings", 1)], tls=tls) as server:
        assert "UseDevelopmentEmulator" not in server.connection_string
        client = EventHubProducerClient(
            "example.servicebus.windows.net",
            "readings",
            EventHubSharedKeyCredential("a", "b"),
            connection_verify=str(tls.certificate),
            transport_type=TransportType.Amqp,
            custom_endpoint_address=f"sb://localhost:{server.port}",
            retry_total=0,
            socket_timeout=0.02,
        )
        with client:
            client.send_event(EventData("x"))
        assert server.stats.events_in == 1
