"""The polling protocol from end to end, through Pyramid, without a network."""

from __future__ import annotations

import gzip
import json
import logging
import zlib
from typing import Any, ClassVar

import gevent
import pytest
from gevent.event import Event
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response
from pyramid.session import SignedCookieSessionFactory

from pyramid_sio.engine.complaints import LINES_PER_SECOND
from pyramid_sio.plugin.responses import PollResponse, PostResponse
from pyramid_sio.protocol.packets import Message
from pyramid_sio.sockets.namespace import Namespace
from tests.fakes import until
from tests.plugin.conftest import Client, NewSite, Site


class TestOpening:
    def test_headers_and_body(self, site: Site) -> None:
        response = site.get()
        assert response.status == "200 OK"
        assert response.headers["Content-Type"] == "text/plain; charset=UTF-8"
        assert response.headers["Content-Length"] == str(len(response.body))
        assert response.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in response.headers
        assert "Vary" not in response.headers
        assert response.text[0] == "0"
        handshake = json.loads(response.text[1:])
        assert list(handshake) == ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]
        assert handshake["pingInterval"] == 25000
        assert handshake["pingTimeout"] == 20000
        assert handshake["maxPayload"] == 1_000_000
        assert site.endpoint.engine.sessions.keys() == {handshake["sid"]}

    def test_no_websocket_is_offered_where_the_server_has_none(self, site: Site) -> None:
        assert site.open().handshake["upgrades"] == []

    @pytest.mark.parametrize(
        "query",
        [
            "EIO=4&transport=polling&t=abc",
            "transport=%70olling&EIO=4",
            "t=1&EIO=3&EIO=4&transport=polling",
        ],
    )
    def test_however_the_query_is_written(self, site: Site, query: str) -> None:
        assert site.web.get(f"/socket.io/?{query}").text.startswith("0{")

    def test_below_the_path_too(self, site: Site) -> None:
        assert site.web.get("/socket.io/default/?EIO=4&transport=polling").text.startswith("0{")

    @pytest.mark.parametrize("path", ["/socket.io", "/SOCKET.IO/", "/socket.iox/", "//socket.io/"])
    def test_other_paths_are_the_applications(self, site: Site, path: str) -> None:
        site.web.get(f"{path}?EIO=4&transport=polling", status=404)


class TestConversation:
    def test_events_acks_and_broadcasts(self, site: Site) -> None:
        one, two = site.open(), site.open()
        answer = one.join()
        assert answer.startswith('40{"sid":"')
        assert one.sid not in answer
        two.join()

        response = one.post('420["message","hello",{"a":[1]}]')
        assert response.status_int == 200
        assert response.text == "ok"
        assert response.headers["Content-Type"] == "text/html"
        assert response.headers["Cache-Control"] == "no-store"

        assert one.poll() == ['42["message","hello",{"a":[1]}]', '430["hello",{"a":[1]}]']
        assert two.poll() == ['42["message","hello",{"a":[1]}]']

    def test_binary_over_two_posts(self, site: Site) -> None:
        client = site.open()
        client.join()
        client.post('451-["whisper",{"_placeholder":true,"num":0}]')
        client.post("bAQIDBA==")
        assert client.poll() == ['451-["whisper",{"_placeholder":true,"num":0}]', "bAQIDBA=="]

    @pytest.mark.parametrize("kind", [None, "application/x-www-form-urlencoded", "text/html"])
    def test_whatever_type_a_post_claims(self, site: Site, kind: str | None) -> None:
        client = site.open()
        options = {} if kind is None else {"content_type": kind}
        assert client.post("40", **options).text == "ok"
        assert client.poll()[0].startswith("40")

    def test_a_poll_waits_for_something_to_send(self, site: Site) -> None:
        client = site.open()
        polls: list[Any] = []
        poll = gevent.spawn(lambda: polls.append(client.poll()))
        for _ in range(3):
            gevent.sleep(0)
        assert polls == []
        client.session.send(Message(b"2[1]"))
        poll.join()
        assert polls == [["42[1]"]]

    def test_from_views_too(self, new_site: NewSite) -> None:
        def configure(config: Configurator) -> None:
            config.add_route("deploy", "/deploy")
            config.add_view(deploy, route_name="deploy")

        def deploy(request: Any) -> Response:
            request.sio.of("/").emit("deploying", 1)
            return Response("done")

        site = new_site(configure)
        client = site.open()
        client.join()
        site.web.get("/deploy")
        assert client.poll() == ['42["deploying",1]']

    def test_leaving(self, site: Site) -> None:
        client = site.open()
        client.join()
        assert client.post("1").text == "ok"
        assert client.post("40").json == {"code": 1, "message": "Session ID unknown"}


