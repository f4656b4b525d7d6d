"""Making fleets: training, importing, writing and showing models."""
