"""How clients of different generations are let in, and what they are told."""

from __future__ import annotations

import re

from pyramid_sio.protocol.socket_v5 import Encoder
from pyramid_sio.sockets.generations import Generation
from tests.sockets.conftest import Site


def test_ids_cannot_be_guessed(site: Site) -> None:
    session, _ = site.connect()
    generation = Generation(Encoder())
    ids = {generation.new_sid(session, "/") for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"[\w-]{20}", sid) for sid in ids)
    assert session.id not in ids