ERRORS: list[tuple[str, str, dict[str, str], int, int, str]] = [
    ("GET", "", {}, 400, 0, "Transport unknown"),
    ("GET", "EIO=4", {}, 400, 0, "Transport unknown"),
    ("GET", "EIO=4&transport=", {}, 400, 0, "Transport unknown"),
    ("GET", "EIO=4&transport=constructor", {}, 400, 0, "Transport unknown"),
    ("GET", "EIO=4&transport=webtransport", {}, 400, 0, "Transport unknown"),
    ("GET", "EIO=4&transport=websocket", {}, 400, 0, "Transport unknown"),
    ("GET", "transport=polling&EIO=4&sid=nobody", {}, 400, 1, "Session ID unknown"),
    ("GET", "transport=polling&EIO=4&sid=__proto__", {}, 400, 1, "Session ID unknown"),
    ("POST", "transport=polling&EIO=4&sid=nobody", {}, 400, 1, "Session ID unknown"),
    ("POST", "transport=polling&EIO=4", {}, 400, 2, "Bad handshake method"),
    ("PUT", "transport=polling&EIO=4", {}, 400, 2, "Bad handshake method"),
    ("DELETE", "transport=polling&EIO=4", {}, 400, 2, "Bad handshake method"),
    ("OPTIONS", "transport=polling&EIO=4", {}, 400, 2, "Bad handshake method"),
    ("GET", "transport=polling&EIO=4", {"Origin": "http://a\x01b"}, 400, 3, "Bad request"),
    ("GET", "transport=polling&EIO=4", {"Origin": "http://evil"}, 403, 4, "Forbidden"),
    ("GET", "transport=polling", {}, 400, 5, "Unsupported protocol version"),
    ("GET", "transport=polling&EIO=3", {}, 400, 5, "Unsupported protocol version"),
    ("GET", "transport=polling&EIO=04", {}, 400, 5, "Unsupported protocol version"),
    ("GET", "transport=polling&EIO=4&" + "x=1&" * 200, {}, 400, 3, "Bad request"),
]


class TestErrors:
    @pytest.mark.parametrize(("method", "query", "headers", "status", "code", "message"), ERRORS)
    def test_opening(
        self,
        site: Site,
        method: str,
        query: str,
        headers: dict[str, str],
        status: int,
        code: int,
        message: str,
    ) -> None:
        response = site.web.request(
            f"/socket.io/?{query}", method=method, headers=headers, expect_errors=True
        )
        assert response.status_int == status
        assert response.headers["Content-Type"] == "application/json"
        assert "Cache-Control" not in response.headers
        if code == 5:
            assert set(response.json) == {"code", "message"}
            assert response.json["code"] == code
            assert response.json["message"].startswith(f"{message}: ")
        else:
            assert response.body == b'{"code":%d,"message":"%b"}' % (code, message.encode())
        assert site.endpoint.engine.sessions == {}

    def test_head(self, site: Site) -> None:
        response = site.web.head(site.url(), expect_errors=True)
        assert response.status_int == 400
        assert response.body == b""

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
    def test_methods_a_session_does_not_know(self, site: Site, method: str) -> None:
        client = site.open()
        response = site.web.request(site.url(client.sid), method=method, expect_errors=True)
        assert response.status_int == 400
        assert response.json["code"] == 3
        assert client.session.is_open

    @pytest.mark.parametrize("query", [{"EIO": "3"}, {"EIO": None}, {"EIO": "04"}])
    def test_a_revision_that_is_not_the_sessions(self, site: Site, query: dict[str, Any]) -> None:
        client = site.open()
        response = site.get(client.sid, query=query)
        assert (response.status_int, response.json["code"]) == (400, 3)
        assert client.session.is_open

    def test_octets(self, site: Site) -> None:
        client = site.open()
        response = client.post("40", content_type="application/octet-stream")
        assert response.status_int == 400
        assert site.get(client.sid).json["code"] == 1

    def test_nothing_of_this_is_an_error_of_ours(
        self, site: Site, caplog: pytest.LogCaptureFixture
    ) -> None:
        for method, query, headers, *_ in ERRORS:
            site.web.request(
                f"/socket.io/?{query}", method=method, headers=headers, expect_errors=True
            )
        assert {record.levelno for record in caplog.records} == {logging.WARNING}

    def test_refusals_are_logged_within_limits(
        self, site: Site, caplog: pytest.LogCaptureFixture
    ) -> None:
        for number in range(50):
            site.get(f"guess{number}")
        assert 0 < len(caplog.records) <= 2 * LINES_PER_SECOND


