from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from pyramid_sio.protocol import engine_v4
from pyramid_sio.protocol.connection import Connection
from pyramid_sio.protocol.dialect import Body


def test_a_body_is_text_unless_it_says_otherwise() -> None:
    assert Body(b"x").content_type == "text/plain; charset=UTF-8"


def test_one_for_all_sessions_so_nobody_may_change_it() -> None:
    with pytest.raises(FrozenInstanceError):
        engine_v4.DIALECT.revision = 3  # type: ignore[misc]


def test_revision_4() -> None:
    assert engine_v4.DIALECT.revision == 4
    assert engine_v4.DIALECT.connection is Connection, "the server pings"
    assert not engine_v4.DIALECT.reads_binary
