from __future__ import annotations

import logging
from functools import partial
from typing import Any

import pytest

from pyramid_sio.adapters.bus_line import MODES, BusLine
from pyramid_sio.adapters.cluster import ClusterAdapter
from pyramid_sio.engine.complaints import Complaints
from pyramid_sio.protocol.cluster_values import ValueEncoder
from tests.adapters.buses import Exchange
from tests.contract.cluster import ClusterContract, NewFactory, Server


def new_adapter(exchange: Exchange, mode: str = "dynamic") -> Any:
    """Makes adapters of one server on an exchange."""
    complaints = Complaints(logging.getLogger("test"))
    line = partial(
        BusLine,
        exchange.new_bus(),
        prefix="socket.io",
        mode=mode,
        encoder=ValueEncoder(),
        complaints=complaints,
    )
    return partial(
        ClusterAdapter, new_line=line, timeout=2.0, complaints=complaints, presence_interval=0.2
    )


class TestContract(ClusterContract):
    @pytest.fixture(params=MODES)
    def new_factory(self, request: pytest.FixtureRequest) -> NewFactory:
        exchange = Exchange()
        return lambda: new_adapter(exchange, request.param)

    def cut(self, server: Server) -> None:
        server.nsp.adapter._line.bus.cut()  # type: ignore[attr-defined]