class TestBadPosts:
    @pytest.mark.parametrize("body", ["", "abc", "7", "3\x1e", "3\x1exyz\x1e3", "2", "2probe"])
    def test_broken_ones_end_the_session(self, site: Site, body: str) -> None:
        client = site.open()
        response = client.post(body)
        assert response.status_int == 400
        assert response.body == b""
        assert site.get(client.sid).json["code"] == 1

    @pytest.mark.parametrize("body", ["3", "3probe", "6", "5", "0x"])
    def test_odd_ones_do_not(self, site: Site, body: str) -> None:
        client = site.open()
        assert client.post(body).text == "ok"
        assert client.session.is_open

    def test_too_long(self, new_site: NewSite) -> None:
        site = new_site(max_http_buffer_size=1000)
        client = site.open()
        assert client.handshake["maxPayload"] == 1000
        assert client.post("6" * 1000).status_int == 200
        response = client.post("6" * 1001)
        assert response.status_int == 413
        assert response.body == b""
        assert client.session.is_open

    def test_too_long_without_saying_so(self, new_site: NewSite) -> None:
        """Chunked: how long it is shows only while it is read."""
        client = new_site(max_http_buffer_size=1000).open()
        stream = Endless(2000)
        response = client.site.raw(
            client.sid, method="POST", environ={"wsgi.input": stream, "CONTENT_LENGTH": ""}
        )
        assert response.status_int == 413
        assert stream.read_bytes <= 1001
        assert client.session.is_open

    def test_without_a_length(self, site: Site) -> None:
        client = site.open()
        response = client.site.raw(
            client.sid,
            method="POST",
            environ={"wsgi.input": Endless(100_000), "CONTENT_LENGTH": ""},
        )
        assert response.status_int == 200

    def test_one_that_breaks_off(self, site: Site) -> None:
        client = site.open()
        response = client.site.raw(
            client.sid, method="POST", environ={"wsgi.input": Endless(10), "CONTENT_LENGTH": "100"}
        )
        assert response.status_int == 400
        assert site.get(client.sid).json["code"] == 1

    def test_two_at_once(self, site: Site) -> None:
        client = site.open()
        gate = Event()

        class Slow(Endless):
            def read(self, size: int = -1) -> bytes:
                gate.wait()
                return super().read(size)

        first = gevent.spawn(
            client.site.raw,
            client.sid,
            method="POST",
            environ={"wsgi.input": Slow(10), "CONTENT_LENGTH": "10"},
        )
        gevent.sleep(0)
        assert client.post("3").status_int == 400
        gate.set()
        first.join()
        assert site.get(client.sid).json["code"] == 1

    def test_one_that_is_not_answered_yet_counts(self, new_site: NewSite) -> None:
        """A client whose handlers are behind may not send more by another POST."""
        gate = Event()

        class Slow(Namespace):
            def on_work(self) -> None:
                gate.wait()

        client = new_site(namespace=Slow, max_inbox=2).open()
        client.join()
        session = client.session
        posts = [gevent.spawn(client.post, *['42["work"]'] * 10)]
        until(lambda: session.lane.paused)
        response = client.post('42["work"]')
        assert response.status_int == 400
        assert not session.is_open
        gate.set()
        gevent.joinall(posts, raise_error=True)


class Endless:
    """A request's body that does not say how long it is.

    :param size: where it ends all the same
    """

    def __init__(self, size: int) -> None:
        self._left = size
        self.read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        size = min(size, self._left, 100) if size >= 0 else self._left
        self._left -= size
        self.read_bytes += size
        return b"6" * size


class TestOverlap:
    def test_two_polls(self, site: Site) -> None:
        client = site.open()
        first = gevent.spawn(client.poll)
        gevent.sleep(0)
        second = site.get(client.sid)
        assert (second.status_int, second.body) == (400, b"")
        assert first.get() == ["1"]
        assert site.get(client.sid).json["code"] == 1

    def test_a_poll_and_a_post_are_usual(self, site: Site) -> None:
        client = site.open()
        poll = gevent.spawn(client.poll)
        gevent.sleep(0)
        client.post("40")
        (answer,) = poll.get()
        assert answer.startswith("40{")


