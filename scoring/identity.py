"""Who a step is in Azure."""

import os

from azure.core.credentials import TokenCredential

CLIENT_ID_VARIABLE = "DEFAULT_IDENTITY_CLIENT_ID"
"""Names the one of a cluster's identities that a step runs as; the published pipeline sets it."""


def own_credential() -> TokenCredential:
    """The cluster's identity on a cluster, elsewhere what Azure's tools find: environment variables, the Azure CLI."""
    from azure.identity import DefaultAzureCredential  # here: whoever only wants the variable's name should not wait

    client_id = os.environ.get(CLIENT_ID_VARIABLE)
    return DefaultAzureCredential(managed_identity_client_id=client_id) if client_id else DefaultAzureCredential()
