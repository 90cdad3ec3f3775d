"""Everything that can go wrong, by who is at fault, and how a connection can end.

One exception tree and one enum of reasons. Code raises the child that says what
happened, where it is known; only two places convert: :func:`http_answer` (a refused
HTTP request) and :attr:`ProtocolError.reason` (the end of a session).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class DisconnectReason(StrEnum):
    """Why a connection ended, in the words every Socket.IO server and client uses.

    The values reach ``on_disconnect(self, reason)`` and compare equal to plain strings.
    """

    TRANSPORT_ERROR = "transport error"
    TRANSPORT_CLOSE = "transport close"
    FORCED_CLOSE = "forced close"
    FORCED_SERVER_CLOSE = "forced server close"
    PING_TIMEOUT = "ping timeout"
    PARSE_ERROR = "parse error"
    CLIENT_NAMESPACE_DISCONNECT = "client namespace disconnect"
    SERVER_NAMESPACE_DISCONNECT = "server namespace disconnect"
    SERVER_SHUTTING_DOWN = "server shutting down"
    #: The client did not read what was sent to it (no counterpart in Node's server).
    SLOW_CLIENT = "slow client"
    #: The client went on sending more than a limit allows (no counterpart either).
    RATE_LIMITED = "rate limited"
    #: Its user may not be here any more (no counterpart either).
    PERMISSION_REVOKED = "permission revoked"


class SioError(Exception):
    """Root of everything this package raises on purpose."""


class ProtocolError(SioError):
    """The peer broke the rules; its session ends with :attr:`reason`."""

    reason = DisconnectReason.PARSE_ERROR


class HeartbeatDirectionError(ProtocolError):
    """The peer sent a heartbeat that only this side may send."""

    reason = DisconnectReason.TRANSPORT_ERROR


class OverlapError(ProtocolError):
    """The peer has two polls, or two writes, in flight at once."""

    reason = DisconnectReason.TRANSPORT_ERROR


class LimitExceeded(ProtocolError):
    """The peer sent more than a limit allows; the message names the limit."""

    reason = DisconnectReason.TRANSPORT_ERROR


class SlowClient(ProtocolError):
    """The peer does not read what is sent to it; the message names the limit."""

    reason = DisconnectReason.SLOW_CLIENT


class RequestRefused(SioError):
    """An HTTP request that gets no session; one child per code of the specification."""

    code = 3
    status = 400
    message = "Bad request"

    def __init__(self, message: str | None = None, *, detail: str = "") -> None:
        super().__init__(message or self.message)
        self.message = message or self.message
        #: For the log, never for the peer.
        self.detail = detail


class UnknownTransport(RequestRefused):
    code = 0
    message = "Transport unknown"


class UnknownSession(RequestRefused):
    code = 1
    message = "Session ID unknown"


class BadHandshakeMethod(RequestRefused):
    code = 2
    message = "Bad handshake method"


class BadRequest(RequestRefused):
    code = 3
    message = "Bad request"


class ForbiddenRequest(RequestRefused):
    code = 4
    status = 403
    message = "Forbidden"


class UnsupportedVersion(RequestRefused):
    code = 5
    message = "Unsupported protocol version"


class ServerUnsuited(RequestRefused):
    """Not the client's fault: the HTTP server cannot do what is needed."""

    status = 503
    message = "this server answers one request at a time, which is too few for Socket.IO"


def http_answer(refusal: RequestRefused) -> tuple[int, dict[str, Any]]:
    """What a refused request is told: the HTTP status and the JSON body.

    Source: Engine.IO protocol, revision 4, "HTTP long-polling", error codes.
    """
    return refusal.status, {"code": refusal.code, "message": refusal.message}


class SessionClosed(SioError):
    """Something was asked of a connection that has ended; the message is the reason."""


class ConnectRefused(SioError):
    """Raised in ``on_connect``: the client gets CONNECT_ERROR with this message.

    :param message: what the client sees as ``err.message``
    :param data: what it sees as ``err.data``; left out when None
    """

    def __init__(self, message: str = "refused", data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class AckTimeout(SioError):
    """Nobody, or not everybody, acknowledged in time.

    :param responses: the answers that did come, for a broadcast
    """

    def __init__(self, message: str = "operation has timed out", responses: Any = ()) -> None:
        super().__init__(message)
        #: The answers that did come.
        self.responses = list(responses)


class EventError(SioError):
    """An event that cannot be handled; its sender is told why, and nothing is logged as a fault.

    Raised by the server if arguments don't fit, and by handlers: ``raise EventError("sold out")``
    answers ``{"error": "sold out"}``.
    """

    @property
    def answer(self) -> Any:
        """The acknowledgement its sender gets."""
        return {"error": str(self)}

    @property
    def complaint(self) -> str:
        """What the log says."""
        return str(self)


class ArgumentError(EventError):
    """An argument of an event is not what the handler's annotation asks for.

    :param event: the event's name
    :param argument: the name of the handler's parameter
    :param path: where in the argument, as ``$.x[0]``; ``$`` is the argument itself
    :param text: what was expected there, and what came
    """

    def __init__(self, event: str | int, argument: str, path: str, text: str) -> None:
        where = "" if path == "$" else f" at {path}"
        super().__init__(f"argument {argument!r}{where}: {text}")
        self.event = event
        self.argument = argument
        self.path = path

    @property
    def place(self) -> dict[str, Any]:
        """Where it is, for the client."""
        return {"argument": self.argument, "path": self.path}

    @property
    def answer(self) -> Any:
        return {"error": str(self), **self.place}

    @property
    def complaint(self) -> str:
        # The text may quote what was sent.
        return f"argument {self.argument!r} of event {self.event!r} does not fit at {self.path}"


class RateLimited(EventError):
    """An event came too soon after others; it is not handled.

    :param limit: of what there were too many: of this ``connection``, ``user`` or ``event``
    :param rate: how many there may be
    :param event: the handler's name for the event, if that is limited
    """

    def __init__(self, limit: str, rate: str, event: str | int | None = None) -> None:
        super().__init__("rate limit exceeded")
        self.limit = limit
        self.rate = rate
        self.event = event

    @property
    def answer(self) -> dict[str, Any]:
        return {"error": str(self), "limit": self.limit}

    @property
    def complaint(self) -> str:
        return self.rate if self.event is None else f"{self.rate} of {self.event!r}"


class ShapedError(EventError):
    """Something went wrong, and the application has said what the client is told about it.

    :param answer: the acknowledgement: of a refused connect, its message and data
    :param original: what was raised
    :param failed: True if it is a fault of the application, for the log; False for a refusal
    """

    def __init__(self, answer: Any, original: BaseException, *, failed: bool) -> None:
        told = answer.get("error", answer.get("message")) if isinstance(answer, dict) else answer
        super().__init__(told if isinstance(told, str) else "refused")
        self.original = original
        self.failed = failed
        self._answer = answer

    @property
    def answer(self) -> Any:
        return self._answer

    @property
    def refusal(self) -> ConnectRefused:
        """The same, for a client that wanted in."""
        plain = self._answer == {"error": str(self)} or self._answer == str(self)
        return ConnectRefused(str(self), None if plain else self._answer)

    @property
    def complaint(self) -> str:
        # What the client is told may quote what it sent.
        return type(self.original).__name__


class AdapterError(SioError):
    """Other servers, or Redis, could not be reached; the message says what was wrong."""
