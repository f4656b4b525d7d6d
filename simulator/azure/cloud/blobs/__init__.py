"""Blob Storage of the simulated subscription: Azurite behind a gateway."""
