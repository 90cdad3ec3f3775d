"""What the pure functions on an event's way cost, one by one, in nanoseconds.

    python bench/micro.py [WORD ...]      only those whose title has one of the words

Medians of several runs in this interpreter; no server is involved.
"""

from __future__ import annotations

import os
import statistics
import sys
import timeit
from collections.abc import Callable

from pyramid_sio.protocol.engine_v4 import decode_payload, decode_text, encode_polled
from pyramid_sio.protocol.frames import FrameReader, message_frame
from pyramid_sio.protocol.packets import Message
from pyramid_sio.protocol.socket_v5 import Encoder, decode_header

REPEATS = 9
#: How long one repeat takes, about, in seconds.
REPEAT_TIME = 0.1
MAX_SIZE = 1_000_000

SHORT = "x" * 32
ECHO = f'2123["echo","{SHORT}"]'
ELSEWHERE = f'2/chat,123["echo","{SHORT}"]'
RICH = '2["move",{"x":1.5,"y":-2,"tags":["a","b","c"],"who":{"id":7,"nick":"Jan"}}]'
BINARY = '51-["blob",{"_placeholder":true,"num":0}]'
POSTED = "\x1e".join(["4" + ECHO] * 16).encode()


def client_frame(text: str) -> bytes:
    """A masked text frame, as a browser sends it; ``text`` is short."""
    mask, payload = os.urandom(4), text.encode()
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return bytes((0x81, 0x80 | len(payload))) + mask + masked


def cases() -> dict[str, Callable[[], object]]:
    """What is timed, by title."""
    encoder = Encoder()
    reader = FrameReader(MAX_SIZE)
    one = client_frame("4" + ECHO)
    sixteen = one * 16
    ack = encoder.encode_ack("/", [SHORT], 123)
    return {
        "decode_header: event of /": lambda: decode_header(ECHO),
        "decode_header: event of /chat": lambda: decode_header(ELSEWHERE),
        "decode_header: event with an object": lambda: decode_header(RICH),
        "decode_header: binary event": lambda: decode_header(BINARY),
        "encode_ack: /": lambda: encoder.encode_ack("/", [SHORT], 123),
        "encode_ack: /chat": lambda: encoder.encode_ack("/chat", [SHORT], 123),
        "encode_event: /": lambda: encoder.encode_event("/", ["message", SHORT]),
        "encode_event: with a blob": lambda: encoder.encode_event("/", ["blob", b"1234"]),
        "message_frame: first receiver": lambda: message_frame(Message(ack.text)),
        "message_frame: every other": lambda: message_frame(ack),
        "encode_polled: first receiver": lambda: encode_polled(Message(ack.text)),
        "decode_text: message": lambda: decode_text("4" + ECHO),
        "decode_payload: 16 events": lambda: list(decode_payload(POSTED)),
        "FrameReader.feed: 1 event": lambda: list(reader.feed(one)),
        "FrameReader.feed: 16 events": lambda: list(reader.feed(sixteen)),
    }


def nanoseconds(case: Callable[[], object]) -> float:
    """The median cost of one call, in nanoseconds."""
    timer = timeit.Timer(case)
    once, took = timer.autorange()
    number = max(1, round(once * REPEAT_TIME / took))
    return statistics.median(timer.repeat(REPEATS, number)) / number * 1e9


def main(words: list[str]) -> None:
    """Print a line for each case."""
    for title, case in cases().items():
        if not words or any(word in title for word in words):
            print(f"{title:38} {nanoseconds(case):9,.0f} ns", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
