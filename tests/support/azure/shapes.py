"""What exists without what is random about it: two deployments of one program have the same shape."""

import json
import re
from collections.abc import Mapping
from typing import Any

from simulator.azure.engine.steps import flat
from tests.support.azure.deployment import Deployment

_MADE_UP = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
"""Version 5 UUIDs: ids that the stand-in made up, and names of role assignments."""


def shape(stack: Deployment) -> dict[str, Any]:
    """Id and body of everything in the subscription; random names and ids are told by whose they are."""
    words = _words(stack)
    pattern = re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))))
    resources = {one.id: one.body for one in stack.subscription.list()}
    return json.loads(pattern.sub(lambda match: words[match[0]], json.dumps(resources, sort_keys=True)))


def _words(stack: Deployment) -> Mapping[str, str]:
    """For everything random, what it is in the program: a logical name, or an output of the resource of that name."""
    state = [one for one in stack.state() if one["type"].startswith("azure-native:") and one.get("id")]
    names = {one["urn"]: one["urn"].rpartition("::")[2] for one in state}
    words = {
        name: f"<{names[one['urn']]}>"
        for one in state
        if re.search(r"[0-9a-f]{8}$", name := one["id"].rpartition("/")[2]) and name not in names.values()
    }
    for one in sorted(state, key=lambda one: one["urn"]):
        for path, value in flat(one.get("outputs", {})):
            if '"' not in path:  # a path by way of another resource's id
                for found in _MADE_UP.findall(str(value)):
                    words.setdefault(found, f"<{path} of {names[one['urn']]}>")
    return words
