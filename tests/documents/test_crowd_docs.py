"""The examples in docs/presence.rst and docs/limits.rst do what is said about them."""

from __future__ import annotations

import json
import re
from types import ModuleType
from typing import Any

import pytest

from pyramid_sio.plugin.settings import parse_settings
from pyramid_sio.protocol.rates import parse_rate
from pyramid_sio.sockets.limits import Limits
from tests.documents.pages import blocks, text_of
from tests.fakes import FakeClock
from tests.sockets.conftest import Site


def chat_of(page: str) -> Any:
    """The namespace that a page shows first."""
    module = ModuleType("example")
    exec(blocks(page, "python")[0], module.__dict__)  # noqa: S102 - from this checkout
    return module.__dict__["Chat"]


def test_presence(capsys: pytest.CaptureFixture[str]) -> None:
    site = Site()
    site.define(chat_of("presence.rst"), "/chat")
    _, listener = blocks("presence.rst", "python")
    exec(listener, {"request": site})  # noqa: S102 - from this checkout

    site.invoker.user = "wim"
    watcher, _ = site.connect("0/chat,")
    watcher.receive('2/chat,1["enter","lobby"]')
    watcher.run()
    assert watcher.take()[-1] == '3/chat,1[["wim"]]'
    site.invoker.user = "ann"
    session, _ = site.connect("0/chat,")
    session.receive('2/chat,["enter","lobby"]', '2/chat,1["who","lobby"]')
    session.run()
    assert session.take()[-1] == '3/chat,1[["ann","wim"]]'
    (told,) = watcher.take()
    assert json.loads(str(told).removeprefix("2/chat,")) == [
        "presence",
        json.loads(blocks("presence.rst", "json")[0]),
    ]
    session.receive('2/chat,["exit","lobby"]')
    session.run()
    assert capsys.readouterr().out.splitlines() == [
        "wim came to lobby",
        "ann came to lobby",
        "ann left lobby",
    ]


def test_limits() -> None:
    site = Site(limits=Limits(refusals=parse_rate("100/m"), clock=FakeClock()))
    site.define(chat_of("limits.rst"), "/chat")
    session, _ = site.connect("0/chat,")
    for number in range(11):
        session.receive(f'2/chat,{number}["say","hi"]')
        session.run()
    *answers, refusal = [str(text).partition("[")[2] for text in session.take()]
    assert answers == ['"hi"]'] * 10
    assert json.loads(f"[{refusal}") == [json.loads(blocks("limits.rst", "json")[0])]


def test_settings_as_shown() -> None:
    shown = dict(re.findall(r"^    (sio\.rate_\w+) = (.+)$", text_of("limits.rst"), re.MULTILINE))
    values = parse_settings(shown)
    assert len(shown) == 3
    for name, text in shown.items():
        assert values[name.removeprefix("sio.")] == parse_rate(text)
    defaults = parse_settings({})
    assert defaults["rate_limit"] is defaults["rate_limit_user"] is None
    assert defaults["rate_limit_refusals"] == parse_rate("100/m")
