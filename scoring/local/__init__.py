"""Scoring on this machine: all steps in one process, many series in parallel."""
