"""Azure Resource Manager of the simulated subscription."""
