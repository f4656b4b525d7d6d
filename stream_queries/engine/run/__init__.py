"""Running a plan over events, and its state between two runs."""
