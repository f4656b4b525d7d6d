"""What the cluster runs: models, preparation, scoring and collection; the same functions run on a laptop."""
