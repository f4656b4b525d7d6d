"""Health and cost: what is logged, who is told, and where a person looks."""
