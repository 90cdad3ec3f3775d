from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pyramid.config import Configurator
from webob import Request, Response
from webtest import TestApp, TestResponse

from pyramid_sio.engine.session import Session
from pyramid_sio.errors import DisconnectReason
from pyramid_sio.interfaces import IEndpoint
from pyramid_sio.plugin.endpoint import Endpoint
from pyramid_sio.sockets.namespace import Namespace


class Chat(Namespace):
    """Says what it hears to everybody."""

    def on_message(self, *args: Any) -> Any:
        self.nsp.emit("message", *args)
        return args

    def on_whisper(self, *args: Any) -> None:
        self.emit("whisper", *args)


class Site:
    """An application, used over WSGI without a network.

    :param app: made by ``Configurator.make_wsgi_app``
    """

    def __init__(self, app: Any, path: str = "/socket.io/") -> None:
        self.app = app
        self.registry = app.registry
        self.web = TestApp(app)
        self.path = path

    @property
    def endpoint(self) -> Endpoint:
        endpoint: Endpoint = self.registry.getUtility(IEndpoint)
        return endpoint

    def url(self, sid: str | None = None, **query: Any) -> str:
        fields = {"EIO": "4", "transport": "polling", "sid": sid, **query}
        text = "&".join(f"{name}={value}" for name, value in fields.items() if value is not None)
        return f"{self.path}?{text}"

    def get(self, sid: str | None = None, **options: Any) -> TestResponse:
        """A GET of the protocol; any status is fine. ``query`` adds to the query string."""
        query = options.pop("query", {})
        return self.web.get(self.url(sid, **query), expect_errors=True, **options)

    def raw(self, sid: str | None = None, **options: Any) -> Response:
        """A request of the protocol, and the answer as it is: WebTest takes encodings off.

        :param options: those of ``Request.blank``, and ``query``, which adds to the query string
        """
        request = Request.blank(self.url(sid, **options.pop("query", {})), **options)
        started: list[Any] = []
        body = b"".join(self.app(request.environ, lambda *args: started.extend(args)))
        if not started:
            # The connection was taken over.
            return Response(status=101)
        return Response(body, status=started[0], headerlist=started[1])

    def open(self, **options: Any) -> Client:
        """A new session."""
        response = self.get(**options)
        assert response.status_int == 200, response
        return Client(self, response)

    def end(self) -> None:
        for session in list(self.endpoint.engine.sessions.values()):
            session.end(DisconnectReason.FORCED_CLOSE)


class Client:
    """A client that polls."""

    def __init__(self, site: Site, opening: TestResponse) -> None:
        self.site = site
        self.opening = opening
        self.handshake = json.loads(opening.text[1:])
        self.sid: str = self.handshake["sid"]
        self.asked = 0
        #: What came while :meth:`ask` waited for something else.
        self.heard: list[str] = []

    @property
    def session(self) -> Session:
        """The session at the server."""
        return self.site.endpoint.engine.sessions[self.sid]

    def poll(self, **options: Any) -> list[str]:
        """The packets of one poll; waits for them."""
        response = self.site.get(self.sid, **options)
        assert response.status_int == 200, response
        return response.text.split("\x1e")  # type: ignore[no-any-return]

    def post(self, *packets: str, **options: Any) -> TestResponse:
        """Send packets; any status is fine."""
        options.setdefault("content_type", "text/plain;charset=UTF-8")
        body = "\x1e".join(packets).encode()
        url = self.site.url(self.sid)
        return self.site.web.post(url, body, expect_errors=True, **options)

    def ask(self, event: str, *args: Any, namespace: str = "/") -> Any:
        """Send an event and wait for its acknowledgement, over whatever else comes."""
        where = "" if namespace == "/" else f"{namespace},"
        self.asked += 1
        assert self.post(f"42{where}{self.asked}{json.dumps([event, *args])}").text == "ok"
        wanted = f"43{where}{self.asked}["
        while True:
            for packet in self.poll():
                if packet.startswith(wanted):
                    answer = json.loads(packet[len(wanted) - 1 :])
                    return answer[0] if len(answer) == 1 else answer
                self.heard.append(packet)

    def join(self, packet: str = "40") -> str:
        """Enter a namespace; the answer."""
        assert self.post(packet).text == "ok"
        (answer,) = self.poll()
        return answer


NewSite = Callable[..., Site]


@pytest.fixture
def new_site() -> Iterator[NewSite]:
    """``new_site(configure, cookie='true')``: an application with the endpoint.

    :param configure: called with the configurator before the application is made
    """
    made: list[Site] = []

    def make(
        configure: Callable[[Configurator], Any] = lambda config: None,
        *,
        namespace: type[Namespace] | None = Chat,
        path: str = "/socket.io/",
        **sio: Any,
    ) -> Site:
        settings = {f"sio.{name}": value for name, value in sio.items()}
        with Configurator(settings=settings) as config:
            config.include("pyramid_sio")
            if namespace is not None:
                config.add_sio_namespace("/", namespace)
            configure(config)
            site = Site(config.make_wsgi_app(), path)
        made.append(site)
        return site

    yield make
    for site in made:
        site.end()


@pytest.fixture
def site(new_site: NewSite) -> Site:
    """The usual settings, and one namespace."""
    return new_site()
