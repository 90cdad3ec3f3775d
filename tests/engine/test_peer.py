from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from ssl import SSLWantReadError
from typing import Any

import gevent
import pytest
from gevent import socket as gevent_socket

from pyramid_sio.engine.peer import LONGEST_ALERT, Peer
from tests.fakes import until


class Server:
    def __init__(self) -> None:
        self.engines: set[Any] = set()


class Handler:
    """As much of gevent's handler of one HTTP connection as a peer knows."""

    def __init__(self, sock: Any, rfile: Any) -> None:
        self.server = Server()
        self.socket = sock
        self.rfile = rfile
        self.detached = False
        self.delivery: Any = None

    def detach_socket(self) -> None:
        self.detached = True
        self.socket = None


class Tls:
    """A TLS connection: it has ``pending``, and is looked at through the socket below."""

    def __init__(self, sock: Any) -> None:
        self._plain = sock
        self._sock = sock._sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    def pending(self) -> int:
        return 0


@pytest.fixture
def pair() -> Iterator[tuple[Any, socket.socket]]:
    """The server's end as gevent has it, and the client's."""
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    accepted, _ = listener.accept()
    family, kind, proto = accepted.family, accepted.type, accepted.proto
    server = gevent_socket.socket(family, kind, proto, fileno=accepted.detach())
    with closing(listener), closing(client), closing(server):
        yield server, client


class TestTakeOver:
    def test_what_was_read_already_is_handed_over(self, pair: tuple[Any, socket.socket]) -> None:
        server, client = pair
        client.sendall(b"GET / HTTP/1.1\r\n\r\nframes")
        rfile = server.makefile("rb")
        while rfile.readline() != b"\r\n":
            pass
        handler = Handler(server, rfile)

        sock, leftover = Peer(handler).take_over()

        with closing(sock):
            assert leftover == b"frames"
            assert handler.detached
            assert server.fileno() == -1, "nobody else closes it"
            with pytest.raises(BlockingIOError):
                sock.recv(1)
            sock.send(b"hello")
            assert client.recv(10) == b"hello"

    def test_nothing_more_came(self, pair: tuple[Any, socket.socket]) -> None:
        server, _ = pair
        sock, leftover = Peer(Handler(server, server.makefile("rb"))).take_over()
        sock.close()
        assert leftover == b""

    def test_tls_keeps_its_object(self, pair: tuple[Any, socket.socket]) -> None:
        server, _ = pair
        tls = Tls(server)
        sock, leftover = Peer(Handler(tls, io.BufferedReader(io.BytesIO(b"x")))).take_over()
        assert sock is tls
        assert leftover == b"x"

    def test_tls_in_the_middle_of_a_record(self, pair: tuple[Any, socket.socket]) -> None:
        class Undecided:
            def peek(self, size: int) -> bytes:
                raise SSLWantReadError

        server, _ = pair
        _, leftover = Peer(Handler(Tls(server), Undecided())).take_over()
        assert leftover == b""

    def test_a_unix_socket_has_no_delay_to_turn_off(self) -> None:
        ours, theirs = gevent_socket.socketpair()
        with closing(theirs):
            sock, _ = Peer(Handler(ours, ours.makefile("rb"))).take_over()
            sock.close()


