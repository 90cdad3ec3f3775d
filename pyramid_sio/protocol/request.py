"""What an HTTP request asks of Engine.IO, from its method and query string.

Upstream: the view. Downstream: nothing; the session it names is looked up by the caller.

Source: Engine.IO protocol, revision 4, "HTTP long-polling" and "Error codes".
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import parse_qsl

from pyramid_sio.errors import BadHandshakeMethod, BadRequest, UnknownTransport, UnsupportedVersion

#: No client sends more than six of its own; the rest is the application's.
MAX_FIELDS = 100

#: Exactly these spellings; ``04`` is no 4.
_REVISIONS = {"3": 3, "4": 4}

_UPGRADE_YOUR_CLIENT = "; the client must be a Socket.IO client of version 3 or 4"

#: What an ``EIO`` that is not 4 tells about the client, for the log.
_WHO_SENDS = {
    None: "the request has no EIO parameter: no Socket.IO client, or one older than 1.0",
    "1": "EIO=1 is sent by Engine.IO clients older than 0.7",
    "2": "EIO=2 is sent by Engine.IO clients older than 1.0",
    "3": "EIO=3 is sent by Socket.IO clients of version 1 and 2",
}


class EngineRequest(NamedTuple):
    """One request, understood as far as that needs no session.

    :param transport: an enabled transport's name
    :param sid: the session it names; None asks for a new one
    :param revision: the Engine.IO revision, 3 or 4; 0 for any other ``EIO``. Always 4 without
        ``sid``; with one, the caller compares it with the session's
    :param method: the HTTP method
    :param upgrade: True if it asks to become a WebSocket
    """

    transport: str
    sid: str | None
    revision: int
    method: str
    upgrade: bool


def parse_request(
    *, method: str, query_string: str, upgrade: bool, transports: Collection[str]
) -> EngineRequest:
    """Tell what is asked, and refuse what no session could answer.

    With a ``sid`` only the transport is checked here: an unknown session must be reported before
    a transport or a revision that does not match it.

    :param query_string: raw, as in WSGI's ``QUERY_STRING``
    :param upgrade: True if the request's headers ask for a WebSocket
    :param transports: the enabled ones
    :raises UnknownTransport: it is missing, or not enabled
    :raises BadHandshakeMethod: a new session is opened by GET only
    :raises BadRequest: a new session whose transport and upgrade header disagree
    :raises UnsupportedVersion: a new session of another revision than 4
    """
    query = parse_query(query_string)
    transport = query.get("transport")
    if transport is None or transport not in transports:
        raise UnknownTransport(detail=f"transport={_quote(transport)}")
    sid = query.get("sid") or None
    eio = query.get("EIO")
    revision = _REVISIONS.get(eio or "", 0)
    if sid is None:
        if method != "GET":
            raise BadHandshakeMethod(detail=f"{_quote(method)} without sid")
        if upgrade != (transport == "websocket"):
            problem = "an upgrade" if upgrade else "no upgrade"
            raise BadRequest(detail=f"transport={transport}, but the request asks for {problem}")
        if revision != 4:
            detail = _WHO_SENDS.get(eio) or f"EIO={_quote(eio)} is no known revision"
            raise UnsupportedVersion(detail=detail + _UPGRADE_YOUR_CLIENT)
    return EngineRequest(transport, sid, revision, method, upgrade)


def parse_query(query_string: str, *, max_fields: int = MAX_FIELDS) -> dict[str, str]:
    """Names and values of a query string, decoded; of a repeated name the last one wins.

    :param query_string: raw; what is not ASCII in it is taken as UTF-8 in WSGI's disguise
    :param max_fields: how many fields are accepted
    :raises BadRequest: there are more
    """
    if "%" not in query_string and "+" not in query_string and query_string.isascii():
        # What clients send is nearly always as plain as this.
        parts = [part for part in query_string.split("&") if part]
        if len(parts) > max_fields:
            raise BadRequest(detail=f"more than {max_fields} fields in the query string")
        return {name: value for name, _, value in (part.partition("=") for part in parts)}
    if not query_string.isascii():
        query_string = query_string.encode("latin-1", "replace").decode("utf-8", "replace")
    try:
        fields = parse_qsl(query_string, keep_blank_values=True, max_num_fields=max_fields)
    except ValueError:
        raise BadRequest(detail=f"more than {max_fields} fields in the query string") from None
    return dict(fields)


def _quote(text: str | None) -> str:
    """A peer's word for the log: on one line, and not long."""
    return repr(text[:40] if text else text)