class TestClosing:
    def test_the_last_word_comes_alone(self, site: Site) -> None:
        client = site.open()
        client.session.send(Message(b"2[1]"))
        client.session.close()
        assert client.poll() == ["42[1]"]
        assert client.poll() == ["1"]
        assert site.get(client.sid).json["code"] == 1

    def test_going_down(self, site: Site) -> None:
        site.endpoint.engine.stopping = True
        response = site.get()
        assert response.status_int == 400
        assert response.json["code"] == 3

    def test_a_poll_of_what_has_just_moved_to_a_websocket(self, site: Site) -> None:
        """Between the view and the answer the session may get another transport."""
        client = site.open()
        session = client.session
        transport, session.transport = session.transport, object()  # type: ignore[assignment]
        request = Request.blank(site.url(client.sid))
        for response in (PollResponse(session, request, None), PostResponse(session, 10)):
            answer = request.get_response(response)
            assert (answer.status_int, answer.body) == (400, b"")
        session.transport = transport


class TestCors:
    ORIGIN = "https://page.example"

    def test_off(self, site: Site) -> None:
        own = site.get(headers={"Origin": "http://localhost"})
        assert own.status_int == 200
        assert not [name for name in own.headers if name.startswith("Access-Control")]

    def test_listed(self, new_site: NewSite) -> None:
        site = new_site(cors_origins=f"{self.ORIGIN} http://other.example")
        response = site.get(headers={"Origin": self.ORIGIN})
        assert response.headers["Access-Control-Allow-Origin"] == self.ORIGIN
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
        assert response.headers["Vary"] == "Origin"

    def test_not_listed(self, new_site: NewSite) -> None:
        site = new_site(cors_origins=self.ORIGIN)
        response = site.get(headers={"Origin": "https://evil.example"})
        assert response.status_int == 403
        assert "Access-Control-Allow-Origin" not in response.headers
        assert response.headers["Vary"] == "Origin"

    def test_any(self, new_site: NewSite) -> None:
        site = new_site(cors_origins="*")
        response = site.get(headers={"Origin": self.ORIGIN})
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in response.headers
        assert "Vary" not in response.headers

    def test_on_every_kind_of_answer(self, new_site: NewSite) -> None:
        site = new_site(cors_origins=self.ORIGIN)
        headers = {"Origin": self.ORIGIN}
        client = site.open(headers=headers)
        client.post("40")
        responses = [
            client.opening,
            client.post("3", headers=headers),
            site.get(client.sid, headers=headers),
            site.get("nobody", headers=headers),
            client.post("x", headers=headers),
            site.web.get("/socket.io/socket.io.js", headers=headers, expect_errors=True),
        ]
        for response in responses:
            assert response.headers["Access-Control-Allow-Origin"] == self.ORIGIN

    def test_without_an_origin(self, new_site: NewSite) -> None:
        response = new_site(cors_origins=self.ORIGIN).get()
        assert response.status_int == 200
        assert "Access-Control-Allow-Origin" not in response.headers

    @pytest.mark.parametrize("query", ["", "transport=polling&EIO=4&sid=nobody", "transport=x"])
    def test_preflight(self, new_site: NewSite, query: str) -> None:
        site = new_site(cors_origins=self.ORIGIN)
        headers = {"Origin": self.ORIGIN, "Access-Control-Request-Headers": "x-a"}
        response = site.web.options(f"/socket.io/?{query}", headers=headers, status=204)
        assert response.headers["Access-Control-Allow-Origin"] == self.ORIGIN
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
        assert response.headers["Access-Control-Allow-Methods"] == "GET,POST"
        assert response.headers["Access-Control-Allow-Headers"] == "x-a"
        assert response.headers["Access-Control-Max-Age"] == "600"
        assert response.body == b""

    def test_preflight_from_elsewhere(self, new_site: NewSite) -> None:
        site = new_site(cors_origins=self.ORIGIN)
        response = site.web.options(
            "/socket.io/", headers={"Origin": "https://evil.example"}, status=204
        )
        assert "Access-Control-Allow-Origin" not in response.headers
        assert "Access-Control-Allow-Headers" not in response.headers


