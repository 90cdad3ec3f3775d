"""The Pyramid side."""
