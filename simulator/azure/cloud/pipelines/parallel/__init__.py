"""The parallel step of a simulated pipeline."""
