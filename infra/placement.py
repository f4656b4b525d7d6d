"""Where resources are put, and what all of them share: resource group, region, tags, and how they may go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization, resources

from infra.settings import Settings


@dataclass(frozen=True)
class Placement:
    """The resource group, where it is, and the tags of everything in it; `protect` guards what holds data."""

    subscription_id: pulumi.Output[str]
    tenant_id: pulumi.Output[str]
    group: resources.ResourceGroup
    region: str
    tags: Mapping[str, str]
    protect: bool

    def options(
        self,
        parent: pulumi.Resource | None = None,
        *,
        holds_data: bool = False,
        ignore_changes: Sequence[str] = (),
        replace_on_changes: Sequence[str] = (),
        depends_on: Sequence[pulumi.Resource] = (),
        retain_on_delete: bool = False,
        delete_before_replace: bool | None = None,
        hooks: pulumi.ResourceHookBinding | None = None,
    ) -> pulumi.ResourceOptions:
        """Options of a resource in the group.

        Deleting the group deletes the resource: one request instead of many in the right order, and nothing has to be
        stopped first. What holds data is protected where the stack says so. Unless `delete_before_replace` is False, a
        resource with a given name goes before the one that replaces it comes.
        """
        return pulumi.ResourceOptions(
            parent=parent,
            deleted_with=self.group,
            protect=self.protect and holds_data,
            ignore_changes=list(ignore_changes),
            replace_on_changes=list(replace_on_changes),
            depends_on=list(depends_on),
            retain_on_delete=retain_on_delete or None,
            delete_before_replace=delete_before_replace,
            hooks=hooks,
        )


def place(settings: Settings, hooks: pulumi.ResourceHookBinding) -> Placement:
    """Declare the resource group, with the hooks of what everything else waits for."""
    tags = {
        **settings.tags,
        "project": pulumi.get_project(),
        "stack": pulumi.get_stack(),
        "managed-by": "pulumi",
    }
    group = resources.ResourceGroup(
        "scoring",
        location=settings.region,
        tags=tags,
        opts=pulumi.ResourceOptions(protect=settings.protect, hooks=hooks),
    )
    login = authorization.get_client_config_output()
    return Placement(login.subscription_id, login.tenant_id, group, settings.region, tags, settings.protect)
