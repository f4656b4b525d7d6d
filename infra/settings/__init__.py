"""A stack's settings: each stage's with defaults and limits, and how they are read."""

from infra.settings.stack import Settings

__all__ = ["Settings"]
