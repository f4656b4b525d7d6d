"""What a change does in Azure, and what a deployment does: `preview` and `rehearse`."""
