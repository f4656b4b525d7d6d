"""The query language: tokens, syntax and parsers."""
