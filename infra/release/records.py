"""The two records on which the work after the deployment hangs.

A record is a resource that holds a value and nothing else. Its value is everything the work depends on, and the work
is done by a hook before the record is written. So the work is done when something it depends on has changed, is done
again on the next `pulumi up` when it failed, and not at all when nothing changed; `pulumi preview` shows what would be
done. Hooks before a write have this property, hooks after it do not (docs/decisions).
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pulumi


def record(
    name: str,
    content: Mapping[str, Any],
    work: Callable[[Mapping[str, Any]], None],
    *,
    depends_on: list[pulumi.Resource],
    protect: bool = False,
) -> pulumi.Stash:
    """Declare the record `name`; `work` gets the content, all outputs known, in a thread of its own.

    A hook that is not asynchronous would keep the program from registering other resources meanwhile.
    """

    async def run(args: pulumi.ResourceHookArgs) -> None:
        await asyncio.to_thread(work, (args.new_inputs or {})["input"])

    hook = pulumi.ResourceHook(name, run)
    hooks = pulumi.ResourceHookBinding(before_create=[hook], before_update=[hook])
    options = pulumi.ResourceOptions(depends_on=depends_on, hooks=hooks, protect=protect)
    return pulumi.Stash(name, input=content, opts=options)
