"""A server factory that imports Pyramid before anything has been patched: too early."""

from __future__ import annotations

from pyramid.view import view_config

from pyramid_sio.serve import server_factory

__all__ = ["server_factory", "view_config"]
