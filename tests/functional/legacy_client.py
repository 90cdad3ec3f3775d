"""A client of Socket.IO 0.9 in Python: ``socketIO-client`` 0.5.5, run in an environment of its own.

Prints a line for all that happens, until it is killed: ``python legacy_client.py PORT TRANSPORT``.
"""

import sys

from socketIO_client import BaseNamespace, SocketIO

ODD = {"a": [1, "é\u2028☃"], "b": "a:b\n+"}


def say(*words):
    print(*(repr(word) for word in words), flush=True)


class Main(BaseNamespace):
    def on_connect(self):
        say("connect", self.path)
        self.emit("echo", ODD, 2, lambda *args: say("ack", *args))
        self.message("hello", lambda *args: say("seen", *args))

    on_reconnect = on_connect

    def on_message(self, data):
        say("message", data)

    def on_error(self, reason, advice):
        say("error", reason, advice)
        lost.append(True)

    def on_disconnect(self):
        say("disconnect", self.path)


class Chat(Main):
    def on_connect(self):
        say("connect", self.path)
        self.emit("ask", "one", {"two": 2})

    on_reconnect = on_connect

    def on_welcome(self, auth):
        say("welcome", auth)

    def on_question(self, *args):
        *words, answer = args
        answer(*reversed(words))

    def on_answered(self, *args):
        say("answered", *args)


while True:
    # A polling client of this package does not shake hands again by itself.
    lost = []
    client = SocketIO("127.0.0.1", int(sys.argv[1]), Main, transports=[sys.argv[2]])
    client.define(Chat, "/chat")
    while not lost:
        client.wait(seconds=1)
