"""Expressions: types, casts and functions."""
