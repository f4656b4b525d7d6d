"""Hubs and their partitions, as logs in a folder or in memory."""