class TestWhenGone:
    def watch(self, sock: Any) -> tuple[list[str], Callable[[], None]]:
        log: list[str] = []
        end = Peer(Handler(sock, None)).when_gone(lambda: log.append("gone"))
        return log, end

    def test_told_when_the_client_hangs_up(self, pair: tuple[Any, socket.socket]) -> None:
        server, client = pair
        log, end = self.watch(server)
        client.close()
        until(lambda: log)
        end()
        assert log == ["gone"]

    def test_told_when_it_is_reset(self, pair: tuple[Any, socket.socket]) -> None:
        server, client = pair
        log, end = self.watch(server)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        until(lambda: log)
        end()
        assert log == ["gone"]

    def test_a_further_request_is_no_goodbye(self, pair: tuple[Any, socket.socket]) -> None:
        server, client = pair
        log, end = self.watch(server)
        client.sendall(b"GET / HTTP/1.1\r\n")
        for _ in range(5):
            gevent.sleep(0.001)
        end()
        assert log == []
        assert server.recv(100) == b"GET / HTTP/1.1\r\n", "it was looked at, not taken"

    def test_nothing_after_the_end(self, pair: tuple[Any, socket.socket]) -> None:
        server, client = pair
        log, end = self.watch(server)
        end()
        client.close()
        for _ in range(5):
            gevent.sleep(0.001)
        assert log == []

    @pytest.mark.parametrize(
        ("length", "gone"), [(LONGEST_ALERT, True), (LONGEST_ALERT + 1, False), (2, True)]
    )
    def test_a_short_tls_record_is_an_alert(
        self, pair: tuple[Any, socket.socket], length: int, gone: bool
    ) -> None:
        server, client = pair
        log, end = self.watch(Tls(server))
        client.sendall(b"\x17\x03\x03" + length.to_bytes(2, "big") + bytes(length))
        if gone:
            until(lambda: log)
        else:
            for _ in range(5):
                gevent.sleep(0.001)
        end()
        assert log == ["gone"] * gone

    def test_woken_for_nothing(self, pair: tuple[Any, socket.socket]) -> None:
        """Somebody else, woken at the same time, has read what there was."""
        server, client = pair
        taken: list[bytes] = []
        other = gevent.get_hub().loop.io(server.fileno(), 1)
        other.start(lambda: taken.append(server._sock.recv(10)) or other.stop())
        log, end = self.watch(server)
        client.sendall(b"x")
        until(lambda: taken)
        for _ in range(5):
            gevent.sleep(0.001)
        end()
        other.close()
        assert taken == [b"x"]
        assert log == []


def test_knows_the_engines_of_the_server(pair: tuple[Any, socket.socket]) -> None:
    handler = Handler(pair[0], None)
    assert Peer(handler).engines is handler.server.engines


class Followed:
    """An answer that is followed.

    :param server: the end it is written to
    """

    def __init__(self, server: Any) -> None:
        self.server = server
        self.handler = Handler(server, None)
        self.peer = Peer(self.handler)
        self.losses = 0
        self.delivery = self.peer.follow(self._count)

    def _count(self) -> None:
        self.losses += 1

    def overfill(self) -> None:
        """Write more than the client's system takes."""
        self.server._sock.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                self.server._sock.send(bytes(65536))


class TestDelivery:
    @pytest.fixture
    def client(self) -> Iterator[socket.socket]:
        """One whose system takes only a little that it has not read."""
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            yield client

    @pytest.fixture
    def answer(self, client: socket.socket) -> Iterator[Followed]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client.connect(listener.getsockname())
            accepted, _ = listener.accept()
        kind = (accepted.family, accepted.type, accepted.proto)
        with closing(gevent_socket.socket(*kind, fileno=accepted.detach())) as server:
            yield Followed(server)

    def test_client_that_goes_without_it(self, answer: Followed, client: socket.socket) -> None:
        assert answer.handler.delivery is answer.delivery
        answer.overfill()
        answer.delivery.look()
        assert answer.losses == 0

        client.close()
        until(answer.peer.is_gone, what="the end")
        answer.delivery.look()
        answer.delivery.look()
        answer.delivery.fail()
        assert answer.losses == 1

    def test_client_that_goes_with_it(self, answer: Followed, client: socket.socket) -> None:
        answer.server.sendall(b"answer")
        assert client.recv(6) == b"answer"
        client.close()
        until(answer.peer.is_gone, what="the end")
        answer.delivery.look()
        assert answer.losses == 0

    def test_that_cannot_be_written(self, answer: Followed) -> None:
        answer.delivery.fail()
        answer.delivery.fail()
        assert answer.losses == 1

    def test_nothing_is_heard_once_it_has_arrived(
        self, answer: Followed, client: socket.socket
    ) -> None:
        answer.overfill()
        answer.delivery.confirm()
        client.close()
        until(answer.peer.is_gone, what="the end")
        answer.delivery.look()
        answer.delivery.fail()
        assert answer.losses == 0

    def test_on_a_connection_that_somebody_has_closed(self, answer: Followed) -> None:
        answer.overfill()
        answer.server.close()
        answer.delivery.look()
        del answer.handler.socket
        answer.delivery.look()
        assert answer.losses == 0

    def test_where_nobody_can_say_what_has_arrived(
        self, answer: Followed, client: socket.socket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*args: Any) -> bytes:
            raise OSError("no such request")

        answer.overfill()
        client.close()
        until(answer.peer.is_gone, what="the end")
        monkeypatch.setattr("fcntl.ioctl", refuse)
        answer.delivery.look()
        assert answer.losses == 0
