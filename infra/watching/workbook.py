"""The workbook: what the logs say of the path of readings, on one page of the portal."""

import json

import pulumi
from pulumi_azure_native import applicationinsights

from infra import names
from infra.placement import Placement
from infra.watching.log_queries import log_query
from infra.watching.observation import Observation

WORKBOOK = (
    ("runs_by_status", "Runs by status", "barchart"),
    ("cluster_nodes", "Nodes of the cluster", "table"),
    ("stream_problems", "Problems of the stream job", "barchart"),
    ("failed_runs", "Failed runs", "table"),
    ("ingestion_volume", "Logs taken in, by table", "barchart"),
)
"""What the workbook shows: query, title, and how."""


def content() -> str:
    """The workbook as its service stores it: a heading, then one item per query, over the last day."""
    heading = {"type": 1, "name": "heading", "content": {"json": "# Batch scoring\nThe path of readings, by its logs."}}
    items = [
        {
            "type": 3,
            "name": query,
            "content": {
                "version": "KqlItem/1.0",
                "query": log_query(query),
                "title": title,
                "size": 1,
                "timeContext": {"durationMs": 24 * 3600 * 1000},
                "queryType": 0,
                "resourceType": "microsoft.operationalinsights/workspaces",
                "visualization": shape,
            },
        }
        for query, title, shape in WORKBOOK
    ]
    schema = "https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json"
    return json.dumps({"version": "Notebook/1.0", "items": [heading, *items], "$schema": schema}, sort_keys=True)


def workbook(name: str, placement: Placement, observation: Observation) -> applicationinsights.Workbook:
    """Declare the workbook over the log workspace.

    A subscription refuses two of one name; whether their titles count too is not clear, so both hold the group's name.
    """
    group = placement.group.name
    return applicationinsights.Workbook(
        f"{name}-workbook",
        resource_name_=group.apply(names.workbook),
        resource_group_name=group,
        location=placement.region,
        tags=placement.tags,
        kind=applicationinsights.WorkbookSharedTypeKind.SHARED,
        category="workbook",
        display_name=pulumi.Output.format("Batch scoring ({0}, {1})", pulumi.get_stack(), group),
        source_id=observation.logs.id,
        serialized_data=content(),
        opts=placement.options(),
    )
