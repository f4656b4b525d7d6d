"""What a GET answers that a PUT did not, and what a refresh makes of a resource's inputs, as pulumi-azure-native does.

Outputs of before and of now are put into the form of inputs; what differs between the two is changed in the inputs, and
nothing else. So a value that Azure answers and nobody gave becomes an input as soon as it changes.
https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/provider/provider.go (Read)
"""

from collections.abc import Mapping
from typing import Any

from simulator.azure.arm.types import ResourceType

Values = Mapping[str, Any]


NO_RETENTION = {"days": 0, "enabled": False}
DIAGNOSTIC_SETTING = "azure-native:monitor:DiagnosticSetting"


def answered_by_get(token: str, outputs: Values) -> dict[str, Any]:
    """The outputs with what nobody gave: a diagnostic setting answers each category with a retention.

    So refresh and deployment undo each other for ever, where a program does not ignore it.
    Source: https://github.com/pulumi/pulumi-azure-native/issues/2798
    """
    if token != DIAGNOSTIC_SETTING:
        return dict(outputs)
    lists = [key for key in ("logs", "metrics") if key in outputs]
    return {**outputs, **{key: [{"retentionPolicy": NO_RETENTION, **one} for one in outputs[key]] for key in lists}}


def refreshed_inputs(type_: ResourceType, inputs: Values, former: Values, present: Values) -> dict[str, Any]:
    """`inputs` with the changes from the outputs `former` to the outputs `present`."""
    before, now = _as_inputs(type_, former), _as_inputs(type_, present)
    changed = dict(inputs)
    for name in before.keys() | now.keys():
        if before.get(name) == now.get(name):
            continue
        merged = _merged(inputs.get(name), before.get(name), now.get(name))
        if merged is None:
            changed.pop(name, None)
        else:
            changed[name] = merged
    return changed


def _as_inputs(type_: ResourceType, outputs: Values) -> dict[str, Any]:
    """The outputs that a program could have given; what Azure answers as a map of identities is given as a list."""
    known = {name for name in type_.sdk_inputs if name not in type_.path_inputs}
    return {name: _given(value) for name, value in outputs.items() if name in known}


def _given(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: sorted(inner) if key == "userAssignedIdentities" and isinstance(inner, Mapping) else _given(inner)
            for key, inner in value.items()
        }
    return [_given(one) for one in value] if isinstance(value, list) else value


def _merged(given: Any, before: Any, now: Any) -> Any:
    """What was given, changed as the answer has changed; objects by their keys, everything else as a whole."""
    if not all(isinstance(value, Mapping) for value in (given, before, now)):
        return now
    merged = dict(given)
    for key in before.keys() | now.keys():
        if before.get(key) != now.get(key):
            value = _merged(given.get(key), before.get(key), now.get(key))
            merged = {name: one for name, one in merged.items() if name != key} | (
                {} if value is None else {key: value}
            )
    return merged