class TestCookie:
    def test_with_the_opening_only(self, new_site: NewSite) -> None:
        site = new_site(cookie="true")
        client = site.open()
        cookie = client.opening.headers["Set-Cookie"]
        assert cookie == f"io={client.sid}; Path=/; HttpOnly; SameSite=Lax"
        client.post("40")
        assert "Set-Cookie" not in site.get(client.sid).headers
        assert "Set-Cookie" not in client.post("3").headers

    def test_over_tls(self, new_site: NewSite) -> None:
        client = new_site(cookie="lb").open(extra_environ={"wsgi.url_scheme": "https"})
        assert client.opening.headers["Set-Cookie"].startswith(f"lb={client.sid}; ")
        assert client.opening.headers["Set-Cookie"].endswith("; Secure")

    def test_beside_the_applications_own(self, new_site: NewSite) -> None:
        def configure(config: Configurator) -> None:
            config.set_session_factory(SignedCookieSessionFactory("secret"))

            def remember(request: Any) -> None:
                request.session["seen"] = True

            config.add_subscriber(
                lambda event: remember(event.request), "pyramid.events.ContextFound"
            )

        client = new_site(configure, cookie="true").open()
        names = [line.split("=")[0] for line in client.opening.headers.getall("Set-Cookie")]
        assert sorted(names) == ["io", "session"]


class TestCompression:
    def poll(self, client: Client, body: bytes, accept: str | None, **how: Any) -> Any:
        client.session.send(Message(body[1:]), **how)
        headers = {} if accept is None else {"Accept-Encoding": accept}
        return client.site.raw(client.sid, headers=headers)

    @pytest.mark.parametrize(
        ("accept", "encoding"),
        [
            ("gzip", "gzip"),
            ("deflate", "deflate"),
            ("gzip, deflate, br", "gzip"),
            ("gzip;q=0.5, deflate", "deflate"),
            ("deflate;q=0.5, gzip;q=0.6", "gzip"),
            ("gzip;q=0, deflate;q=0", None),
            ("br", None),
            ("identity", None),
            ("", None),
            (None, None),
        ],
    )
    def test_as_the_client_likes_it(
        self, site: Site, accept: str | None, encoding: str | None
    ) -> None:
        body = b"4" + b"x" * 5000
        response = self.poll(site.open(), body, accept)
        assert response.headers.get("Content-Encoding") == encoding
        raw = {"gzip": gzip.decompress, "deflate": zlib.decompress}.get(encoding or "", bytes)(
            response.body
        )
        assert raw == body
        assert response.headers["Content-Length"] == str(len(response.body))

    @pytest.mark.parametrize(("size", "compressed"), [(1023, False), (1024, True)])
    def test_from_a_size_on_in_bytes(self, site: Site, size: int, compressed: bool) -> None:
        body = b"4" + "ü".encode() * 500
        body += b"x" * (size - len(body))
        response = self.poll(site.open(), body, "gzip")
        assert ("Content-Encoding" in response.headers) is compressed

    @pytest.mark.parametrize(
        ("setting", "size", "compressed"),
        [("false", 5000, False), ("true", 1024, True), ("10", 10, True), ("10", 9, False)],
    )
    def test_setting(self, new_site: NewSite, setting: str, size: int, compressed: bool) -> None:
        client = new_site(http_compression=setting).open()
        response = self.poll(client, b"4" + b"x" * (size - 1), "gzip")
        assert ("Content-Encoding" in response.headers) is compressed

    def test_not_if_no_message_wants_it(self, site: Site) -> None:
        response = self.poll(site.open(), b"4" + b"x" * 5000, "gzip", compress=False)
        assert "Content-Encoding" not in response.headers


class TestAllowRequest:
    def asked(self, answer: Any) -> Any:
        def ask(request: Any) -> Any:
            assert request.registry is not None
            return answer

        return ask

    @pytest.mark.parametrize(
        ("answer", "message"),
        [(False, "Forbidden"), (None, "Forbidden"), ("Come later", "Come later")],
    )
    def test_refused(self, site: Site, answer: Any, message: str) -> None:
        site.endpoint.allow_request = self.asked(answer)
        response = site.get()
        assert response.status_int == 403
        assert response.json == {"code": 4, "message": message}

    def test_allowed(self, site: Site) -> None:
        site.endpoint.allow_request = self.asked(True)
        client = site.open()
        site.endpoint.allow_request = self.asked(False)
        client.join()

    def test_what_it_says_makes_no_log_of_its_own(self, site: Site) -> None:
        """However many texts it finds, the log's limits know one rule."""
        for number in range(100):
            site.endpoint.allow_request = self.asked(f"not you, number {number}")
            site.get()
        assert len(site.endpoint.engine.complaints._windows) == 1


