"""A simulated subscription: what the Pulumi engine and the Azure SDKs talk to where there is no Azure."""
