"""Who a step is in Azure, and who a release is."""

import os

from azure.core.credentials import TokenCredential

CLIENT_ID_VARIABLE = "DEFAULT_IDENTITY_CLIENT_ID"
"""Names the one of a cluster's identities that a step runs as; the published pipeline sets it."""

_GITHUB_URL, _GITHUB_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
_CLIENT, _TENANT = "ARM_CLIENT_ID", "ARM_TENANT_ID"
_AUDIENCE = "api://AzureADTokenExchange"
_SECONDS_TO_ANSWER = 30


def own_credential() -> TokenCredential:
    """The cluster's identity on a cluster, elsewhere what Azure's tools find: environment variables, the Azure CLI.

    In a workflow of GitHub it is the application that trusts the workflow. Its proof is fetched anew for every token,
    because one that `az login` was given at the start is stale when a long deployment comes to its release. It is named
    by the variables of Pulumi's provider: `AZURE_CLIENT_ID` would make the login to a state in Azure Storage take the
    runner for a machine with that managed identity, and go no further
    (https://learn.microsoft.com/azure/developer/go/sdk/authentication/credential-chains).
    """
    from azure.identity import ClientAssertionCredential, DefaultAzureCredential  # here: they take a while to import

    client_id = os.environ.get(CLIENT_ID_VARIABLE)
    if client_id:
        return DefaultAzureCredential(managed_identity_client_id=client_id)
    if _GITHUB_URL in os.environ and _CLIENT in os.environ:
        return ClientAssertionCredential(
            tenant_id=os.environ[_TENANT], client_id=os.environ[_CLIENT], func=_github_token
        )
    return DefaultAzureCredential()


def _github_token() -> str:
    """A token by which GitHub vouches for the running workflow, valid for some minutes.

    Source: https://docs.github.com/actions/reference/security/oidc
    """
    import requests

    answer = requests.get(
        os.environ[_GITHUB_URL],
        params={"audience": _AUDIENCE},
        headers={"Authorization": f"Bearer {os.environ[_GITHUB_TOKEN]}"},
        timeout=_SECONDS_TO_ANSWER,
    )
    answer.raise_for_status()
    return answer.json()["value"]
