"""Hostile and broken peers, by raw sockets, against a server started by pserve."""
