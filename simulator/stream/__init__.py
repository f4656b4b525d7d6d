"""The stream job on one machine: reads a hub, runs the query, writes the outputs."""
