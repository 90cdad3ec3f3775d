"""A server with namespaces for gevent-socketio: ``chat.py old|new <port>``.

``old`` runs them under gevent-socketio itself, ``new`` under this package. Nothing but the
imports differs. It runs in an environment that has nothing of the tests.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

import gevent
from gevent import monkey

monkey.patch_all()

if sys.argv[1] == "old":
    import inspect

    # Python 3.11 has lost what it asks for.
    inspect.getargspec = inspect.getfullargspec  # type: ignore[attr-defined]
    from socketio import socketio_manage, transports
    from socketio.mixins import BroadcastMixin, RoomsMixin
    from socketio.namespace import BaseNamespace
    from socketio.server import SocketIOServer

    # Its polling is of a time when texts were bytes. Beside that nothing of it is changed.
    def with_bytes(method: Any) -> Any:
        return lambda self, data="": method(self, as_bytes(data))

    def with_text(method: Any) -> Any:
        return lambda self, data: method(self, as_text(data))

    def as_bytes(data: Any) -> bytes:
        return data if isinstance(data, bytes) else data.encode()

    def as_text(data: Any) -> str:
        return data if isinstance(data, str) else data.decode()

    unquote = transports.unquote_plus
    transports.unquote_plus = lambda data: unquote(as_text(data))
    transports.BaseTransport.write = with_bytes(transports.BaseTransport.write)
    transports.JSONPolling.write = with_text(transports.JSONPolling.write)
    polling = transports.XHRPollingTransport
    polling.decode_payload = with_bytes(polling.decode_payload)
else:
    from pyramid_sio.compat.gevent_socketio import (  # type: ignore[assignment]
        BaseNamespace,
        BroadcastMixin,
        RoomsMixin,
        SocketIOServer,
        socketio_manage,
    )


def passing(func: Any) -> Any:
    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return wrapper


class Main(BaseNamespace):
    """The main namespace; ``sync`` tells that all before it has been handled."""

    was_connected = False

    def recv_connect(self) -> None:
        self.was_connected = True

    def on_was_connected(self) -> bool:
        return self.was_connected

    def on_sync(self, number: int) -> None:
        self.emit("synced", number)

    def recv_error(self, packet: dict[str, Any]) -> None:
        self.emit("recv_error", packet)

    def on_sibling(self, text: str) -> None:
        self.socket["/chat"].emit("from main", text)


class Inherited(BaseNamespace):
    def initialize(self) -> None:
        self.session.setdefault("initialized", []).append("Inherited")


class Chat(Inherited, RoomsMixin, BroadcastMixin):
    nick = ""

    def recv_connect(self) -> None:
        self.emit("welcome", self.ns_name)

    def recv_disconnect(self) -> None:
        if self.nick:
            self.broadcast_event_not_me("left", self.nick)
        self.disconnect(silent=True)

    def recv_message(self, data: str) -> str:
        self.emit("heard", data)
        return "heard"

    def recv_json(self, data: Any) -> Any:
        return {"heard": data}

    def on_nick(self, nick: str) -> None:
        self.nick = nick
        self.session["nick"] = nick

    def on_session(self) -> Any:
        return {key: self.session[key] for key in ("nick", "initialized") if key in self.session}

    def on_echo(self, *args: Any) -> tuple[Any, ...]:
        return args

    def on_list(self) -> list[Any]:
        return [1, [2]]

    def on_nothing(self) -> None:
        pass

    def on_reflect(self, *args: Any) -> None:
        self.emit("reflected", *args)

    def on_two_words(self, first: Any, second: Any = "default") -> Any:
        return [first, second]

    def on_raw(self, packet: dict[str, Any]) -> Any:
        return packet

    def on_fail(self) -> None:
        raise RuntimeError("as asked")

    @passing
    def on_wrapped(self, text: str) -> str:
        return text

    def on_ask(self, question: Any) -> None:
        self.emit("question", question, callback=lambda *args: self.emit("answered", *args))

    def on_send(self) -> None:
        self.send("a text")
        self.send({"an": "object"}, json=True)

    def on_send_and_ask(self) -> None:
        self.send("got it?", callback=lambda: self.emit("it has"))

    def on_later(self, text: str) -> None:
        def job() -> None:
            gevent.sleep(0)
            self.emit("later", text)

        self.spawn(job).join()

    def on_join(self, room: str) -> None:
        self.join(room)

    def on_leave(self, room: str) -> None:
        self.leave(room)

    def on_say(self, room: str, text: str) -> None:
        self.emit_to_room(room, "said", text)

    def on_all(self, text: str) -> None:
        self.broadcast_event("to all", text)

    def on_others(self, text: str) -> None:
        self.broadcast_event_not_me("to others", text)

    def on_error_with_id(self, packet: dict[str, Any]) -> None:
        self.error("named", "a sentence", msg_id=packet["id"])

    def on_error_here(self) -> None:
        self.error("named", "a sentence")

    def on_kick(self) -> None:
        self.disconnect()

    def on_end(self) -> None:
        self.socket.disconnect()


class Careful(BaseNamespace):
    """Knows who may what, and catches what goes wrong."""

    def get_initial_acl(self) -> set[str]:
        return {"recv_connect", "on_open", "on_close", "on_lift", "on_divide"}

    def exception_handler_decorator(self, func: Any) -> Any:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            try:
                return func(*args, **kwargs)
            except ZeroDivisionError:
                self.emit("caught")

        return wrapper

    def on_open(self) -> None:
        self.add_acl_method("on_treasure")

    def on_close(self) -> None:
        self.reset_acl()

    def on_lift(self) -> None:
        self.lift_acl_restrictions()

    def on_treasure(self) -> str:
        return "gold"

    def on_divide(self) -> float:
        return 1 / 0


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    if environ["PATH_INFO"].startswith("/socket.io"):
        socketio_manage(environ, {"": Main, "/chat": Chat, "/careful": Careful}, request={})
    start_response("200 OK", [])
    return [b""]


server = SocketIOServer(("127.0.0.1", int(sys.argv[2])), app, policy_server=False)
server.start()
print("ready", flush=True)
server.serve_forever()
