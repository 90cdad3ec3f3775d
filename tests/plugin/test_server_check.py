"""What HTTP servers can do, told from what they say."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from pyramid_sio.errors import ServerUnsuited
from pyramid_sio.plugin import server_check
from pyramid_sio.plugin.server_check import check_server, warn_of_strangers
from pyramid_sio.workers.member import Member
from tests.plugin.conftest import NewSite
from tests.support import free_port

ALONE = {"SERVER_SOFTWARE": "gunicorn/27", "wsgi.multithread": False}


class TestOneAtATime:
    @pytest.mark.parametrize("environ", [ALONE, {"uwsgi.version": b"2"}])
    def test_is_too_few(self, environ: dict[str, Any]) -> None:
        with pytest.raises(ServerUnsuited) as caught:
            check_server(environ)
        assert "one request at a time; it needs pserve" in caught.value.detail

    @pytest.mark.parametrize("environ", [{}, {**ALONE, "wsgi.multithread": True}])
    def test_is_not_what_others_do(self, environ: dict[str, Any]) -> None:
        check_server(environ)

    def test_on_gevent_there_are_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server_check, "in_native_thread", lambda: False)
        check_server(ALONE)

    @pytest.mark.parametrize("path", ["", "1/"])
    def test_nobody_is_let_in(
        self, new_site: NewSite, caplog: pytest.LogCaptureFixture, path: str
    ) -> None:
        site = new_site(legacy="true")
        site.web.extra_environ.update(SERVER_SOFTWARE="WSGIServer/0.2")
        site.path += path
        refused = site.get()
        assert (refused.status_int, refused.json["code"]) == (503, 3)
        assert "one request at a time" in refused.json["message"]
        assert "WSGIServer/0.2 answers one request at a time; it needs pserve" in caplog.text
        # What is no connection is served all the same.
        assert site.web.get("/socket.io/socket.io.js").status_int == 200


class TestStrangers:
    @pytest.mark.parametrize(
        ("sio", "level"),
        [({}, "WARNING"), ({"redis_url": f"redis://127.0.0.1:{free_port()}"}, "INFO")],
    )
    def test_are_named_once(
        self, new_site: NewSite, caplog: pytest.LogCaptureFixture, sio: Any, level: str
    ) -> None:
        site = new_site(**sio)
        site.web.extra_environ["wsgi.multiprocess"] = True
        with caplog.at_level(logging.INFO, "pyramid_sio"):
            for _ in range(2):
                site.open()
        (record,) = [one for one in caplog.records if "other processes answer" in one.message]
        assert record.levelname == level
        assert ("see sio.redis_url" in record.message) is (level == "WARNING")

    @pytest.mark.parametrize("sio", [{}, {"transports": "websocket"}])
    def test_do_not_matter(
        self, new_site: NewSite, caplog: pytest.LogCaptureFixture, sio: Any
    ) -> None:
        site = new_site(**sio)
        site.web.extra_environ["wsgi.multiprocess"] = bool(sio)
        site.get()
        assert "other processes" not in caplog.text

    def test_workers_are_none(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
    ) -> None:
        control: Any = None
        member = Member(0, "AA", directory=tmp_path, control=control, listeners=[])
        monkeypatch.setattr(server_check, "current", lambda: member)
        warn_of_strangers({"wsgi.multiprocess": True}, shared=False)
        assert not caplog.records
