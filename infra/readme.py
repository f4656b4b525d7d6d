"""The stack's own README, shown beside its outputs: where its parts are and how to look at them."""

import pulumi

TEXT = """\
# Batch scoring, stack {stack}

| what | where |
|---|---|
| send readings | hub `readings` of `${{outputs.eventHubsHost}}` |
| windows | table `dbo.sensor_windows`, database `windows` of `${{outputs.databaseHost}}` |
| stream job | `${{outputs.streamJob}}` |
| models and runs | Azure ML workspace `${{outputs.workspace}}`, cluster `${{outputs.cluster}}` |
| image | `${{outputs.image}}` |
| predictions | `${{outputs.predictions}}` |

Send the reference readings, moved to the present:

    python -m simulator send --reference --namespace ${{outputs.eventHubsHost}}

`pulumi destroy` removes everything in resource group `${{outputs.resourceGroup}}` of subscription
`${{outputs.subscriptionId}}`.
"""


def stack_readme() -> str:
    """The text, in which Pulumi fills in the outputs (https://www.pulumi.com/docs/pulumi-cloud/developer-platforms)."""
    return TEXT.format(stack=pulumi.get_stack())
