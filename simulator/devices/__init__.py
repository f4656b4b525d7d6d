"""Readings of simulated or recorded devices, with their anomalies."""
