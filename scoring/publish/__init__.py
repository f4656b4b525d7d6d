"""Publishing the pipeline to an Azure ML workspace with azure-ai-ml; `scoring.publish.pipeline` says what it is.

Whatever was cut short or answered oddly, publishing again completes it: what exists under its content's version is
left alone, and what a schedule uses exists before the schedule does. Nothing is published twice.
"""

from scoring.publish.clusters import delete_superseded_clusters
from scoring.publish.publishing import publish
from scoring.publish.workspace import Done, Workspace

__all__ = ["Done", "Workspace", "delete_superseded_clusters", "publish"]
