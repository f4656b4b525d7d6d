"""Words in place of what is different in every preview: random names, ids that the stand-in made up, unknown values."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi.runtime import rpc

from simulator.azure.arm.types import resource_type
from simulator.azure.engine import Step
from simulator.azure.engine.steps import flat

KNOWN_LATER = "(known after deployment)"
DIGITS = "********"

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ENDS_IN_DIGITS = re.compile(r"[0-9a-f]{8}$")
_NAMED_FROM_RANDOM = ("azure-native:storage:StorageAccount",)
"""Types whose names the program itself derives from a random one."""


@dataclass(frozen=True)
class Masks:
    """The texts to be replaced, longest first."""

    words: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, steps: Iterable[Step]) -> "Masks":
        """The masks of all that the steps say."""
        words: dict[str, str] = {}
        for step in steps:
            for inputs, outputs in ((step.old_inputs, step.old_outputs), (step.new_inputs, step.new_outputs)):
                words |= {name: _masked(name) for name in _random_names(step.type, inputs)}
                words |= dict.fromkeys(_made_up(inputs, outputs), DIGITS)
        words[rpc.UNKNOWN] = KNOWN_LATER
        return cls(tuple(sorted(words.items(), key=lambda one: (-len(one[0]), one[0]))))

    def apply(self, value: Any) -> Any:
        """The value with every such text in it replaced."""
        if isinstance(value, str):
            for text, word in self.words:
                value = value.replace(text, word)
            return value
        if isinstance(value, Mapping):
            return {self.apply(key): self.apply(one) for key, one in value.items()}
        return [self.apply(one) for one in value] if isinstance(value, list) else value


def _random_names(token: str, inputs: Mapping[str, Any]) -> Iterator[str]:
    """The resource's own name, if it holds digits that were drawn for it."""
    type_ = resource_type(token)
    name = inputs.get(type_.path[-1]) if type_ else None
    if not isinstance(name, str):
        return
    drawn = "__createBeforeDelete" in inputs or token in _NAMED_FROM_RANDOM  # the provider's mark of such names
    if _GUID.fullmatch(name) or (drawn and _ENDS_IN_DIGITS.search(name)):
        yield name


def _masked(name: str) -> str:
    return DIGITS if _GUID.fullmatch(name) else _ENDS_IN_DIGITS.sub(DIGITS, name)


def _made_up(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> set[str]:
    """GUIDs that only the answer holds: principals, clients."""
    given, answered = (
        {guid for _, value in flat(values) if isinstance(value, str) for guid in _GUID.findall(value)}
        for values in (inputs, outputs)
    )
    return {guid for guid in answered - given if not guid.startswith("00000000-")}
