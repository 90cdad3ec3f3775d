"""How published bytes are read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_sio.protocol.published import read_published


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, null]}', {"a": [1, None]}),
        (b"42", 42),
        (b'"quoted"', "quoted"),
        (b" true ", True),
        (b"hello", "hello"),
        (b"", ""),
        (b'{"a": 1', '{"a": 1'),
        (b"{'a': 1}", "{'a': 1}"),
        (b"NaN", "NaN"),
        ("grüße €".encode(), "grüße €"),
        (b'"\xff"', b'"\xff"'),
        (b"\x00\xffdata", b"\x00\xffdata"),
        (b"[" * 5000 + b"]" * 5000, "[" * 5000 + "]" * 5000),
    ],
)
def test_json_else_text_else_bytes(data: bytes, value: Any) -> None:
    assert read_published(data) == value
    assert type(read_published(data)) is type(value)


@given(st.binary())
def test_anything_is_read(data: bytes) -> None:
    value = read_published(data)
    if isinstance(value, bytes):
        assert value == data
