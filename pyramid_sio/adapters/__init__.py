"""Rooms, and how a broadcast reaches the members of one. One adapter per namespace."""
