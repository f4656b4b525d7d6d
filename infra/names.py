"""Names that the program gives itself, and why each is derived as it is.

Whatever is globally unique or soft-deleted (accounts, servers, namespaces, vault, workspaces) is named by Pulumi: the
logical name plus random digits, so that `destroy` and `up` work one after the other. Logical names of storage accounts,
vaults and registries are at most 16 lower-case letters, because the digits are appended without truncation.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping

HUB = "readings"
REPLAY_GROUP = "replay"
DATABASE = "windows"
RAW, REJECTS, PREDICTIONS = "raw", "rejects", "predictions"
CONTAINERS = (RAW, REJECTS, PREDICTIONS)
IMAGE = "scoring"
STREAM_JOBS, STREAM_DEFINITION = "Microsoft.StreamAnalytics/streamingjobs", "stream-definition"
TAG_LENGTH = 16


def role_assignment(name: str, group: str) -> str:
    """The GUID that a role assignment has as its name, unique in the tenant: it holds the group's random name.

    Within one deployment it never changes by itself; after `destroy` and `up` it is another.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{group}/{name}"))


def workbook(group: str) -> str:
    """The GUID that the workbook has as its name, unique in the subscription: it holds the group's random name.

    A deleted workbook stays in the portal's recycle bin under its name.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{group}/workbook"))


def storage_account(prefix: str, group: str) -> str:
    """A storage account's name, from the random name of its resource group: 3 to 24 lower-case letters and digits.

    Given, where others are left to Pulumi, so that what belongs to an account can be told by its name before it exists.
    """
    return f"{prefix}{_short_hash([group], 8)}"


def cluster(vm_size: str, priority: str) -> str:
    """A compute cluster's name: 3 to 24 letters, digits and hyphens.

    It holds a hash of what cannot be changed in place: a cluster created again under an old name kept its old size.
    """
    return f"scoring-{_short_hash([vm_size, priority], 8)}"


def image_tag(files: Mapping[str, bytes], steps: str) -> str:
    """The tag of an image: a hash of everything that it is built from, so an unchanged image is not built again."""
    parts = [steps, *(f"{name}:{hashlib.sha256(content).hexdigest()}" for name, content in sorted(files.items()))]
    return _short_hash(parts, TAG_LENGTH)


def definition_digest(value: object) -> str:
    """A digest of a resource's resolved arguments, which may be Pulumi's typed ones, however deep."""
    return _short_hash([json.dumps(value, default=vars, sort_keys=True)], TAG_LENGTH)


def template_text(text: str) -> str:
    """A text as an ARM template holds it: one in brackets would be taken for an expression.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-expressions (escape characters)
    """
    return f"[{text}" if text.startswith("[") else text


def _short_hash(parts: Iterable[str], length: int) -> str:
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()[:length]
