"""The HTTPS server of the simulated subscription, and its certificates."""