class TestUpgrade:
    HEADERS: ClassVar = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "AQIDBAUGBwgJCgsMDQ4PEA==",
        "Sec-WebSocket-Version": "13",
    }

    def test_not_possible_here(self, site: Site) -> None:
        response = site.get(query={"transport": "websocket"}, headers=self.HEADERS)
        assert response.status_int == 400
        assert response.headers["Content-Type"].startswith("text/html")
        assert response.text == "Transport unknown"
        assert "Connection" not in response.headers, "WSGI forbids it"

    def test_of_a_polling_session(self, site: Site) -> None:
        client = site.open()
        response = site.get(client.sid, query={"transport": "websocket"}, headers=self.HEADERS)
        assert response.status_int == 400
        assert client.session.is_open

    def test_with_the_wrong_transport(self, site: Site) -> None:
        client = site.open()
        response = site.get(client.sid, headers=self.HEADERS)
        assert response.text == "Bad request"
        assert client.session.is_open

    def test_where_only_websocket_is_enabled(self, new_site: NewSite) -> None:
        site = new_site(transports="websocket")
        assert site.get().json["code"] == 0


class TestInAnApplication:
    """What an application turns on for all of its views does not break the endpoint."""

    def talk(self, site: Site) -> None:
        client = site.open()
        client.join()
        client.post('420["message","hello"]')
        assert client.poll()[-1] == '430["hello"]'

    def test_csrf_checks(self, new_site: NewSite) -> None:
        def configure(config: Configurator) -> None:
            config.set_session_factory(SignedCookieSessionFactory("secret"))
            config.set_default_csrf_options(require_csrf=True)

        self.talk(new_site(configure))

    def test_a_default_permission(self, new_site: NewSite) -> None:
        class Nobody:
            def identity(self, request: Any) -> None:
                return None

            def authenticated_userid(self, request: Any) -> None:
                return None

            def permits(self, request: Any, context: Any, permission: str) -> bool:
                return permission == "enter"

        def configure(config: Configurator) -> None:
            config.set_security_policy(Nobody())
            config.set_default_permission("everything")
            config.add_sio_namespace("/open", Namespace, permission="enter")

        site = new_site(configure, namespace=None)
        client = site.open()
        assert client.join("40/open,").startswith('40/open,{"sid"')

    def test_a_namespace_has_the_default_permission_too(self, new_site: NewSite) -> None:
        def configure(config: Configurator) -> None:
            config.testing_securitypolicy(userid="ada", permissive=False)
            config.set_default_permission("everything")

        client = new_site(configure).open()
        assert client.join() == '44{"message":"Forbidden"}'

    def test_a_route_prefix(self) -> None:
        def included(config: Configurator) -> None:
            config.include("pyramid_sio")
            config.add_sio_namespace("/", Namespace)

        with Configurator() as config:
            config.include(included, route_prefix="/api")
            site = Site(config.make_wsgi_app(), "/api/socket.io/")
        client = site.open()
        assert client.join().startswith("40{")
        site.web.get("/socket.io/?EIO=4&transport=polling", status=404)
        site.end()

    def test_mounted_below_a_path(self, new_site: NewSite) -> None:
        site = new_site(cookie="true")
        client = site.open(extra_environ={"SCRIPT_NAME": "/mount"})
        handshake = client.session.handshake
        assert handshake.url == "/mount/socket.io/?EIO=4&transport=polling"
        client.join()
        self.talk(site)

    def test_a_setting_for_the_path(self) -> None:
        with Configurator(settings={"sio.path": "live/updates"}) as config:
            config.include("pyramid_sio")
            config.add_sio_namespace("/", Namespace)
            site = Site(config.make_wsgi_app(), "/live/updates/")
        assert site.open().join().startswith("40{")
        site.end()


class TestHooks:
    def test_sees_each_request_and_may_answer(self, new_site: NewSite) -> None:
        seen: list[str] = []

        def hook(request: Any) -> Response | None:
            seen.append(request.method)
            request.add_response_callback(
                lambda request, response: response.headers.add("X-A", "1")
            )
            return Response("busy", status=503) if "busy" in request.params else None

        site = new_site(lambda config: config.add_sio_request_hook(hook))
        client = site.open()
        assert client.opening.headers["X-A"] == "1"
        client.post("40")
        client.poll()
        assert seen == ["GET", "POST", "GET"]
        response = site.get(query={"busy": 1})
        assert response.status_int == 503
        assert response.headers["X-A"] == "1"
        assert len(site.endpoint.engine.sessions) == 1
