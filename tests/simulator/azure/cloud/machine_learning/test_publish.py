"""The unpatched azure-ai-ml SDK publishes to the simulated cloud."""

import pytest

from simulator.azure.cloud import Cloud
from tests.simulator.azure.cloud.conftest import Deployer

ASSETS = {"models": 1, "codes": 1, "environments": 1, "components": 4}


def counts(cloud: Cloud) -> dict[str, int]:
    return {
        kind: len(cloud.subscription.list(f"Microsoft.MachineLearningServices/workspaces/{kind}/versions"))
        for kind in ASSETS
    }


@pytest.mark.slow
def test_publishing_twice_uploads_and_creates_nothing_the_second_time(cloud: Cloud, deployer: Deployer):
    first = deployer.publish()
    assert counts(cloud) == ASSETS and cloud.requests.uploads() and cloud.requests.created()
    cloud.requests.clear()
    assert deployer.publish() == first
    assert counts(cloud) == ASSETS
    assert [*cloud.requests.uploads(), *cloud.requests.created()] == []
    assert cloud.refused == []
