"""The processes that run a program's tree for the engine."""
