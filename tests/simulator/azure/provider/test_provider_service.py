"""The provider as the engine talks to it: over gRPC, with Pulumi's own messages."""

from collections.abc import Callable, Generator
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message_factory import GetMessageClass
from google.rpc.status_pb2 import Status
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2

from simulator.azure import arm
from simulator.azure.arm.answers import TENANT
from simulator.azure.provider import Fault, Faults, serve
from simulator.azure.provider.auto_names import CREATE_FIRST
from simulator.azure.subscription import Subscription
from tests.support.azure.estate import IDS, Estate, inputs, target, token
from tests.support.deadline import ENOUGH_SECONDS

SERVICE = provider_pb2.DESCRIPTOR.services_by_name["ResourceProvider"]
Ask = Callable[..., dict[str, Any]]
"""Calls a method of the provider with the fields of its request; answers with those of the answer."""


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def ask(estate: Estate, faults: Faults) -> Generator[Ask]:
    with serve(estate.subscription, faults) as port, _channel(port) as channel:

        def call(method: str, **fields: Any) -> dict[str, Any]:
            described = SERVICE.methods_by_name[method]
            send = channel.unary_unary(
                f"/{SERVICE.full_name}/{method}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=GetMessageClass(described.output_type).FromString,
            )
            return MessageToDict(send(GetMessageClass(described.input_type)(**fields), timeout=ENOUGH_SECONDS))

        yield call


def _channel(port: int) -> grpc.Channel:
    return grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)])


def named(word: str) -> dict[str, Any]:
    type_ = target(word).token
    return {"type": type_, "name": word, "urn": f"urn:pulumi:dev::project::{type_}::{word}"}


def test_the_provider_introduces_itself(ask: Ask):
    assert ask("GetPluginInfo") == {"version": "3.29.0"}
    assert ask("Configure") == {"supportsPreview": True}
    assert ask("Handshake", engine_address="127.0.0.1:1") == {}
    assert ask("CheckConfig", news={"location": "westeurope"}) == {"inputs": {"location": "westeurope"}}
    assert ask("DiffConfig") == {"changes": "DIFF_NONE"}
    assert ask("Cancel") == {}


def test_the_program_is_told_who_deploys(ask: Ask):
    answer = ask("Invoke", tok=token("authorization:getClientConfig"))["return"]
    assert (answer["subscriptionId"], answer["tenantId"]) == (arm.SUBSCRIPTION, TENANT)


def test_an_unknown_function_is_refused_by_name(ask: Ask):
    with pytest.raises(grpc.RpcError, match="does not know the function azure-native:storage:listStorageAccountKeys"):
        ask("Invoke", tok=token("storage:listStorageAccountKeys"))


def test_a_check_names_and_judges(ask: Ask):
    unnamed = inputs("namespace", namespaceName=None, sku={"name": rpc.UNKNOWN})
    answer = ask("Check", **named("namespace"), news=unnamed, randomSeed=b"seed")
    assert answer["inputs"]["namespaceName"].startswith("namespace") and answer["inputs"][CREATE_FIRST] is True
    assert answer["inputs"]["sku"] == {"name": rpc.UNKNOWN}
    assert "failures" not in answer
    [failure] = ask("Check", **named("namespace"), news=inputs("namespace", sku={"name": "Bronze"}))["failures"]
    assert failure["property"] == "sku.name" and "'Bronze' is not one of" in failure["reason"]


def test_a_diff_tells_updates_from_replacements(ask: Ask):
    same = ask("Diff", **named("namespace"), old_inputs=inputs("namespace"), news=inputs("namespace"))
    assert same == {"changes": "DIFF_NONE", "hasDetailedDiff": True}
    moved = inputs("namespace", location="northeurope", tags={"stack": "prod"})
    answer = ask("Diff", **named("namespace"), old_inputs=inputs("namespace"), news=moved)
    assert (answer["changes"], answer["diffs"]) == ("DIFF_SOME", ["location", "tags"])
    assert (answer["replaces"], answer["deleteBeforeReplace"]) == (["location"], True)
    assert answer["detailedDiff"] == {
        "location": {"kind": "UPDATE_REPLACE", "inputDiff": True},
        "tags.stack": {"kind": "UPDATE", "inputDiff": True},
    }
    random = inputs("namespace", **{CREATE_FIRST: True})
    assert "deleteBeforeReplace" not in ask("Diff", **named("namespace"), old_inputs=random, news=moved)


