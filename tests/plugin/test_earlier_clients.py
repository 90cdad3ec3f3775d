"""Clients of Socket.IO 1 and 2 at the endpoint: what they ask, byte for byte, and the answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from webtest import TestResponse

from pyramid_sio import Namespace
from pyramid_sio.errors import DisconnectReason
from tests.plugin.conftest import NewSite, Site

BLOB = b"\x01\x02\x03\x04"


class Echo(Namespace):
    def on_message(self, *args: Any) -> Any:
        self.emit("message", *args)
        return args


@pytest.fixture
def site(new_site: NewSite) -> Site:
    return new_site(namespace=Echo, allow_eio3="true")


class Earlier:
    """A client that polls.

    :param query: what its requests say beside the usual
    """

    def __init__(self, site: Site, query: str = "b64=1", **headers: str) -> None:
        self.site = site
        self.query = f"EIO=3&transport=polling&{query}"
        self.headers = headers
        self.sid = ""
        self.opening = self.get()

    def get(self) -> TestResponse:
        return self.site.web.get(self._url(), headers=self.headers)

    def post(self, body: bytes, content_type: str = "text/plain;charset=UTF-8") -> TestResponse:
        return self.site.web.post(
            self._url(), body, content_type=content_type, headers=self.headers, expect_errors=True
        )

    def _url(self) -> str:
        return f"/socket.io/?{self.query}" + (f"&sid={self.sid}" if self.sid else "")

    def enter(self, payload: str | None = None) -> Earlier:
        """Take the answer to the opening, and what is sent unasked."""
        text = payload or self.opening.text
        length, _, packet = text.partition(":")
        assert len(packet) == int(length)
        self.sid = json.loads(packet[1:])["sid"]
        return self


class TestPolling:
    def test_opening(self, site: Site) -> None:
        client = Earlier(site).enter()
        assert client.opening.headers["Content-Type"] == "text/plain; charset=UTF-8"
        assert client.opening.headers["Cache-Control"] == "no-store"
        assert site.endpoint.engine.sessions[client.sid].revision == 3
        assert client.get().body == b"2:40"

    def test_events(self, site: Site) -> None:
        client = Earlier(site).enter()
        client.get()
        text = "é😀"
        event = f'4217["message","{text}"]'
        body = f"{len(event) + 1}:{event}"  # the emoji counts two
        answer = client.post(body.encode())
        assert (answer.status_int, answer.body) == (200, b"ok")
        sent = client.get().body
        packet = b'42["message","\\u00e9\\ud83d\\ude00"]'
        ack = b'4317["\\u00e9\\ud83d\\ude00"]'
        assert sent == b"%d:%b%d:%b" % (len(packet), packet, len(ack), ack)

    def test_binary_as_text(self, site: Site) -> None:
        client = Earlier(site, "b64=1").enter()
        client.get()
        header = '451-["message",{"_placeholder":true,"num":0}]'
        client.post(f"{len(header)}:{header}10:b4AQIDBA==".encode())
        answer = client.get()
        assert answer.content_type == "text/plain"
        assert answer.body == f"{len(header)}:{header}10:b4AQIDBA==".encode()

    def test_binary_as_bytes(self, site: Site) -> None:
        client = Earlier(site, "t=1").enter()
        client.get()
        header = b'451-["message",{"_placeholder":true,"num":0}]'
        body = b"\x00\x04\x05\xff" + header + b"\x01\x05\xff\x04" + BLOB
        assert client.post(body, "application/octet-stream").body == b"ok"
        answer = client.get()
        assert answer.content_type == "application/octet-stream"
        assert answer.body == body

    def test_the_client_pings(self, site: Site) -> None:
        client = Earlier(site).enter()
        client.get()
        client.post(b"1:2")
        assert client.get().body == b"1:3"

    def test_a_flood_of_pings_is_one_answer(self, site: Site) -> None:
        client = Earlier(site).enter()
        client.get()
        client.post(b"1:2" * 1000)
        assert client.get().body == b"1:3"

    @pytest.mark.parametrize("body", [b"", b"abc", b"7:4hello", b"1:3", b"1:9", b"9999999999:4"])
    def test_what_is_wrong_ends_the_session(self, site: Site, body: bytes) -> None:
        client = Earlier(site).enter()
        client.get()
        assert client.post(body).status_int == 400
        assert client.post(b"2:40").json["code"] == 1

    @pytest.mark.parametrize("body", [b"\x00" * 1000, b"\xff", b"\x00\x01\x09\xff4"])
    def test_wrong_bytes_do_too(self, site: Site, body: bytes) -> None:
        client = Earlier(site, "t=1").enter()
        client.get()
        assert client.post(body, "application/octet-stream").status_int == 400
        assert site.endpoint.engine.sessions == {}

    def test_closing(self, site: Site) -> None:
        client = Earlier(site).enter()
        client.get()
        assert client.post(b"1:1").body == b"ok"
        assert site.endpoint.engine.sessions == {}

    def test_the_cookie_for_load_balancers(self, new_site: NewSite) -> None:
        site = new_site(namespace=Echo, allow_eio3="true", cookie="true")
        client = Earlier(site).enter()
        expected = f"io={client.sid}; Path=/; HttpOnly; SameSite=Lax"
        assert client.opening.headers["Set-Cookie"] == expected

    def test_another_revision_is_another_client(self, site: Site) -> None:
        client = Earlier(site).enter()
        answer = site.web.get(
            f"/socket.io/?EIO=4&transport=polling&sid={client.sid}", expect_errors=True
        )
        assert answer.json == {"code": 3, "message": "Bad request"}
        client.site.endpoint.engine.sessions[client.sid].end(DisconnectReason.FORCED_CLOSE)

    def test_without_a_revision_it_is_this_one(self, site: Site) -> None:
        answer = site.web.get("/socket.io/?transport=polling")
        assert answer.body.partition(b":")[2].startswith(b'0{"sid"')


def test_not_served_unless_asked_for(new_site: NewSite, caplog: pytest.LogCaptureFixture) -> None:
    site = new_site(namespace=Echo)
    answer = site.web.get("/socket.io/?EIO=3&transport=polling", status=400)
    assert answer.json["code"] == 5
    for text in (answer.json["message"], caplog.text):
        assert "EIO=3 is sent by Socket.IO clients of version 1 and 2" in text
        assert "sio.allow_eio3 = true" in text


OWN = {"Referer": "http://localhost/page?a=b"}


class TestJsonp:
    def test_conversation(self, site: Site) -> None:
        client = Earlier(site, "j=7&b64=1", **OWN)
        assert client.opening.headers["Content-Type"] == "application/javascript; charset=UTF-8"
        client.enter(self.payload(client.opening))
        assert self.payload(client.get()) == "2:40"
        text = "a\u2028</script>\n\\n"
        packet = "42" + json.dumps(["message", text], ensure_ascii=False)
        form = f"{len(packet)}:{packet}".replace("\\n", "\\\\n").encode()
        answer = client.post(b"d=" + _quote(form), "application/x-www-form-urlencoded")
        assert (answer.body, answer.content_type) == (b"ok", "text/html")
        script = client.get()
        assert b"</" not in script.body
        _, _, echoed = self.payload(script).partition(":")
        assert json.loads(echoed[2:]) == ["message", text]

    @staticmethod
    def payload(answer: TestResponse) -> str:
        start, end = "___eio[7](", ");"
        assert answer.text.startswith(start)
        assert answer.text.endswith(end)
        payload: str = json.loads(answer.text[len(start) : -len(end)])
        return payload

    def test_binary_is_text_whatever_the_client_says(self, site: Site) -> None:
        client = Earlier(site, "j=7", **OWN)
        client.enter(self.payload(client.opening))
        client.get()
        header = '451-["message",{"_placeholder":true,"num":0}]'
        form = f"d={len(header)}:{header}10:b4AQIDBA%3D%3D".encode()
        client.post(form, "application/octet-stream")
        assert self.payload(client.get()) == f"{len(header)}:{header}10:b4AQIDBA=="

    def test_a_form_without_the_field_says_nothing(self, site: Site) -> None:
        client = Earlier(site, "j=7", **OWN)
        client.enter(self.payload(client.opening))
        assert client.post(b"x=1").body == b"ok"
        assert client.sid in site.endpoint.engine.sessions

    @pytest.mark.parametrize("index", ["alert(1)//", "0];alert(1);[", "%0a;1", "7%E2%80%A8"])
    def test_the_name_of_the_function_is_digits(self, site: Site, index: str) -> None:
        answer = site.web.get(f"/socket.io/?EIO=3&transport=polling&j={index}", headers=OWN)
        digits = answer.text[len("___eio[") :].partition("]")[0]
        assert digits.isascii()
        assert digits.isdigit()
        assert "alert" not in answer.text

    @pytest.mark.parametrize("index", ["", "alert()", "x", "1" * 10])
    def test_no_digits_no_answer(self, site: Site, index: str) -> None:
        answer = site.web.get(
            f"/socket.io/?EIO=3&transport=polling&j={index}", headers=OWN, expect_errors=True
        )
        assert answer.status_int == 400
        assert answer.content_type == "application/json"

    def test_never_for_revision_4(self, site: Site) -> None:
        answer = site.web.get("/socket.io/?EIO=4&transport=polling&j=0", expect_errors=True)
        assert answer.status_int == 400
        assert "___eio" not in answer.text


class TestPagesThatLoadScripts:
    """Browsers ask nobody whether a page may load a script."""

    def status(self, site: Site, **headers: str) -> int:
        answer = site.web.get(
            "/socket.io/?EIO=3&transport=polling&j=0",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            expect_errors=True,
        )
        return int(answer.status_int)

    @pytest.mark.parametrize(
        "headers",
        [
            {"Referer": "http://localhost/"},
            {"Referer": "http://localhost"},
            {"Referer": "https://localhost/a"},
            {"Origin": "http://localhost"},
            {"Sec_Fetch_Site": "same-origin"},
        ],
    )
    def test_own(self, site: Site, headers: dict[str, str]) -> None:
        assert self.status(site, **headers) == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Referer": ""},
            {"Referer": "about:blank"},
            {"Referer": "http://evil.example/"},
            {"Referer": "http://localhost.evil.example/"},
            {"Referer": "http://evil.example/http://localhost/"},
            {"Referer": "http://localhost@evil.example/"},
            {"Origin": "http://evil.example", "Referer": "http://localhost/"},
            {"Origin": "null"},
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site"},
            {"Sec_Fetch_Site": "none"},
        ],
    )
    def test_others(self, site: Site, headers: dict[str, str]) -> None:
        assert self.status(site, **headers) == 403
        assert site.endpoint.engine.sessions == {}

    def test_those_that_may_connect(self, new_site: NewSite) -> None:
        site = new_site(namespace=Echo, allow_eio3="true", cors_origins="https://page.example")
        assert self.status(site, Referer="https://page.example/a/b") == 200
        assert self.status(site, Referer="https://other.example/") == 403

    @pytest.mark.parametrize(
        ("headers", "cookie"),
        [(OWN, "user=ada"), ({}, None), ({"Referer": "http://evil.example/"}, None)],
    )
    def test_if_any_may_connect_strangers_are_nobody(
        self, new_site: NewSite, headers: dict[str, str], cookie: str | None
    ) -> None:
        site = new_site(namespace=Echo, allow_eio3="true", cors_origins="*")
        site.web.get(
            "/socket.io/?EIO=3&transport=polling&j=0", headers={**headers, "Cookie": "user=ada"}
        )
        (session,) = site.endpoint.engine.sessions.values()
        assert session.handshake.headers.get("cookie") == cookie


class TestCrossOrigin:
    """These clients send credentials, always: ``*`` is then no answer to a browser."""

    @pytest.mark.parametrize(
        ("query", "allowed"),
        [("EIO=3", "http://a.example"), ("b=1", "http://a.example"), ("EIO=4", "*")],
    )
    @pytest.mark.parametrize("method", ["GET", "OPTIONS"])
    def test_any(self, new_site: NewSite, query: str, allowed: str, method: str) -> None:
        site = new_site(namespace=Echo, allow_eio3="true", cors_origins="*")
        answer = site.web.request(
            f"/socket.io/?{query}&transport=polling",
            method=method,
            headers={"Origin": "http://a.example", "Cookie": "user=ada"},
        )
        assert answer.headers["Access-Control-Allow-Origin"] == allowed
        credentials = answer.headers.get("Access-Control-Allow-Credentials")
        assert credentials == (None if allowed == "*" else "true")
        for session in site.endpoint.engine.sessions.values():
            assert "cookie" not in session.handshake.headers

    def test_if_they_are_not_served_nothing_changes(self, new_site: NewSite) -> None:
        site = new_site(namespace=Echo, cors_origins="*")
        answer = site.web.get(
            "/socket.io/?EIO=3&transport=polling",
            headers={"Origin": "http://a.example"},
            expect_errors=True,
        )
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def _quote(data: bytes) -> bytes:
    return b"".join(b"%%%02X" % byte for byte in data)
