"""Tests, in folders that mirror the package; ``functional`` has those that speak over a wire."""
