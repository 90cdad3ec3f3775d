"""The Python server that pyramid_sio is measured against: the handlers of bench/server.py,
without the one that asks everybody, which python-socketio cannot do.

usage: python python_peer.py PORT
"""
# ruff: noqa: E402 - gevent patches the standard library before anything else imports it.

from gevent import monkey

monkey.patch_all()

import sys

from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler
from socketio import Server, WSGIApp

server = Server(async_mode="gevent")


def echo(sid: str, text: str) -> str:
    return text


def broadcast(sid: str, text: str) -> None:
    server.emit("message", text)


server.on("echo", echo)
server.on("broadcast", broadcast)

if __name__ == "__main__":
    address = ("127.0.0.1", int(sys.argv[1]))
    WSGIServer(
        address, WSGIApp(server), handler_class=WebSocketHandler, log=None, backlog=4096
    ).serve_forever()
