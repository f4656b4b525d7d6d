"""The storage accounts of the subscription, each kept in an account of Azurite that was free.

Which one it is stands in the resource's own state: an account that is deleted and made again under its old name starts
empty, as in Azure.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import (
    AccountSasPermissions,
    BlobServiceClient,
    ContainerClient,
    ContainerSasPermissions,
    ResourceTypes,
    generate_account_sas,
    generate_container_sas,
)

from simulator.azure.cloud.blobs.azurite import Azurite, slot_key, slots
from simulator.azure.subscription import StoredResource, Subscription

ACCOUNTS = "Microsoft.Storage/storageAccounts"
_SLOT = "azuriteAccount"
_LIFETIME = timedelta(days=1)


@dataclass
class BlobStorage:
    """Blob Storage below its HTTP interface: accounts, containers, signatures."""

    subscription: Subscription
    azurite: Azurite
    _declared: dict[str, set[str]] = field(default_factory=dict)
    _signatures: dict[str, tuple[str, str]] = field(default_factory=dict)

    def account(self, name: str) -> StoredResource | None:
        """The storage account of that name."""
        accounts = self.subscription.list(ACCOUNTS)
        return next((account for account in accounts if account.name.lower() == name.lower()), None)

    def slot(self, account: StoredResource) -> str:
        """The account of Azurite that holds an account's blobs; its declared containers, and no others, are there."""
        with self.subscription.lock:
            slot = account.state.get(_SLOT) or self._take_slot(account)
            self._match_containers(account, slot)
            return slot

    def container(self, account: StoredResource, name: str) -> ContainerClient:
        """A container, for the stand-in itself: no roles are asked for."""
        return self._service(self.slot(account)).get_container_client(name)

    def make_container(self, account: StoredResource, name: str) -> None:
        """Create a container unless it is there."""
        _make(self._service(self.slot(account)), name)

    def pass_for(self, slot: str) -> str:
        """The query that lets a request do everything in an account of Azurite."""
        return generate_account_sas(
            slot,
            slot_key(slot),
            resource_types=ResourceTypes(service=True, container=True, object=True),
            permission=AccountSasPermissions(
                read=True, write=True, delete=True, list=True, add=True, create=True, update=True, tag=True
            ),
            expiry=datetime.now(UTC) + _LIFETIME,
        )

    def sign(self, account: StoredResource, container: str) -> str:
        """A shared access signature for the content of one container."""
        permission = ContainerSasPermissions(read=True, add=True, create=True, write=True, list=True)
        expiry = datetime.now(UTC) + _LIFETIME
        key = slot_key(self.slot(account))
        signature = generate_container_sas(account.name, container, key, permission=permission, expiry=expiry)
        self._signatures[parse_qs(signature)["sig"][0]] = (account.name, container)
        return signature

    def is_signed(self, signature: str, account: StoredResource, container: str) -> bool:
        """Whether `signature` (the `sig` of a query) was given out for this container."""
        return self._signatures.get(signature) == (account.name, container)

    def _take_slot(self, account: StoredResource) -> str:
        """Give an account a slot that nobody has any more, emptied."""
        taken = {other.state.get(_SLOT) for other in self.subscription.list(ACCOUNTS)}
        slot = next(slot for slot in slots() if slot not in taken)
        service = self._service(slot)
        for container in service.list_containers():
            service.delete_container(container.name)
        self._declared.pop(slot, None)
        self.subscription.put(replace(account, state=account.state | {_SLOT: slot}))
        return slot

    def _match_containers(self, account: StoredResource, slot: str) -> None:
        """Create the containers that were declared since the last time, delete those that are declared no more."""
        children = self.subscription.children(f"{account.id}/blobServices/default", "containers")
        declared, before = {container.name for container in children}, self._declared.get(slot, set())
        for name in declared - before:
            _make(self._service(slot), name)
        for name in before - declared:
            self._service(slot).delete_container(name)
        self._declared[slot] = declared

    def _service(self, slot: str) -> BlobServiceClient:
        return BlobServiceClient(self.azurite.url(slot), credential=slot_key(slot), use_env_settings=False)


def _make(service: BlobServiceClient, container: str) -> None:
    try:
        service.create_container(container)
    except ResourceExistsError:
        return
