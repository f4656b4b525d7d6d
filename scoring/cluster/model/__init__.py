"""A fleet of models as it is stored and scored."""
