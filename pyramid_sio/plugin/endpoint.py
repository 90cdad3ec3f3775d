"""Puts the parts together: settings in, engine, Socket.IO server and view out.

Upstream: ``plugin.includeme``. Downstream: everything else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event
from pyramid.settings import aslist
from zope.interface import implementer

from pyramid_sio.engine import services
from pyramid_sio.engine.complaints import Complaints
from pyramid_sio.engine.legacy import LegacySessions
from pyramid_sio.engine.loopthread import lacks_patches
from pyramid_sio.engine.policy import PolicyServer
from pyramid_sio.engine.server import EngineServer, EngineSettings
from pyramid_sio.errors import AdapterError, ConnectRefused
from pyramid_sio.events import SioNamespaceCreated
from pyramid_sio.interfaces import IEndpoint
from pyramid_sio.plugin.admin import set_up_admin
from pyramid_sio.plugin.client_files import client_version
from pyramid_sio.plugin.context import Invoker
from pyramid_sio.plugin.metrics import set_up_metrics
from pyramid_sio.plugin.origin import OriginPolicy
from pyramid_sio.plugin.outbox import Delivery
from pyramid_sio.plugin.page import TICKET
from pyramid_sio.plugin.parsers import find_parser
from pyramid_sio.plugin.proxies import Proxies
from pyramid_sio.plugin.redis import find_feeds, find_link
from pyramid_sio.plugin.rooms import find_rooms
from pyramid_sio.plugin.server_check import warn_of_strangers
from pyramid_sio.plugin.settings import parse_settings
from pyramid_sio.plugin.threads import Threads
from pyramid_sio.plugin.tickets import find_tickets
from pyramid_sio.sockets.limits import Limits
from pyramid_sio.sockets.server import SioServer
from pyramid_sio.workers.member import own_tag

if TYPE_CHECKING:
    from pathlib import Path

    from pyramid.registry import Registry
    from pyramid.request import Request
    from pyramid.response import Response

    from pyramid_sio.interfaces import IEngineHandler, IInvoker, ISession
    from pyramid_sio.plugin.cookie import SessionCookie
    from pyramid_sio.sockets.namespace import Namespace
    from pyramid_sio.sockets.nsp import Nsp

logger = logging.getLogger(__name__)


@implementer(IEndpoint)
class Endpoint:
    """What one ``/socket.io/`` consists of. Creating it starts nothing.

    :param settings: the application's settings
    :param invoker: runs the application's code; None: as for an application of Pyramid's
    :param name: of ``config.add_sio_endpoint``; empty: that of the application
    :raises ConfigurationError: one of the ``sio.*`` settings is wrong
    """

    def __init__(
        self,
        registry: Registry,
        settings: Mapping[str, Any],
        invoker: IInvoker | None = None,
        *,
        name: str = "",
    ) -> None:
        self._registry = registry
        #: Is the server one of gevent's, in a process that nobody has patched?
        self.unpatched = False
        #: Has somebody looked at a request of the HTTP server?
        self._looked = False
        self.name = name
        values = parse_settings(settings)
        self._read_http(values, settings)
        parser = find_parser(
            values["parser"], values["json_default"], hides_ids=self.hides_eio3_ids
        )
        #: The way to other processes; None: there are none.
        self.link = find_link(values, registry, self._in_loop)
        #: Tickets that clients must bring; None: they need none.
        self.tickets = find_tickets(values, self.link)
        complaints = Complaints(logging.getLogger("pyramid_sio.adapters"))
        rooms = find_rooms(values, parser.encoder, link=self.link, complaints=complaints)
        self._rooms = rooms.description
        self.sio = SioServer(
            invoker=invoker or Invoker(registry, self._use_ticket),
            adapter_factory=rooms.adapter_factory,
            make_event=Event,
            in_loop=self._in_loop,
            perform=self._perform,
            spawn=gevent.spawn,
            encoder=parser.encoder,
            generations=parser.generations,
            new_decoder=parser.new_decoder,
            recovery=rooms.recovery,
            feeds=find_feeds(values, self.link),
            **_bounds(values),
            shut_down=self._shut_down,
            health=self._tell_health,
            limits=_limits(values),
            keep_empty=not values["cleanup_empty_child_namespaces"],
        )
        self.sio.reauth_interval = values["reauth_interval"]
        self._delivery = Delivery(self._in_loop, parser)
        self.sio.creation_listeners.append(self._announce_namespace)
        self.engine = EngineServer(_engine_settings(values), self._accept, id_prefix=own_tag())
        self._threads = Threads(self.sio, self.engine, values)
        #: Those of Socket.IO 0.9: handshakes whose transports are still to come, too.
        self.legacy_sessions = LegacySessions(self.engine)
        #: What the admin UI looks through; None: it is off.
        self.admin = set_up_admin(values, self.sio, self.engine, rooms=rooms)
        #: What Prometheus asks for; None: nothing is counted.
        self.metrics = set_up_metrics(
            values, self.sio, self.engine, redis=lambda: self._tell_health()["redis"]
        )

    def _read_http(self, values: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        """What the view wants to know."""
        self.path: str = values["path"]
        self.serve_client: bool = values["serve_client"]
        self.add_trailing_slash: bool = values["add_trailing_slash"]
        self.cookie: SessionCookie | None = values["cookie"]
        self.http_compression: int | None = values["http_compression"]
        #: Are clients of Socket.IO 0.9 served, and over what?
        self.legacy: bool = values["legacy"]
        self.legacy_transports: tuple[str, ...] = values["legacy_transports"]
        self.legacy_client: bool = values["legacy_client"]
        self.flash_swf: Path | None = values["flash_swf"]
        self._policy_server = _policy_server(values["policy_server"])
        self.per_message_deflate: bool = values["per_message_deflate"]
        self.allow_request: Callable[[Request], Any] | None = values["allow_request"]
        #: Called with each request of a client; one may answer by itself.
        self.request_hooks: list[Callable[[Request], Response | None]] = []
        #: Of Engine.IO: those that are served.
        self.revisions: tuple[int, ...] = (4, 3) if values["allow_eio3"] else (4,)
        self.hides_eio3_ids: bool = values["hide_eio3_ids"]
        self.proxies = Proxies(values["trusted_proxies"])
        self.origins = OriginPolicy(
            values["cors_origins"],
            aslist(settings.get("pyramid.csrf_trusted_origins", ())),
            hint=lambda request: self.proxies.ignored(request.environ),
        )

    def _use_ticket(self, socket: Namespace) -> None:
        """:raises ConnectRefused: tickets are wanted, and the client's is no good"""
        if self.tickets is None or self._is_console(socket):
            return
        ticket = (socket.auth or {}).get(TICKET)
        try:
            problem = self.tickets.check(socket.request, ticket, socket.socket.id)
        except AdapterError as exc:
            socket.complain("a ticket cannot be checked", exc)
            # Clients that are refused give up, and those whose connection ends try again.
            socket.disconnect(close=True)
            raise ConnectRefused("tickets cannot be checked now") from exc
        if problem is not None:
            socket.complain("ticket refused", problem)
            raise ConnectRefused(f"a ticket is needed: {problem}")

    def _is_console(self, socket: Namespace) -> bool:
        """Is it for the admin UI? That comes from elsewhere, and has a login of its own."""
        return self.admin is not None and socket.nsp.name == self.admin.settings.namespace

    def _in_loop(self, func: Callable[..., None], *args: Any) -> None:
        self.engine.in_loop(func, *args)

    def _perform(self, func: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return self.engine.perform(func, *args, **options)

    def find_thread(self, environ: Mapping[str, Any]) -> None:
        """The first request has come: find out which thread is to run the loop."""
        self._threads.find_out(environ)
        if not self._looked:
            self._looked = True
            if "polling" in self.engine.settings.transports:
                warn_of_strangers(environ, shared=self.link is not None)
        if not self.engine.has_thread and not self.unpatched and lacks_patches():
            self.unpatched = True
            logger.error(
                "this server runs on gevent, but the standard library has not been patched: a "
                "handler that waits stops everybody, and requests of different users get mixed "
                "up; see psio doctor"
            )

    def _accept(self, session: ISession) -> IEngineHandler:
        if self.link is not None:
            # Servers that are not ours don't say when they begin to serve.
            self.link.start()
        return self.sio.accept(session)

    def _tell_health(self) -> dict[str, Any]:
        redis = None if self.link is None else self.link.health()
        return {
            "ok": redis is None or redis.state != "down",
            "connections": len(self.engine.sessions),
            "redis": None if redis is None else redis.as_dict(),
        }

    def _shut_down(self, patience: float) -> None:
        self.engine.perform(self.engine.shut_down, patience)
        if self.link is not None:
            self.engine.perform(self.link.close)

    def _announce_namespace(self, nsp: Nsp) -> None:
        registry = self._registry
        if registry.has_listeners:
            registry.notify(SioNamespaceCreated(nsp, registry))

    def begin(self) -> None:
        """The application has been made: take what it has for events, and log what is enabled."""
        invoker = self.sio.invoker
        if isinstance(invoker, Invoker) and invoker.surroundings.has_transactions:
            self.sio.deliver = self._delivery.deliver
            self.sio.conclude = self._delivery.conclude
        if self.admin is not None:
            self.admin.listen()
        settings = self.engine.settings
        names = sorted(nsp.name for nsp in self.sio)
        if not names:
            logger.warning(
                "no namespace is declared for %s, so nobody can connect there: is a config.scan() "
                "missing, or a config.add_sio_namespace(...)?",
                self.path,
            )
        logger.info(
            "Socket.IO at %s: %s; namespaces: %s; rooms %s; JavaScript client %s",
            self.path,
            " and ".join(settings.transports),
            ", ".join(names) or "none declared",
            self._rooms,
            (client_version() or "missing") if self.serve_client else "not served",
        )


def _engine_settings(values: Mapping[str, Any]) -> EngineSettings:
    return EngineSettings(**{name: values[name] for name in EngineSettings.__dataclass_fields__})


def _bounds(values: Mapping[str, Any]) -> dict[str, Any]:
    """How long and how much the Socket.IO server waits for, in seconds and bytes."""
    return {
        "connect_timeout": values["connect_timeout"],
        "attachment_timeout": values["upgrade_timeout"],
        "disconnect_grace": values["disconnect_grace"],
        "ack_timeout": values["ack_timeout"],
        "max_attachments": values["max_attachments"],
        "max_attachment_bytes": values["max_attachments"] * values["max_http_buffer_size"],
        "max_held": values["max_buffer_size"],
    }


def _limits(values: Mapping[str, Any]) -> Limits:
    names = ("rate_limit", "rate_limit_user", "rate_limit_refusals")
    return Limits(*(values[name] for name in names))


def _policy_server(address: tuple[str, int] | None) -> PolicyServer | None:
    """What tells Flash Player that it may connect; started with the process. None: nothing."""
    if address is None:
        return None
    server = PolicyServer(*address)
    services.register(server)
    return server
