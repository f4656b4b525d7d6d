"""The cluster's image in the settings: which references are fixed, and how a build is asked for again."""

from typing import Any

import pytest

from infra.settings import Settings
from tests.infra.settings.test_settings import changed

DIGEST = "sha256:" + "0123456789abcdef" * 4
FIXED = (
    "a reference with host, and with digest or a tag that numbers a version, like host.azurecr.io/name:1.2 or "
    "host.azurecr.io/name@sha256:…"
)


def problems(image: dict[str, Any]) -> list[str]:
    return Settings.read(changed("image", image))[1]


@pytest.mark.parametrize(
    "reference",
    [
        "host.azurecr.io/scoring:7",
        f"host.azurecr.io/scoring@{DIGEST}",
        f"host.azurecr.io/scoring:7@{DIGEST}",
        f"docker.io/x:latest@{DIGEST}",
        f"localhost:5000/a/b_c/d--e@{DIGEST}",
        "registry.example.com:5000/team/scoring.image:v1.2_3-4",
        "MyRegistry.azurecr.io/scoring:2026.11-release",
        "host.azurecr.io/scoring:sha-0a1b2c3",
        "host.azurecr.io/scoring:main-3f2a1bc",
        "host.azurecr.io/scoring:prod-1.4.2",
        "10.0.0.4:5000/scoring:7",
    ],
)
def test_an_image_that_cannot_change_unseen_is_used(reference: str):
    settings, found = Settings.read(changed("image.existing", reference))
    assert found == [] and settings.image.existing == reference


@pytest.mark.parametrize(
    "reference",
    [
        "scoring",
        "scoring:7",
        "team/scoring:7",
        "docker.io/x:latest",
        "docker.io/x:LATEST",
        "docker.io/x",
        "host.azurecr.io:5000/scoring",
        "host.azurecr.io:5000/scoring:latest",
        "host.azurecr.io/scoring:main",
        "host.azurecr.io/scoring:main-2",
        "host.azurecr.io/scoring:latest-2026",
        "host.azurecr.io/scoring:py3-Latest",
        "ghcr.io/team/scoring:stable",
        "host.azurecr.io/scoring:not.latest",
        f"scoring@{DIGEST}",
        f"host.azurecr.io/scoring@{DIGEST[:-1]}",
        f"host.azurecr.io/scoring@{DIGEST.upper()}",
        "host.azurecr.io/scoring:",
        "host.azurecr.io/scoring:-7",
        "host.azurecr.io/scoring:7\n",
        "host.azurecr.io/Scoring:7",
        "host.azurecr.io//scoring:7",
        "https://host.azurecr.io/scoring:7",
        f"host.azurecr.io/scoring:{'7' * 129}",
    ],
)
def test_an_image_that_could_change_unseen_or_is_none_is_refused(reference: str):
    assert problems({"existing": reference}) == [f"image.existing is {reference!r}: give {FIXED}"]


def test_a_build_is_asked_for_again_by_a_short_text():
    allowed = 'give a text of at most 64 letters, like "1"'
    assert problems({"rebuild": "since conda-forge is back"}) == []
    assert problems({"rebuild": 1}) == [f"image.rebuild is 1: {allowed}"]
    assert problems({"rebuild": "x" * 65}) == [f"image.rebuild is {'x' * 65!r}: {allowed}"]


def test_an_image_that_is_not_built_cannot_be_built_again():
    (problem,) = problems({"existing": "host.azurecr.io/name:7", "rebuild": "1"})
    assert problem == "image.rebuild is '1': give it only without image.existing, which builds nothing"
