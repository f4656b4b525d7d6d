"""The stacks whose declarations are compared with the expected tables: both stack files, with one deployer each."""

from functools import cache
from typing import Any

import yaml

from infra.settings import Settings
from tests.support.recording import REPOSITORY, Recording, record

STACKS = ("dev", "prod")
DEPLOYER = "44444444-4444-4444-4444-444444444444"
OVERRIDES = {"deployers": [{"objectId": DEPLOYER, "type": "Group"}]}


@cache
def recording(stack: str) -> Recording:
    """What a stack declares; nobody changes it."""
    found = record(stack, OVERRIDES)
    assert found.error is None, found.error
    return found


def settings_of(stack: str, **sections: dict[str, Any]) -> Settings:
    """A stack's settings, with some sections' values replaced."""
    project = yaml.safe_load((REPOSITORY / "Pulumi.yaml").read_text(encoding="utf-8"))["name"]
    written = yaml.safe_load((REPOSITORY / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))["config"]
    values = {key.removeprefix(f"{project}:"): value for key, value in written.items()}
    for name, changes in sections.items():
        values[name] = {**values.get(name, {}), **changes}
    settings, problems = Settings.read(values)
    assert problems == []
    return settings
