"""A server that knows of no others."""

from __future__ import annotations

from pyramid_sio.adapters.memory import MemoryAdapter
from tests.contract.cluster import Server


def alone() -> Server:
    return Server(MemoryAdapter)
