"""The whole path on one machine: `python -m simulator run`."""
