"""The release's work inside the database."""
