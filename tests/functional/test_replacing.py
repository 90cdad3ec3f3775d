"""Answers that are put in the place of what an application returns."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.rawclient import Wire, head
from tests.support import Server


@pytest.fixture(scope="module")
def server(serve_shared: Callable[..., Server]) -> Server:
    return serve_shared("tests.functional.replacing:main")


def test_other_answer_is_sent_once_the_application_has_been_let_go_of(server: Server) -> None:
    with Wire(server) as wire:
        for _ in range(2):
            wire.send(head("GET", "/returns"))
            status, headers, _ = wire.read_answer("HEAD")
            size = int(wire.read_until(b"\r\n"), 16)
            body = wire.read(size)
            assert wire.read_until(b"0\r\n\r\n") == b"\r\n0\r\n\r\n"

            assert status == 200
            assert "set-cookie" not in headers
            assert b'"closed": true' in body
            assert b'["Set-Cookie", "a=b"]' in body


@pytest.mark.parametrize("app", ["generates", "starts_nothing"])
def test_it_does_not_matter_what_the_application_has_done(server: Server, app: str) -> None:
    with Wire(server) as wire:
        wire.send(head("GET", f"/{app}", {"Connection": "close"}))
        text = wire.wait_closed()

    assert b"200 OK" in text
    assert b'{"closed": false, "discarded": []}' in text


def test_nothing_is_replaced_of_which_half_is_sent(server: Server) -> None:
    with Wire(server) as wire:
        wire.send(head("GET", "/comes_too_late"))
        text = wire.wait_closed()

    assert text.endswith(b"half")
    assert b"closed" not in text


def test_application_that_fails_is_an_error(server: Server) -> None:
    with Wire(server) as wire:
        wire.send(head("GET", "/fails"))
        assert wire.read_answer().status == 500
        assert wire.wait_closed() == b""
