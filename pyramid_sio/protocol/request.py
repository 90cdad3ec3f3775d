"""What an HTTP request asks of Engine.IO, from its method and query string.

Upstream: the view. Downstream: nothing; the session it names is looked up by the caller.

Source: Engine.IO protocol, revisions 4 and 3, "HTTP long-polling" and "Error codes".
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import parse_qsl

from pyramid_sio.errors import BadHandshakeMethod, BadRequest, UnknownTransport, UnsupportedVersion

#: No client sends more than six of its own; the rest is the application's.
MAX_FIELDS = 100

# str.isdigit() knows those of every script.
_DIGITS = frozenset("0123456789")
#: Digits of the number of a JSONP function.
_MAX_INDEX = 9


class Generation(NamedTuple):
    """Clients that speak alike, told by what they send.

    :param revision: the Engine.IO revision; 0: one that this server does not know
    :param who: what a request of theirs looks like, and who sends it
    :param remedy: what is to be done about a client that is not served
    """

    revision: int
    who: str
    remedy: str


_NEWER_CLIENT = "use a Socket.IO client of version 3 or 4"
_ALLOW = f"set sio.allow_eio3 = true on the server, or {_NEWER_CLIENT}"
_UNKNOWN = Generation(0, "EIO has a value that no Socket.IO client sends", _NEWER_CLIENT)

#: By the parameter ``EIO``, exactly so: ``04`` is no 4. None: the request has none.
GENERATIONS = {
    "4": Generation(4, "EIO=4 is sent by Socket.IO clients of version 3 and 4", _NEWER_CLIENT),
    "3": Generation(3, "EIO=3 is sent by Socket.IO clients of version 1 and 2", _ALLOW),
    "2": Generation(0, "EIO=2 is sent by Engine.IO clients older than 1.0", _NEWER_CLIENT),
    "1": Generation(0, "EIO=1 is sent by Engine.IO clients older than 0.7", _NEWER_CLIENT),
    # Servers of Socket.IO 1 and 2 did not look at it, so programs of that time leave it out.
    None: Generation(3, "no EIO is sent by some clients for Socket.IO 1 and 2", _ALLOW),
}


class EngineRequest(NamedTuple):
    """One request, understood as far as that needs no session.

    :param transport: an enabled transport's name
    :param sid: the session it names; None asks for a new one
    :param revision: the Engine.IO revision. Without ``sid`` one that is served; with one it may
        be any, 0 included, and the caller compares it with the session's
    :param method: the HTTP method
    :param upgrade: True if it asks to become a WebSocket
    :param binary: False if the client says that it cannot take binary
    :param jsonp: where a page that loads answers as scripts waits for them; None: it does not
    """

    transport: str
    sid: str | None
    revision: int
    method: str
    upgrade: bool
    binary: bool = True
    jsonp: str | None = None


def parse_request(
    *,
    method: str,
    query_string: str,
    upgrade: bool,
    transports: Collection[str],
    revisions: Collection[int] = (4,),
) -> EngineRequest:
    """Tell what is asked, and refuse what no session could answer.

    With a ``sid`` only the transport is checked here: an unknown session must be reported before
    a transport or a revision that does not match it.

    :param query_string: raw, as in WSGI's ``QUERY_STRING``
    :param upgrade: True if the request's headers ask for a WebSocket
    :param transports: the enabled ones
    :param revisions: those that are served
    :raises UnknownTransport: it is missing, or not enabled
    :raises BadHandshakeMethod: a new session is opened by GET only
    :raises BadRequest: a new session whose transport and upgrade header disagree
    :raises UnsupportedVersion: a new session of a revision that is not served
    """
    query = parse_query(query_string)
    transport = query.get("transport")
    if transport is None or transport not in transports:
        raise UnknownTransport(detail=f"transport={_quote(transport)}")
    sid = query.get("sid") or None
    eio = query.get("EIO")
    generation = GENERATIONS.get(eio, _UNKNOWN)
    if sid is None:
        if method != "GET":
            raise BadHandshakeMethod(detail=f"{_quote(method)} without sid")
        if upgrade != (transport == "websocket"):
            problem = "an upgrade" if upgrade else "no upgrade"
            raise BadRequest(detail=f"transport={transport}, but the request asks for {problem}")
        if generation.revision not in revisions:
            _, who, remedy = generation
            raise UnsupportedVersion(
                f"{UnsupportedVersion.message}: {who}; {remedy}",
                detail=f"EIO={_quote(eio)}: {who}; {remedy}",
            )
    binary = not query.get("b64")
    jsonp = _jsonp_index(query.get("j"), generation.revision)
    return EngineRequest(transport, sid, generation.revision, method, upgrade, binary, jsonp)


def _jsonp_index(text: str | None, revision: int) -> str | None:
    """Which of the page's functions wants the answers: digits, whatever else is sent.

    :raises BadRequest: it is none, or of a revision whose clients need no JSONP
    """
    if text is None:
        return None
    if revision != 3:
        raise BadRequest(detail="JSONP is for clients of revision 3 only")
    digits = "".join(char for char in text if char in _DIGITS)
    if not 0 < len(digits) <= _MAX_INDEX:
        raise BadRequest(detail=f"j={_quote(text)} is no number of a JSONP function")
    return digits


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
