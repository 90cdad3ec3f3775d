"""One worker at work: serves like a server that is alone, and does what the supervisor says.

Upstream: ``serve``, in a worker. Downstream: ``http.server``; ``workers.handover``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import gevent
from gevent import socket as gevent_socket
from gevent.event import Event

from pyramid_sio.workers.asking import Asking
from pyramid_sio.workers.handover import Handover
from pyramid_sio.workers.member import Lines, Member
from pyramid_sio.workers.watchdog import dump_when_told

if TYPE_CHECKING:
    from pyramid_sio.http.server import HttpServer

#: Seconds that the others may take to say what they hear, before this worker serves anyway.
SETTLING = 2.0
#: Seconds that the others may take to pass on nothing more to one that ends.
FORGETTING = 2.0
#: Seconds between two looks for files that have been loaded, for ``pserve --reload``.
FILES_INTERVAL = 1.0


def run(server: HttpServer, member: Member) -> None:
    """Serve until the supervisor, or SIGTERM, says that it is enough."""
    handover = Handover(member, server.adopt, patience=server.idle_timeout)
    server.handover = handover
    server.owns_address = False
    ears = Ears(server, member)
    asking = member.asking = Asking(member)
    welcome = Event()
    greenlets = [gevent.spawn(_obey, server, member, handover, ears, welcome)]
    if member.beat:
        dump_when_told()
        greenlets.append(gevent.spawn(_beat, member))
    if _is_watched():
        greenlets.append(gevent.spawn(_tell_files, member))

    def prepare() -> None:
        # Nobody may have a session here before all others can reach it.
        handover.start()
        asking.start()
        member.tell(present=True)
        welcome.wait(SETTLING)
        if member.bus is not None:
            member.bus.wait_settled(SETTLING)
        member.tell(ready=True, joined=member.joined or "nothing")

    try:
        server.serve_until_stopped(prepare)
    finally:
        ears.close()
        handover.close()
        asking.close()
        gevent.killall(greenlets)


def _obey(
    server: HttpServer, member: Member, handover: Handover, ears: Ears, welcome: Event
) -> None:
    """Do what the supervisor says; when it is gone, there is nothing to stay for."""
    control = gevent_socket.socket(fileno=member.control.detach())
    member.control = control
    lines = Lines()
    while data := control.recv(65536):
        for order in lines.feed(data):
            if "members" in order:
                member.set_members(order["members"])
                member.serving = order["serving"]
                handover.keep(frozenset(order["doors"]))
                ears.set(order["listen"])
                welcome.set()
            if "retire" in order:
                handover.successor = order["successor"]
                ears.close()
                server.close()
                gevent.spawn(_retire, server, member, handover, order["retire"])
            if "stop" in order:
                ears.close()
                server.finish()
    ears.close()
    server.finish()


def _retire(server: HttpServer, member: Member, handover: Handover, seconds: float) -> None:
    """Send all clients to the successor, then end. Nobody is left without an answer.

    :param seconds: over which clients are told to go
    """
    server.dismiss(seconds, owes=lambda: any(owes() for owes in member.owes))
    handover.shut_door()
    member.tell(gone=True)
    handover.wait_forgotten(FORGETTING)
    handover.pass_on_all()
    server.finish()


def _beat(member: Member) -> None:
    """Tell the supervisor that greenlets run here; see ``workers.watchdog``."""
    while True:
        member.tell(alive=True)
        gevent.sleep(member.beat)


class Ears:
    """Listens on the sockets of workers that are gone, until their successors serve.

    The kernel goes on to spread connections over all sockets.
    """

    def __init__(self, server: HttpServer, member: Member) -> None:
        self._server = server
        self._member = member
        self._watchers: dict[int, Any] = {}

    def set(self, slots: Any) -> None:
        """Listen on the sockets of these slots, and on no others but our own."""
        for slot in set(self._watchers) - set(slots):
            watcher = self._watchers.pop(slot)
            watcher.stop()
            watcher.close()
        own = self._member.listeners[self._member.slot]
        for slot in set(slots) - set(self._watchers) if own.fileno() >= 0 else ():
            listener = self._member.listeners[slot]
            if listener is not own:
                watcher = gevent.get_hub().loop.io(listener.fileno(), 1)
                watcher.start(self._accept, listener)
                self._watchers[slot] = watcher

    def close(self) -> None:
        """Listen no more: who keeps a socket keeps its port."""
        self.set(())
        for listener in self._member.listeners:
            listener.close()

    def _accept(self, listener: Any) -> None:
        """Take one connection; several workers may be after it."""
        try:
            descriptor, address = listener._accept()
        except OSError:
            return
        self._server.do_handle(gevent_socket.socket(fileno=descriptor), address)


def _is_watched() -> bool:
    """Does ``pserve --reload`` restart this server when a file changes?"""
    hupper = sys.modules.get("hupper")
    return hupper is not None and hupper.is_active()


def _tell_files(member: Member) -> None:
    """Tell the supervisor which files have been loaded: it has not loaded the application."""
    told: set[str] = set()
    while True:
        files = {
            file
            for module in list(sys.modules.values())
            if (file := getattr(module, "__file__", None))
        }
        if files - told:
            member.tell(files=sorted(files - told))
            told |= files
        gevent.sleep(FILES_INTERVAL)
