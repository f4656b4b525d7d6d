"""The store of predictions at a place that a person names: a folder or a container."""

from pathlib import Path

from scoring.cluster.stores.result_store import FolderStore, ResultStore


def open_result_store(location: str) -> ResultStore:
    """Open a folder, or the container of a Blob Storage account given as `https://ACCOUNT.blob.core.windows.net/NAME`.

    Azure is reached with the identity of whoever runs this (`scoring.cluster.stores.identity`), never with a key.
    """
    if not location.startswith(("https://", "http://")):
        return FolderStore(Path(location))
    from scoring.cluster.stores.blob_store import BlobStore  # here: a laptop run needs no package of Azure
    from scoring.cluster.stores.identity import own_credential

    return BlobStore.from_url(location, own_credential())
