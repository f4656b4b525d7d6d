"""What the provider does with a resource: check, compare, create, read, update and delete it in a subscription.

Plain values in and out; `service.py` puts them on the wire.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from simulator.azure import arm
from simulator.azure.errors import RefusalError
from simulator.azure.provider.auto_names import CREATE_FIRST, with_name
from simulator.azure.provider.differences import Difference, differences
from simulator.azure.provider.faults import Faults
from simulator.azure.provider.names import name_problem
from simulator.azure.provider.rules.conflicts import check_change, check_creation, check_role_assignment, check_values
from simulator.azure.provider.rules.task_runs import TASK_RUN, failure, state_after
from simulator.azure.references import check_references
from simulator.azure.resources import (
    STREAM_JOB,
    build_resource,
    known_type,
    previewed_outputs,
)
from simulator.azure.stream_children import STATE_ANSWERED, check_inline_definition, deploy
from simulator.azure.subscription import ASSIGNED_AT, StoredResource, Subscription

Values = Mapping[str, Any]
ROLE_ASSIGNMENT = "azure-native:authorization:RoleAssignment"
DEPLOYMENT = "azure-native:resources:Deployment"


class UnfinishedError(RefusalError):
    """The request was carried out, but it failed on the way, or how it ended is not known; `resource` is what exists.

    Where nothing is said, the connection was lost.
    """

    def __init__(self, resource: StoredResource, reason: str = "the connection was lost; it may exist") -> None:
        super().__init__(f"waiting for '{resource.id}' failed: {reason}")
        self.resource = resource


class LostError(RefusalError):
    """The request was carried out, and nothing more is known of it."""


@dataclass(frozen=True)
class Target:
    """A resource as the engine names it: its Pulumi type and its logical name."""

    token: str
    name: str


@dataclass(frozen=True)
class Checked:
    """Inputs with names and defaults, and what is wrong with them: property path and reason."""

    inputs: dict[str, Any]
    failures: list[tuple[str, str]]


class Operations:
    """The operations of one provider on one subscription."""

    def __init__(self, subscription: Subscription, faults: Faults) -> None:
        self._subscription, self._faults = subscription, faults

    def check(self, target: Target, seed: bytes, inputs: Values, former: Values) -> Checked:
        """Name the resource, give it a location, and say what is wrong with it; unknown values pass."""
        type_ = known_type(target.token)
        named = with_name(type_, target.name, seed, inputs, former)
        self._place(target.token, named, former)
        problems = arm.problems(target.token, target.name, named)
        failures = [(problem.path, f"{problem.message} [{problem.kind}]") for problem in problems]
        if not failures and (problem := name_problem(type_, named)):
            failures = [problem]
        return Checked(named, failures)

    def compare(self, target: Target, old: Values, new: Values) -> list[Difference]:
        """What differs between the inputs."""
        return differences(known_type(target.token), old, new)

    def deletes_first(self, old: Values) -> bool:
        """Whether a replacement waits for the old resource to go: always, unless its name is random."""
        return not old.get(CREATE_FIRST)

    def preview(self, token: str, inputs: Values, former: Values | None) -> dict[str, Any]:
        """The outputs as far as they are known before anything is done."""
        return previewed_outputs(token, inputs, former)

    def create(self, target: Target, inputs: Values) -> StoredResource:
        """Create the resource, unless its id exists, as pulumi-azure-native looks first."""
        return self._write("create", target, inputs)

    def update(self, target: Target, inputs: Values) -> StoredResource:
        """Write the resource anew; one that was deleted behind Pulumi's back comes back that way."""
        return self._write("update", target, inputs)

    def read(self, target: Target, resource_id: str) -> StoredResource | None:
        """The resource as it is now, or None when there is none of this type.

        Not Azure's: what cannot be imported here.
        """
        self._faults.strike("read", target.token, target.name)
        resource = self._subscription.get(resource_id)
        if resource is None or resource.type.lower() != known_type(target.token).arm_type.lower():
            return None
        if resource.token is None:
            raise RefusalError(f"'{resource_id}' was not made by Pulumi: the simulated subscription cannot import it")
        answered = (*resource.outputs, *(STATE_ANSWERED if target.token == STREAM_JOB else ()))
        resource.outputs.update({key: value for key, value in resource.state.items() if key in answered})
        return resource

    def delete(self, target: Target, resource_id: str) -> None:
        """Delete the resource and all below it; one that is gone already is no error."""
        after = self._faults.strike("delete", target.token, target.name)
        self._subscription.delete(resource_id)
        if after:
            raise LostError(f"deleting '{resource_id}': the connection was lost")

    def _write(self, operation: str, target: Target, inputs: Values) -> StoredResource:
        after = self._faults.strike(operation, target.token, target.name)
        subscription = self._subscription
        with subscription.lock:
            resource = build_resource(subscription, target.token, inputs)
            present = subscription.get(resource.id)
            self._check(operation, target.token, present, resource)
            resource = self._carried_out(target.token, present, resource, fails=after == "failed-run")
            subscription.put(resource)
            if after == "lost-children":
                subscription.delete_below(resource.id)
        if target.token == TASK_RUN and (reason := failure(resource)):
            raise UnfinishedError(resource, f'Code="Failed" Message="The async operation failed." ({reason})')
        if after == "lost-answer":
            raise UnfinishedError(resource)
        if after == "lost-resource":
            raise LostError(f"writing '{resource.id}': the connection was lost")
        return resource

    def _check(self, operation: str, token: str, present: StoredResource | None, wanted: StoredResource) -> None:
        """Raise `RefusalError` where Azure would not write the resource."""
        check_values(token, wanted.inputs)
        if operation == "create":
            check_creation(self._subscription, token, wanted)
        elif present is not None:
            check_change(token, present, wanted.inputs)
        check_references(self._subscription, token, wanted.id, wanted.inputs)
        if token == ROLE_ASSIGNMENT:
            check_role_assignment(self._subscription, wanted)
        if token == STREAM_JOB:
            check_inline_definition(self._subscription, wanted)

    def _carried_out(
        self, token: str, present: StoredResource | None, wanted: StoredResource, *, fails: bool
    ) -> StoredResource:
        """What some types do besides being there: a template is deployed, a task runs, a role sets out."""
        if token == DEPLOYMENT:
            return self._deploy(wanted)
        if token == TASK_RUN:
            state = state_after(self._subscription, present, wanted, fails=fails)
            self._subscription.put(replace(wanted, state=state))
            return build_resource(self._subscription, token, wanted.inputs)
        if token == ROLE_ASSIGNMENT:
            wanted.state.setdefault(ASSIGNED_AT, self._subscription.clock.now())
        return wanted

    def _deploy(self, deployment: StoredResource) -> StoredResource:
        """Write what the template holds; a deployment that failed exists all the same.

        Source: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
        """
        ended, error = deploy(self._subscription, deployment)
        if error is None:
            return ended
        self._subscription.put(ended)
        raise UnfinishedError(
            ended,
            'Code="DeploymentFailed" Message="At least one resource deployment operation failed." '
            f'Details=[{{"code": "{error.code}", "message": "{error.message}"}}]',
        ) from error

    def _place(self, token: str, inputs: dict[str, Any], former: Values) -> None:
        """Where no location is given, take the former one or the resource group's, if the type has locations."""
        type_ = known_type(token)
        body = type_.objects[type_.body].properties
        if "location" not in type_.sdk_inputs or "location" not in body or inputs.get("location") is not None:
            return
        group = inputs.get("resourceGroupName")
        place = former.get("location")
        if place is None and isinstance(group, str):
            id_ = f"/subscriptions/{arm.SUBSCRIPTION}/resourceGroups/{group}"
            place = found.inputs.get("location") if (found := self._subscription.get(id_)) else None
        if place is not None:
            inputs["location"] = place
