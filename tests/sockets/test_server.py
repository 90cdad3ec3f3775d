from __future__ import annotations

import pytest

from pyramid_sio.sockets.server import Definition, normalise
from tests.sockets.conftest import Room, Site


@pytest.mark.parametrize(
    ("path", "name"), [("", "/"), ("/", "/"), ("chat", "/chat"), ("/chat", "/chat")]
)
def test_the_leading_slash_is_optional(path: str, name: str) -> None:
    assert normalise(path) == Definition(path, Room).path == name


def test_namespaces_by_name() -> None:
    site = Site()
    for path in ("/", "/a", "b"):
        site.define(Room, path)
    assert site.sio.of("").name == "/"
    assert site.sio.of("a") is site.sio.of("/a")
    assert [nsp.name for nsp in site.sio] == ["/", "/a", "/b"]
    assert [nsp.name for nsp in site.sio.namespaces()] == ["/", "/a", "/b"]
    assert repr(site.sio) == "<SioServer / /a /b>"


@pytest.mark.parametrize(
    ("paths", "known"), [((), "none"), (("/", "/a"), "/, /a")], ids=["none", "two"]
)
def test_an_unknown_one(paths: tuple[str, ...], known: str) -> None:
    site = Site()
    for path in paths:
        site.define(Room, path)
    with pytest.raises(KeyError, match=f"no namespace '/unknown'; declared: {known}"):
        site.sio.of("/unknown")


def test_words_and_verbs_mean_the_main_namespace(site: Site) -> None:
    site.define(Room, "/b")
    session, _ = site.connect("0", "0/b,")
    site.sio.emit("news")
    assert session.take() == ['2["news"]']
    assert site.sio.fetch_sockets() == [site.made[0]]


def test_acknowledgement_ids_are_shared(site: Site) -> None:
    assert [site.sio.next_ack_id() for _ in range(3)] == [0, 1, 2]
