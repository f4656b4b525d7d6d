"""A machine with this project and an account in a simulated cloud, for the commands that look at both."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_mock import MockerFixture

from infra.commands import command_line
from infra.driver import DRIVER
from simulator.azure.cloud import Cloud, CloudSettings, running_cloud
from simulator.azure.cloud.blobs.azurite import PROGRAM
from simulator.azure.cloud.entra.directory import Directory
from simulator.azure.subscription import Subscription

ROOT = Path(__file__).parents[3]
VERSION = "v3.257.0"
INIT = ("init", "--admin-group", "sql-admins-dev")
OTHERS_VARIABLES = (
    "ARM_CLIENT_ID",
    "ARM_SUBSCRIPTION_ID",
    "RUNNER_ENVIRONMENT",
    "ACC_CLOUD",
    "BATCH_SCORING_DATABASE_URL",
)


@dataclass
class Place:
    """A folder with the project's files, its tools and the account; `capsys` reads what commands print."""

    folder: Path
    cloud: Cloud
    mocker: MockerFixture
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def command(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and errors of `python -m infra`."""
        self.capsys.readouterr()
        code = command_line.main(arguments)
        printed = self.capsys.readouterr()
        return code, printed.out, printed.err

    def findings(self) -> dict[str, dict[str, str]]:
        """What the doctor says of each check."""
        code, out, _ = self.command("doctor", "--json")
        told = json.loads(out)
        assert code == (0 if told["ok"] else 1)
        return {one["check"]: one for one in told["checks"]}

    @property
    def stack_file(self) -> Path:
        return self.folder / "Pulumi.dev.yaml"

    @property
    def config(self) -> dict[str, Any]:
        """The stack file's settings, without their prefix."""
        config = yaml.safe_load(self.stack_file.read_text())["config"]
        return {key.partition(":")[2]: value for key, value in config.items()}

    def configure(self, key: str, value: Any) -> None:
        """Write one setting, as a person would."""
        content = yaml.safe_load(self.stack_file.read_text())
        content["config"][key if ":" in key else f"batch-scoring:{key}"] = value
        self.stack_file.write_text(yaml.safe_dump(content))

    def install_pulumi(self, version: str = VERSION, stacks: str = "dev", *, logged_in: bool = True) -> None:
        """A pulumi that answers what it is asked."""
        listed = json.dumps([{"name": name} for name in stacks.split()])
        script = f"""#!/bin/sh
case "$1" in
version) echo {version} ;;
whoami) {"true" if logged_in else "exit 255"}; echo '{{"user": "me", "url": "file://~"}}' ;;
stack) echo '{listed}' ;;
esac
"""
        tool = self.folder / "bin/pulumi"
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(script)
        tool.chmod(0o755)

    def drivers(self, *names: str) -> None:
        """The ODBC drivers of this machine."""
        self.mocker.patch("pyodbc.drivers", return_value=list(names))

    def sign_in(self, directory: Directory) -> None:
        """Another account, or another tenant around it."""
        self.cloud.settings.directory = directory


@pytest.fixture(scope="session")
def shared_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    if not PROGRAM.is_file():
        pytest.skip("Azurite is not installed: install Node.js 20, then run `make test`")
    with running_cloud(tmp_path_factory.mktemp("account"), Subscription()) as cloud:
        yield cloud


@pytest.fixture
def place(
    shared_account: Cloud,
    tmp_path: Path,
    mocker: MockerFixture,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Place:
    """The project as it is cloned, a user who is logged in to a subscription, and nothing done yet."""
    vars(shared_account.settings).update(vars(CloudSettings(directory=Directory(signed_in="user"))))
    shared_account.faults.clear()
    for group in shared_account.subscription.list("Microsoft.Resources/resourceGroups"):
        shared_account.subscription.delete(group.id)
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in OTHERS_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in shared_account.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    place = Place(tmp_path, shared_account, mocker, monkeypatch, capsys)
    place.install_pulumi()
    place.drivers(DRIVER)
    return place


@pytest.fixture
def healthy(place: Place) -> Place:
    """The same after `python -m infra init`: nothing is wrong."""
    code, out, err = place.command(*INIT)
    assert code == 0, out + err
    return place
