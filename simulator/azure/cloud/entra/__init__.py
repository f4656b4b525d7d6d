"""Entra ID of the simulated subscription: who there is, and tokens."""
