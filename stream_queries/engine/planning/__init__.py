"""A query as a plan: scopes, grouping, aggregates and windows."""
