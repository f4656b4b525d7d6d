"""The server's connections, links and management."""
