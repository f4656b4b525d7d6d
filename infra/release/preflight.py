"""What a first deployment can know before it makes anything, asked before the resource group is created.

Everything here would else end it after a quarter of an hour, with most resources made. A hook asks it, so neither a
preview nor a test under mocks needs an account. Deliberately absent: whatever takes requests to find out, which is
`python -m infra doctor`'s to ask.
"""

import asyncio
import os
from collections.abc import Callable, Sequence

import pulumi
from azure.core.credentials import TokenCredential

from infra.driver import require_driver
from infra.release.work.principal import running_principal
from infra.settings.stages.deployers import Deployer
from scoring.cluster.steps import URL_VARIABLE
from scoring.cluster.stores.identity import own_credential
from stream_queries.errors import UserError


def preflight_hooks(deployers: Sequence[Deployer]) -> pulumi.ResourceHookBinding:
    """The hook, for the resource that everything else waits for."""

    async def run(_: pulumi.ResourceHookArgs) -> None:
        await asyncio.to_thread(preflight, deployers, own_credential(), pulumi.log.warn)

    return pulumi.ResourceHookBinding(before_create=[pulumi.ResourceHook("preflight", run)])


def preflight(deployers: Sequence[Deployer], credential: TokenCredential, warn: Callable[[str], None]) -> None:
    """UserError for what cannot go well; a warning for what may, because rights may come from elsewhere."""
    require_deployers(deployers)
    if not os.environ.get(URL_VARIABLE):
        require_driver()
    warn_if_unlisted(deployers, credential, warn)


def warn_if_unlisted(deployers: Sequence[Deployer], credential: TokenCredential, warn: Callable[[str], None]) -> None:
    """Say so if whoever runs this may not be let in; UserError where nobody is logged in."""
    me = running_principal(credential)
    is_listed = me.object_id.lower() in {one.object_id.lower() for one in deployers}
    if not is_listed and all(one.kind != "Group" for one in deployers):
        warn(
            f"the release will log in as {me}, who is not among `deployers`: unless its rights come from elsewhere, "
            "publishing will be refused; `python -m infra init` adds it"
        )


def require_deployers(deployers: Sequence[Deployer]) -> None:
    """UserError if nobody may publish."""
    if not deployers:
        raise UserError(
            "nobody is listed under `deployers`, so nobody may publish what is deployed: "
            f"`python -m infra init --stack {pulumi.get_stack()}` lists who is logged in"
        )
