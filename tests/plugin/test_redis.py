"""The link to Redis that the settings describe."""

from __future__ import annotations

import sys

import pytest
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError

from pyramid_sio.interfaces import IEndpoint


def configured(**settings: object) -> Configurator:
    config = Configurator(settings={f"sio.{name}": value for name, value in settings.items()})
    config.include("pyramid_sio")
    return config


def test_without_a_url_there_is_no_link() -> None:
    assert configured().registry.getUtility(IEndpoint).link is None


def test_a_link_is_made_and_connects_nothing() -> None:
    config = configured(redis_url="redis://:secret@127.0.0.1:1/0", redis_timeout="2")
    link = config.registry.getUtility(IEndpoint).link
    config.make_wsgi_app()

    assert link.health().state == "idle"
    assert link.timeout == 2
    assert repr(link) == "<RedisLink redis://127.0.0.1:1/0 idle>"


def test_a_wrong_url_is_an_error_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match=r"sio\.redis_url: "):
        configured(redis_url="localhost:6379")


def test_redis_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyramid_sio.adapters.redis_link", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'pyramid-sio\[redis\]'"):
        configured(redis_url="redis://localhost")
