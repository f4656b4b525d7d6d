"""What the release does, task by task."""
