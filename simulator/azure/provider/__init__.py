"""The azure-native provider of a simulated subscription: the real Pulumi engine deploys to it."""

from simulator.azure.provider.faults import Fault, Faults
from simulator.azure.provider.service import serve

__all__ = ["Fault", "Faults", "serve"]
