"""Adapters: the contract all of them keep, and what is special about each."""
