"""Stage 4: the container registry, and the image that the cluster runs in.

The image holds dependencies only; code travels with each release. It is built by the registry itself, from files that a
task run carries, so neither Docker nor a repository is needed. Its tag is a hash of those files: an unchanged image is
not built again, and a changed one never replaces what a running job uses.
"""

import base64
from collections.abc import Mapping
from pathlib import Path

import pulumi
from pulumi_azure_native import containerregistry

from infra import names
from infra.placement import Placement
from infra.settings.stages.compute import ImageSettings
from infra.stages.image_task import BUILD_SECONDS, STEPS, task_text

ENVIRONMENT = Path(__file__).parents[2] / "scoring" / "environment"
CONTEXT_FILES = ("Dockerfile", "requirements.txt")


class Registry(pulumi.ComponentResource):
    """The registry, and a reference to the cluster's image in it or elsewhere."""

    registry: containerregistry.Registry
    image: pulumi.Output[str]
    build: containerregistry.TaskRun | None

    def __init__(
        self, name: str, placement: Placement, settings: ImageSettings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("batch-scoring:index:Registry", name, None, opts)
        self.registry = containerregistry.Registry(
            f"{name}registry",
            resource_group_name=placement.group.name,
            location=placement.region,
            tags=placement.tags,
            sku=containerregistry.SkuArgs(name=settings.registry_sku),
            identity=containerregistry.IdentityPropertiesArgs(
                type=containerregistry.ResourceIdentityType.SYSTEM_ASSIGNED
            ),
            admin_user_enabled=False,
            anonymous_pull_enabled=False,
            public_network_access=containerregistry.PublicNetworkAccess.ENABLED,
            network_rule_bypass_options=containerregistry.NetworkRuleBypassOptions.AZURE_SERVICES,
            opts=placement.options(self),
        )
        self.build = None
        if settings.existing:
            self.image = pulumi.Output.from_input(settings.existing)
        else:
            files = {file: (ENVIRONMENT / file).read_bytes() for file in CONTEXT_FILES}
            image = f"{names.IMAGE}:{names.image_tag(files, STEPS)}"
            self.build = self._build(name, placement, image, files, settings.rebuild)
            self.image = pulumi.Output.format("{0}/{1}", self.registry.login_server, image)
        self.register_outputs({"registry": self.registry.name, "image": self.image})

    def _build(
        self, name: str, placement: Placement, image: str, files: Mapping[str, bytes], rebuild: str | None
    ) -> containerregistry.TaskRun:
        """The run keeps its name: what forces it again, however it ended, is another `force_update_tag`."""
        tag = image.partition(":")[2]
        return containerregistry.TaskRun(
            f"{name}-image",
            task_run_name=f"{names.IMAGE}-{tag}",
            registry_name=self.registry.name,
            resource_group_name=placement.group.name,
            location=placement.region,
            force_update_tag=f"{tag}-{rebuild}" if rebuild else tag,
            run_request=containerregistry.EncodedTaskRunRequestArgs(
                type="EncodedTaskRunRequest",
                encoded_task_content=base64.b64encode(task_text(image, files).encode()).decode(),
                platform=containerregistry.PlatformPropertiesArgs(
                    os=containerregistry.OS.LINUX, architecture=containerregistry.Architecture.AMD64
                ),
                timeout=BUILD_SECONDS,
            ),
            # If the new image cannot be built, taking the change back builds nothing.
            opts=placement.options(self, delete_before_replace=False),
        )
