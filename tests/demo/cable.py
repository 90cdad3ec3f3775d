"""A cable between a browser and a server that can be cut without the server noticing."""

from __future__ import annotations

import contextlib
import socket
import threading


class Cable:
    """Listens at ``url`` and passes everything on to a server of this machine.

    :param port: the server's
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._near: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, *, unnoticed: bool = False) -> None:
        """End every connection; ``unnoticed``: on the server's side they go on, silently."""
        with self._lock:
            near, self._near = self._near, []
            ends = near if unnoticed else list(self._sockets)
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for end in self._sockets:
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                browser, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                with self._lock:
                    self._sockets += [browser, server]
                    self._near.append(browser)
                threading.Thread(target=self._pump, args=(browser, server), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, browser), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            # The server's end tells the browser; the browser's end, nobody.
            if source not in self._near and sink in self._near:
                sink.shutdown(socket.SHUT_RDWR)