def test_a_resource_is_created_read_changed_and_deleted(ask: Ask, estate: Estate):
    container = inputs("rejects", containerName="raw")
    created = ask("Create", **named("rejects"), properties=container)
    assert created["id"] == IDS["rejects"].replace("rejects", "raw") and created["properties"]["name"] == "raw"
    at = {**named("rejects"), "id": created["id"]}
    changed = {**container, "publicAccess": "None"}
    assert ask("Update", **at, news=changed)["properties"]["publicAccess"] == "None"
    read = ask("Read", **at, inputs={**container, CREATE_FIRST: True}, properties=created["properties"])
    assert read["inputs"] == {**changed, CREATE_FIRST: True}  # what has changed since, and nothing else
    assert read["properties"]["publicAccess"] == "None"
    assert ask("Delete", **at) == {}
    assert ask("Read", **at) == {}
    assert estate.subscription.get(created["id"]) is None


def test_a_resource_is_imported_by_its_id(ask: Ask):
    read = ask("Read", **named("job"), id=IDS["job"])
    assert (read["id"], read["inputs"]) == (IDS["job"], inputs("job"))


def test_a_preview_changes_nothing(ask: Ask, estate: Estate):
    before = estate.subscription.snapshot()
    new = ask("Create", **named("rejects"), properties=inputs("rejects", containerName="raw"), preview=True)
    assert new.get("id") is None and new["properties"]["name"] == rpc.UNKNOWN
    former = estate.get("job").outputs
    changed = ask("Update", **named("job"), id=IDS["job"], olds=former, news=inputs("job", tags={}), preview=True)
    assert changed["properties"]["identity"] == former["identity"]
    assert estate.subscription.snapshot() == before


def test_a_refusal_reads_as_azure_native_writes_it(ask: Ask):
    with pytest.raises(grpc.RpcError) as refused:
        ask("Create", **named("rejects"), properties=inputs("rejects", accountName="none"))
    assert isinstance(refused.value, grpc.Call)
    assert refused.value.details().startswith('Status=404 Code="ParentResourceNotFound" Message="Failed to perform')


def test_a_lost_answer_hands_over_what_exists(ask: Ask, faults: Faults):
    faults.inject(Fault("lost-answer", "rejects", "create"))
    with pytest.raises(grpc.RpcError) as refused:
        ask("Create", **named("rejects"), properties=inputs("rejects", containerName="raw"))
    assert isinstance(refused.value, grpc.Call)
    [packed] = [value for key, value in refused.value.trailing_metadata() if key == "grpc-status-details-bin"]
    detail = provider_pb2.ErrorResourceInitFailed()
    assert Status.FromString(packed).details[0].Unpack(detail)
    assert detail.id.endswith("/containers/raw") and "the connection was lost" in detail.reasons[0]
    assert MessageToDict(detail.inputs) == inputs("rejects", containerName="raw")
    assert MessageToDict(detail.properties)["name"] == "raw"


def test_a_slow_operation_ends_with_the_provider(faults: Faults):
    faults.inject(Fault("slow", seconds=600))
    with serve(Subscription(), faults) as port, _channel(port) as channel:
        pending = channel.unary_unary(
            f"/{SERVICE.full_name}/Create", request_serializer=lambda message: message.SerializeToString()
        ).future(provider_pb2.CreateRequest(**named("group"), properties=inputs("group")))
        while not faults.struck:
            assert not pending.done()
    assert faults.struck
