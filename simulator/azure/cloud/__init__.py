"""Azure over HTTPS, for the unpatched SDKs: management, Entra, Azure ML and Blob Storage of a simulated subscription.

A client needs nothing but `Cloud.environment`. `server` is the proxy and the end of every connection; `running` puts
the rest together: `faults` and `request_log`, then by host `tokens` (Entra, managed identities), `directory`
(Graph), `resource_manager` (with `offer`, `stream_jobs` and `machine_learning`) and `blob_gateway` (on `blob_storage`
and `azurite`). Nothing here has been compared with Azure itself: what is written about its answers is read from
documentation and from the SDKs.
"""

from simulator.azure.cloud.faults import Fault
from simulator.azure.cloud.running import Cloud, running_cloud
from simulator.azure.cloud.settings import CloudSettings

__all__ = ["Cloud", "CloudSettings", "Fault", "running_cloud"]
