"""Last step of the tests' pipeline: writes the sum of all results into a container, as the node's identity."""

import argparse
import os
from pathlib import Path

from azure.identity import ManagedIdentityCredential
from azure.storage.blob import ContainerClient

parser = argparse.ArgumentParser()
parser.add_argument("--scores", type=Path, required=True)
parser.add_argument("--to", required=True)
arguments = parser.parse_args()
credential = ManagedIdentityCredential(client_id=os.environ["DEFAULT_IDENTITY_CLIENT_ID"])
total = sum(int(file.read_text()) for file in arguments.scores.iterdir())
with ContainerClient.from_container_url(arguments.to, credential=credential) as container:
    container.upload_blob("sum.txt", str(total), overwrite=True)
print(f"the sum is {total}")
