"""A first deployment that cannot end well ends before its first resource; a preview needs no account."""

from typing import Any

import jwt
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from pytest_mock import MockerFixture

from infra.driver import DRIVER
from infra.release.preflight import preflight
from infra.release.work.principal import running_principal
from infra.settings.stages.deployers import Deployer
from stream_queries.errors import UserError
from tests.support.recording import recorded

ME, OTHER = "12345678-0000-0000-0000-00000000000a", "12345678-0000-0000-0000-000000000002"


class Credential:
    """Somebody whose token holds these claims."""

    def __init__(self, **claims: str) -> None:
        self._token = jwt.encode({"oid": ME, "appid": "app", **claims}, "k" * 32)

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(self._token, 0)


class Nobody:
    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        raise ClientAuthenticationError("Please run 'az login' to set up an account\nand more")


@pytest.fixture(autouse=True)
def driver(mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BATCH_SCORING_DATABASE_URL", raising=False)
    mocker.patch("pyodbc.drivers", return_value=[DRIVER])


def warned(*deployers: Deployer) -> list[str]:
    warnings: list[str] = []
    preflight(deployers, Credential(), warnings.append)
    return warnings


def test_nobody_listed_is_refused_with_the_command_that_mends_it():
    with pytest.raises(UserError, match=r"nobody is listed under `deployers`.*python -m infra init --stack"):
        warned()


def test_a_missing_driver_is_refused(mocker: MockerFixture):
    mocker.patch("pyodbc.drivers", return_value=[])
    with pytest.raises(UserError, match=f"{DRIVER} is not installed"):
        warned(Deployer(ME, "User"))


def test_a_database_instead_of_the_stacks_own_needs_no_driver(mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch):
    mocker.patch("pyodbc.drivers", return_value=[])
    monkeypatch.setenv("BATCH_SCORING_DATABASE_URL", "sqlite://")
    assert warned(Deployer(ME, "User")) == []


def test_nobody_logged_in_is_refused_in_one_line():
    with pytest.raises(UserError, match=r"nobody is logged in to Azure: Please run 'az login'[^\n]*$"):
        preflight([Deployer(ME, "User")], Nobody(), lambda _: None)


@pytest.mark.parametrize("deployer", [Deployer(ME.upper(), "User"), Deployer(OTHER, "Group")])
def test_who_is_listed_or_may_be_in_a_listed_group_is_not_warned(deployer: Deployer):
    assert warned(deployer) == []


def test_who_is_not_listed_is_warned():
    (warning,) = warned(Deployer(OTHER, "User"))
    assert f"ServicePrincipal {ME}, who is not among `deployers`" in warning


@pytest.mark.parametrize(
    ("claims", "kind", "address"),
    [
        ({"idtyp": "app"}, "ServicePrincipal", None),
        ({"idtyp": "user", "upn": "me@contoso.com", "ipaddr": "203.0.113.7"}, "User", "203.0.113.7"),
        ({"unique_name": "me@contoso.com"}, "User", None),  # older tokens do not tell the type
        ({}, "ServicePrincipal", None),
    ],
)
def test_a_token_tells_who_its_bearer_is(claims: dict[str, str], kind: str, address: str | None):
    me = running_principal(Credential(**claims))
    assert (me.object_id, me.client_id, me.kind, me.address) == (ME, "app", kind, address)


def test_a_token_that_cannot_be_read_is_told():
    class Opaque:
        def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            return AccessToken("opaque", 0)

    with pytest.raises(UserError, match="log in again"):
        running_principal(Opaque())


def test_it_is_asked_before_the_resource_group_and_not_by_a_preview():
    """Everything else lies in the group. The shipped settings list nobody, and yet all of it is declared."""
    recording = recorded("dev")
    assert recording.error is None
    assert recording.one("resources:ResourceGroup").hooks == {"before_create": ("preflight",)}
    assert "preflight" in recording.hooks
