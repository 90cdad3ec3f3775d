from __future__ import annotations

import re
import sys
from typing import Any

import bcrypt
import pytest
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationConflictError, ConfigurationError

from pyramid_sio.admin.login import matches
from pyramid_sio.engine.session import Session
from pyramid_sio.interfaces import IEndpoint
from pyramid_sio.sockets.namespace import Namespace
from tests.support import ROOT

HASH = bcrypt.hashpw(b"sesame", bcrypt.gensalt(4)).decode()


def configured(**settings: Any) -> Configurator:
    config = Configurator(settings={f"sio.{name}": value for name, value in settings.items()})
    config.include("pyramid_sio")
    return config


def endpoint_of(config: Configurator) -> Any:
    config.commit()
    return config.registry.getUtility(IEndpoint)


def test_off_unless_asked_for() -> None:
    endpoint = endpoint_of(configured(admin_username="ada", admin_password=HASH))
    assert endpoint.admin is None
    assert endpoint.engine.session_class is Session
    assert [nsp.name for nsp in endpoint.sio] == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "needs sio.admin_username; or say sio.admin_auth = none"),
        ({"admin_username": "ada"}, "needs sio.admin_password"),
        ({"admin_password": HASH}, "needs sio.admin_username"),
        ({"admin_username": "ada", "admin_password": "sesame"}, "must be a bcrypt hash"),
        ({"admin_auth": "some"}, "must be one of basic, none"),
        ({"admin_mode": "test", "admin_auth": "none"}, "must be one of development, production"),
    ],
)
def test_mistakes(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        configured(admin="true", **settings)
    assert "sesame" not in str(caught.value)


def test_without_bcrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    monkeypatch.delitem(sys.modules, "pyramid_sio.admin.login", raising=False)
    with pytest.raises(ConfigurationError, match=r"pyramid_sio\[admin\]"):
        configured(admin="true", admin_username="ada", admin_password=HASH)
    assert endpoint_of(configured(admin="true", admin_auth="none")).admin is not None


def test_without_login_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = endpoint_of(configured(admin="true", admin_auth="none", admin_namespace="spy"))
    assert [nsp.name for nsp in endpoint.sio] == ["/spy"]
    assert "whoever reaches /spy sees everything and may disconnect everybody" in caplog.text


@pytest.mark.parametrize(("readonly", "commands"), [("true", 0), ("false", 4)])
def test_readonly_has_no_commands(readonly: str, commands: int) -> None:
    endpoint = endpoint_of(configured(admin="true", admin_auth="none", admin_readonly=readonly))
    assert len(endpoint.sio.of("/admin").definition.table.by_event) == commands


def test_namespace_of_the_application_with_its_name_conflicts() -> None:
    config = configured(admin="true", admin_auth="none")
    config.include(lambda config: config.add_sio_namespace("/admin", Namespace))
    with pytest.raises(ConfigurationConflictError):
        config.commit()


def test_documented_settings_let_in_whom_they_say() -> None:
    text = (ROOT / "docs" / "admin.rst").read_text(encoding="utf-8")
    said = dict(re.findall(r"^ {4}sio\.(\w+) = (.*)$", text, re.MULTILINE))
    (password,) = re.findall(r'hashpw\(b"(\w+)"', text)

    admin = endpoint_of(configured(**said)).admin

    assert admin.settings.production
    assert matches(password, said["admin_password"])
