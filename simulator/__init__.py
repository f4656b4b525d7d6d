"""Everything that pretends: the devices, and each Azure service that a laptop lacks."""
