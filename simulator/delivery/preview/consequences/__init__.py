"""What a change means for data, fleets and settings."""
