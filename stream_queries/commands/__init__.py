"""What `python -m stream_queries` works on: files of events, and test cases."""
