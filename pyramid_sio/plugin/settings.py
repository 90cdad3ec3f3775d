"""Every ``sio.*`` setting: its name, how it is read, its default, and why.

Upstream: the application's ini file. Downstream: ``plugin.endpoint`` builds the engine and
the Socket.IO server from the result; the documentation prints this table.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pyramid.exceptions import ConfigurationError
from pyramid.settings import asbool

from pyramid_sio.plugin.access import ACCESS
from pyramid_sio.plugin.cluster_settings import CLUSTER_SETTINGS
from pyramid_sio.plugin.converters import (
    address,
    count,
    count_or_auto,
    flash_folder,
    function,
    legacy_transports,
    one_of,
    origins,
    rate,
    seconds,
    threshold,
    transports,
    url_path,
)
from pyramid_sio.plugin.cookie import parse_cookie
from pyramid_sio.plugin.setting import Setting

PREFIX = "sio."

SETTINGS: tuple[Setting, ...] = (
    Setting("path", url_path, "/socket.io/", "Where clients connect; theirs has the same default."),
    Setting(
        "add_trailing_slash",
        asbool,
        "true",
        "Whether clients add a slash to the path; false serves those that do not as well.",
    ),
    Setting(
        "transports",
        transports,
        "polling websocket",
        "What clients may use. Polling gets through every proxy, WebSocket is far cheaper.",
    ),
    Setting(
        "allow_upgrades",
        asbool,
        "true",
        "Whether a client that started with polling may change to a WebSocket.",
    ),
    Setting(
        "legacy",
        asbool,
        "false",
        "Whether clients of Socket.IO 0.9 are served too.",
    ),
    Setting(
        "legacy_transports",
        legacy_transports,
        "websocket htmlfile xhr-polling jsonp-polling",
        "What those may use, as far as transports allows it; there are flashsocket and "
        "xhr-multipart too, which no browser of today has.",
    ),
    Setting(
        "legacy_client",
        asbool,
        "false",
        "Whether socket.io.js is the client of 0.9, for pages that load it by that name; today's "
        "is socket.io.min.js then.",
    ),
    Setting(
        "flash_swf",
        flash_folder,
        "",
        "Folder with WebSocketMain.swf, such as dist of socket.io-client 0.9 from npm, for pages "
        "that use flashsocket; empty: they get none.",
    ),
    Setting(
        "policy_server",
        address,
        "false",
        "Port, or host:port, of a server that tells Flash Player that it may connect; 10843 is "
        "where 0.9 clients look for it.",
    ),
    Setting(
        "ping_interval",
        seconds,
        "25",
        "Seconds between heartbeats; below the 30 after which some proxies cut idle connections.",
    ),
    Setting(
        "ping_timeout",
        seconds,
        "20",
        "Seconds an answer to a heartbeat may take; with the interval it bounds how late a "
        "disconnect is noticed.",
    ),
    Setting("upgrade_timeout", seconds, "10", "Seconds an upgrade to a WebSocket may take."),
    Setting(
        "connect_timeout",
        seconds,
        "45",
        "Seconds a connection may take to enter a namespace, before it is closed.",
    ),
    Setting(
        "close_timeout",
        seconds,
        "30",
        "Seconds a closed connection is kept for what is still to be fetched from it.",
    ),
    Setting("ack_timeout", seconds, "60", "Seconds call() waits for an answer if it is not told."),
    Setting(
        "disconnect_grace",
        seconds,
        "5",
        "Seconds on_disconnect waits for a handler of that client which still runs.",
    ),
    Setting(
        "max_http_buffer_size",
        count,
        "1_000_000",
        "Longest message or POST accepted, in bytes; told to clients as maxPayload.",
    ),
    Setting(
        "max_buffer_size",
        count,
        "10_000_000",
        "Bytes that may wait for one client; one that reads too slowly is disconnected.",
    ),
    Setting(
        "max_attachments",
        count,
        "10",
        "Binary attachments of one packet; official clients accept no more than 10 either.",
    ),
    Setting(
        "max_inbox",
        count,
        "1_000",
        "Events of one client that may wait for its handlers before nothing more is read from it.",
    ),
    Setting(
        "max_inbox_bytes",
        count,
        "4_000_000",
        "The same in bytes: what was received since its handlers last caught up.",
    ),
    Setting(
        "rate_limit",
        rate,
        "false",
        "Events one connection may send, such as 100/s burst 200; those beyond are refused.",
    ),
    Setting(
        "rate_limit_user",
        rate,
        "false",
        "The same for one user, over all connections; to find out who it is costs each connect.",
    ),
    Setting(
        "rate_limit_refusals",
        rate,
        "100/m",
        "Refused events after which a connection is closed for sending too much; false: never.",
    ),
    Setting(
        "max_handlers",
        count,
        "1_000",
        "Handlers that may be waiting for something at once, over all clients.",
    ),
    Setting(
        "handler_threads",
        count,
        "16",
        "Under an HTTP server with threads, such as waitress: native threads that handlers run in.",
    ),
    Setting(
        "waiting_polls",
        count_or_auto,
        "auto",
        "There, how many polls may wait for news, each in a thread of the HTTP server; the rest "
        "poll again and again. auto: half of waitress's threads, two elsewhere.",
    ),
    Setting(
        "cors_origins",
        origins,
        "",
        "Origins of pages, besides the application's own, that may connect; "
        "https://*.example.com is every host below it, * is any, then without cookies.",
    ),
    Setting(
        "allow_eio3",
        asbool,
        "false",
        "Whether clients of Socket.IO 1 and 2 are served, which speak Engine.IO 3; see the page "
        "on generations for what they cannot do.",
    ),
    Setting(
        "hide_eio3_ids",
        asbool,
        "false",
        "Whether those clients get public ids that differ from their socket.id, which is the "
        "secret they poll with: for applications that tell clients the ids of others.",
    ),
    Setting(
        "cookie",
        parse_cookie,
        "false",
        "Name of a cookie with the session id, for load balancers that need one; attributes may "
        "follow, as in io; SameSite=None; Secure.",
    ),
    Setting(
        "http_compression",
        threshold,
        "1024",
        "Poll answers from this many bytes are compressed; false: none.",
    ),
    Setting(
        "per_message_deflate",
        asbool,
        "false",
        "WebSocket compression: costs processor time, and memory for each connection.",
    ),
    Setting(
        "serve_client",
        asbool,
        "true",
        "Whether the official JavaScript client is served below the path.",
    ),
    Setting(
        "allow_request",
        function,
        "",
        "Dotted name of a function that gets each opening request and returns False, or a text "
        "that says why, to refuse it.",
    ),
    Setting(
        "cleanup_empty_child_namespaces",
        asbool,
        "true",
        "Whether a namespace that came from a pattern ends with its last client. Clients choose "
        "the names, so keeping them lets memory grow.",
    ),
    Setting(
        "json_default",
        function,
        "",
        "Dotted name of a function that turns objects JSON does not know into ones it does.",
    ),
    Setting(
        "recovery",
        asbool,
        "false",
        "Whether clients whose connection broke can come back as if it had not: same id, rooms "
        "and session, and what they missed. Adds an argument to each event.",
    ),
    Setting("recovery_seconds", seconds, "120", "Seconds such a client may stay away."),
    Setting(
        "recovery_buffer_size",
        count,
        "10_000_000",
        "Bytes of events kept for those who come back, for all of them together.",
    ),
    Setting(
        "recovery_skip_checks",
        asbool,
        "false",
        "Whether clients that come back are spared permissions and middlewares; on_connect is "
        "called in any case.",
    ),
    Setting(
        "parser",
        str,
        "json",
        "How packets are written: json, msgpack, or a dotted name of a parser. Clients must be "
        "told the same; they cannot ask.",
    ),
    *CLUSTER_SETTINGS,
    Setting(
        "max_subscriptions",
        count,
        "100",
        "Channels of Redis that one client may be subscribed to in one namespace.",
    ),
    Setting(
        "metrics",
        asbool,
        "false",
        "Whether this process counts what clients do, for Prometheus (metrics_view); off, nothing "
        "is counted and nothing costs.",
    ),
    Setting(
        "admin",
        asbool,
        "false",
        "Whether the official admin UI may connect; off, nothing is watched and nothing costs.",
    ),
    Setting(
        "admin_auth",
        one_of("basic", "none"),
        "basic",
        "How the admin UI logs in: basic asks for the name and password below, none for nothing.",
    ),
    Setting("admin_username", str, "", "The name that the admin UI logs in with."),
    Setting("admin_password", str, "", "The bcrypt hash of its password."),
    Setting("admin_namespace", str, "/admin", "The namespace that the admin UI connects to."),
    Setting(
        "admin_readonly", asbool, "false", "Whether admins may only look, and not do anything."
    ),
    Setting(
        "admin_mode",
        one_of("development", "production"),
        "development",
        "What admins see: in development every connection, room and event; in production "
        "statistics only, which cost far less.",
    ),
    Setting(
        "admin_server_id",
        str,
        "",
        "How the admin UI tells this process from others; empty: host name and process id.",
    ),
    *ACCESS,
)


def parse_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The ``sio.*`` settings, converted, without the prefix, complete with defaults.

    :raises ConfigurationError: a name nobody knows, or a value that cannot be
    """
    known = {setting.name for setting in SETTINGS}
    for key in settings:
        if key.startswith(PREFIX) and key[len(PREFIX) :] not in known:
            near = difflib.get_close_matches(key[len(PREFIX) :], known, n=1)
            hint = f"; did you mean {PREFIX}{near[0]}?" if near else ""
            raise ConfigurationError(f"unknown setting {key!r}{hint}")
    result = {}
    for setting in SETTINGS:
        value = settings.get(PREFIX + setting.name, setting.default)
        try:
            result[setting.name] = setting.convert(value)
        except (ValueError, TypeError) as exc:
            raise ConfigurationError(f"{PREFIX}{setting.name} = {value!r}: {exc}") from None
    return result
