"""What Azure is known to refuse, and what some types do besides being there."""
