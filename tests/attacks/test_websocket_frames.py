"""Frames that break RFC 6455, never end, or hold more than they seem to."""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Callable, Iterator

import pytest

from tests.attacks.site import MARK, MEGABYTE, Site
from tests.rawclient import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    WebSocket,
    frame,
    text_frame,
)
from tests.support import PATIENCE

LIMIT = 1_000_000
OFFER = "permessage-deflate; client_max_window_bits"


def entered(site: Site, **options: object) -> WebSocket:
    client = WebSocket(site.server, **options)  # type: ignore[arg-type]
    client.enter()
    return client


@pytest.fixture
def site(bare_site: Site, watch: Callable[[Site], Site]) -> Site:
    """The server with its default settings, watched; not measured."""
    return watch(bare_site)


# What breaks the rules of a frame.


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(frame(TEXT, b"42[1]", mask=None), 1002, id="unmasked"),
        pytest.param(frame(TEXT, b"", mask=None), 1002, id="unmasked-empty"),
        pytest.param(frame(BINARY, b"x" * 200, mask=None), 1002, id="unmasked-binary"),
        pytest.param(frame(PING, b"x", mask=None), 1002, id="unmasked-ping"),
        pytest.param(frame(CLOSE, b"", mask=None), 1002, id="unmasked-close"),
        pytest.param(frame(TEXT, b"42[1]", reserved=4), 1002, id="rsv1"),
        pytest.param(frame(TEXT, b"42[1]", reserved=2), 1002, id="rsv2"),
        pytest.param(frame(TEXT, b"42[1]", reserved=1), 1002, id="rsv3"),
        pytest.param(frame(PING, b"", reserved=4), 1002, id="ping-with-rsv1"),
        *(
            pytest.param(frame(opcode, b"x"), 1002, id=f"opcode-{opcode:x}")
            for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
        ),
        pytest.param(frame(CONTINUATION, b"x"), 1002, id="continuation-of-nothing"),
        pytest.param(frame(CONTINUATION, b"x", fin=False), 1002, id="fragment-of-nothing"),
        pytest.param(
            frame(TEXT, b"4", fin=False) + frame(TEXT, b"2[1]"), 1002, id="text-inside-of-text"
        ),
        pytest.param(
            frame(TEXT, b"4", fin=False) + frame(BINARY, b"2[1]"), 1002, id="binary-inside-of-text"
        ),
        pytest.param(
            frame(TEXT, b"4", fin=False) + frame(CONTINUATION, b"2[1]", reserved=4),
            1002,
            id="rsv1-in-a-fragment",
        ),
        pytest.param(frame(PING, b"x" * 126), 1002, id="long-ping"),
        pytest.param(frame(PONG, b"x" * 126), 1002, id="long-pong"),
        pytest.param(frame(PING, length=2**62), None, id="huge-ping"),
        pytest.param(frame(PING, b"x", fin=False), 1002, id="fragmented-ping"),
        pytest.param(frame(CLOSE, b"x"), 1002, id="close-of-one-byte"),
        pytest.param(frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002, id="long-close"),
        pytest.param(frame(TEXT, b"42[\xff]"), 1007, id="bad-utf8"),
        pytest.param(frame(TEXT, b"42[\xed\xa0\x80]"), 1007, id="surrogate"),
        pytest.param(frame(TEXT, b"42[\xc0\xaf]"), 1007, id="overlong"),
        pytest.param(frame(TEXT, b"42[\xf4\x90\x80\x80]"), 1007, id="beyond-unicode"),
        pytest.param(
            frame(TEXT, b"42[\xe2\x82", fin=False) + frame(CONTINUATION, b"\x41]"),
            1007,
            id="bad-utf8-in-fragments",
        ),
        pytest.param(frame(TEXT, length=LIMIT + 1), 1009, id="too-long"),
        pytest.param(frame(BINARY, length=2**32), 1009, id="4-gigabytes"),
        pytest.param(frame(TEXT, length=2**62), 1009, id="4-exabytes"),
        pytest.param(frame(BINARY, length=2**63), None, id="2-to-the-63"),
        pytest.param(frame(BINARY, length=2**64 - 1), None, id="2-to-the-64"),
        pytest.param(
            frame(TEXT, b"4", fin=False) + frame(CONTINUATION, length=LIMIT),
            1009,
            id="too-long-in-two",
        ),
        # Engine.IO's own rules: closed without a code.
        pytest.param(text_frame(""), 1005, id="empty-text"),
        pytest.param(text_frame("7"), 1005, id="unknown-packet"),
        pytest.param(text_frame("\u0664"), 1005, id="arabic-4"),
        pytest.param(text_frame("2"), 1005, id="heartbeat"),
        pytest.param(text_frame("2probe"), 1005, id="probe"),
        pytest.param(text_frame("1"), 1005, id="close-packet"),
    ],
)
def test_violation_gets_its_close_code(site: Site, data: bytes, code: int | None) -> None:
    with entered(site) as client:
        client.send_raw(data)
        got = client.close_code()
    assert got == code or (code is None and got in (1002, 1009))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (frame(TEXT, MARK.encode(), mask=None), "1002"),
        (frame(TEXT, length=LIMIT + 1), f"1009: frame with {LIMIT + 1} bytes exceeds limit"),
        (frame(TEXT, MARK.encode() + b"\xff"), "not UTF-8"),
        (text_frame("x" + MARK), "unknown Engine.IO packet type"),
    ],
)
def test_log_names_the_rule(site: Site, data: bytes, words: str) -> None:
    def attack() -> None:
        with WebSocket(site.server) as client:
            client.send_raw(data)
            assert client.close_code() is not None

    site.provoke(attack, "protocol violation", words)


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (1000, 1000),
        (1001, 1001),
        (1011, 1011),
        (3000, 3000),
        (4999, 4999),
        (0, 1002),
        (999, 1002),
        (1004, 1002),
        (1005, 1002),
        (1006, 1002),
        (1015, 1002),
        (1016, 1002),
        (2999, 1002),
        (5000, 1002),
        (65535, 1002),
    ],
)
def test_close_codes(site: Site, code: int, answer: int) -> None:
    with entered(site) as client:
        client.send_raw(frame(CLOSE, code.to_bytes(2, "big") + b"bye"))
        assert client.close_code() == answer


def test_close_without_code_is_answered_alike(site: Site) -> None:
    with entered(site) as client:
        client.send_raw(frame(CLOSE))
        assert client.close_code() == 1005


def test_close_reason_that_is_not_utf8(site: Site) -> None:
    with entered(site) as client:
        client.send_raw(frame(CLOSE, b"\x03\xe8\xff\xff"))
        assert client.close_code() == 1007


def test_what_follows_a_close_frame_is_not_looked_at(site: Site) -> None:
    with WebSocket(site.server) as client:
        client.send('40{"name":"late"}')
        client.text()
        client.send_raw(frame(CLOSE) + text_frame('42["note","too late"]') * 100)
        assert client.close_code() == 1005
    assert site.wait_noted("late", 2) == [["connect"], ["disconnect", "transport close"]]


def test_server_that_closes_does_not_wait_for_the_answer(site: Site) -> None:
    with entered(site) as client:
        client.emit("leave_me")
        assert client.text() == "41"
        client.send_raw(text_frame(""))
        assert client.close_code() == 1005
        # No close frame from here: the server hangs up by itself.
        client.wire.wait_closed()


def test_server_that_waits_for_a_close_frame_takes_in_no_more(site: Site) -> None:
    """After a violation nothing is handled or kept, however much still comes."""
    site.bound = 8
    with entered(site) as client:
        client.send_raw(text_frame("7"))
        filling = frame(BINARY, bytes(LIMIT))
        for _ in range(50):
            client.send_raw(filling)
        assert client.close_code() == 1005


# Frames in pieces.


def test_frames_split_at_every_byte(site: Site) -> None:
    data = (
        text_frame('421["echo","\u20ac"]')
        + frame(TEXT, b'422["echo","masked"]', mask=b"\x01\xfe\x7f\x80")
        + frame(PING, b"ping")
        + frame(TEXT, b'423["ec', fin=False)
        + frame(PONG)
        + frame(CONTINUATION, b"", fin=False)
        + frame(CONTINUATION, b'ho","in three"]')
        + text_frame('424["echo","' + "x" * 200 + '"]')
    )
    expected = [
        (0x81, '431["\u20ac"]'.encode()),
        (0x81, b'432["masked"]'),
        (0x8A, b"ping"),
        (0x81, b'433["in three"]'),
        (0x81, b'434["' + b"x" * 200 + b'"]'),
    ]
    with entered(site) as client:
        for split in range(1, len(data)):
            client.wire.send(data[:split])
            client.wire.send(data[split:])
            assert sorted(client.read_frame() for _ in expected) == sorted(expected)


def test_frames_byte_by_byte(site: Site) -> None:
    with entered(site) as client:
        for byte in text_frame('421["echo","' + "x" * 130 + '"]'):
            client.wire.send(bytes((byte,)))
        assert client.text() == '431["' + "x" * 130 + '"]'


def test_frames_together_with_the_upgrade_request(site: Site) -> None:
    behind = text_frame("40") + text_frame('421["echo",1]')
    with WebSocket(site.server, behind=behind) as client:
        assert client.text().startswith('40{"sid"')
        assert client.text() == "431[1]"


@pytest.mark.parametrize("junk", [b"\xff" * 1000, b"GET / HTTP/1.1\r\n\r\n", bytes(5000)])
def test_junk_together_with_the_upgrade_request(site: Site, junk: bytes) -> None:
    with WebSocket(site.server, behind=junk) as client:
        assert client.answer.status == 101
        assert client.close_code() is not None


def test_random_bytes(site: Site) -> None:
    """Whatever comes, the connection ends or waits for more; nobody else is concerned."""
    noise = random.Random(2)
    for size in (1, 2, 3, 7, 20, 100, 1000, 70_000) * 6:
        with entered(site) as client:
            client.send_raw(noise.randbytes(size))


# What never ends.


def endless(head: bytes, piece: bytes, total: int) -> Iterator[bytes]:
    yield head
    for _ in range(total // len(piece)):
        yield piece


def push(client: WebSocket, parts: Iterator[bytes]) -> int:
    """Send until all is sent or the server has hung up; how much it was."""
    sent = 0
    try:
        for part in parts:
            client.wire.send(part)
            sent += len(part)
    except ConnectionError:
        pass
    return sent


@pytest.mark.parametrize("size", [100, 60_000, 900_000])
def test_endless_fragments(site: Site, size: int) -> None:
    """180 MB of them, of which a megabyte is collected at most."""
    site.bound = 40
    with entered(site) as client:
        piece = frame(CONTINUATION, bytes(size), fin=False)
        piece *= max(1, 65_536 // len(piece))
        push(client, endless(frame(BINARY, b"x", fin=False), piece, 180 * MEGABYTE))
        assert client.close_code() in (1009, None)
    site.provoke(lambda: too_long_in_fragments(site), "protocol violation", "fragments of more")


def too_long_in_fragments(site: Site) -> None:
    with WebSocket(site.server) as client:
        client.send_raw(frame(BINARY, bytes(LIMIT), fin=False) + frame(CONTINUATION, b"x"))
        assert client.close_code() == 1009


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(frame(BINARY, bytes(LIMIT), fin=False), id="a-fragment"),
        pytest.param(frame(BINARY, bytes(LIMIT - 1), length=LIMIT), id="most-of-a-frame"),
    ],
)
def test_what_breaks_off_in_a_message_leaves_none_of_it(site: Site, data: bytes) -> None:
    """Nor does it stay until the garbage collector comes, which counts objects, not bytes."""
    site.bound = 48
    for _ in range(200):
        with entered(site) as client:
            client.send_raw(data)


def test_as_many_bytes_in_fragments_as_in_one_frame(site: Site) -> None:
    text = b'421["size","' + b"x" * (LIMIT - 15) + b'"]'
    assert len(text) == LIMIT - 1
    with entered(site) as client:
        client.wire.send(
            frame(TEXT, text[:1], fin=False)
            + frame(CONTINUATION, text[1:500_000], fin=False)
            + frame(CONTINUATION, text[500_000:])
        )
        assert client.text() == f"431[[{LIMIT - 15}]]"


def test_fragments_of_one_byte(site: Site) -> None:
    """Sixty thousand of them are one message, and nobody waits long for it."""
    site.bound = 8
    text = b'421["size","' + b"x" * 60_000 + b'"]'
    with entered(site) as client:
        client.wire.send(
            frame(TEXT, text[:1], fin=False)
            + b"".join(frame(CONTINUATION, bytes((byte,)), fin=False) for byte in text[1:])
            + frame(CONTINUATION)
        )
        assert client.text() == "431[[60000]]"
    assert site.witness.slowest < PATIENCE / 4


@pytest.mark.parametrize("payload", [b"", b"x"])
def test_fragments_by_the_hundred_thousand(site: Site, payload: bytes) -> None:
    """Too many for one message, however little there is in them."""
    site.bound = 8
    pieces = frame(CONTINUATION, payload, fin=False) * 10_000
    with entered(site) as client:
        push(client, endless(frame(TEXT, fin=False), pieces, 12_000_000))
        assert client.close_code() in (1009, None)
    assert site.witness.slowest < PATIENCE / 4
    site.expect_log("protocol violation", "more than 65536 fragments")


def test_control_frames_inside_of_a_message(site: Site) -> None:
    with entered(site) as client:
        client.wire.send(frame(TEXT, b'421["echo"', fin=False))
        for _ in range(5000):
            client.wire.send(frame(PING, b"?"))
            assert client.read_frame() == (0x8A, b"?")
        client.wire.send(frame(CONTINUATION, b",1]"))
        assert client.text() == "431[1]"


def test_ping_flood_of_a_client_that_does_not_read(site: Site) -> None:
    """The pongs are bounded like everything that waits for a client."""
    site.bound = 24
    with entered(site, receive_buffer=4096) as client:
        pings = frame(PING, b"x" * 125) * 500
        sent = 0
        try:
            for _ in range(1000):
                sent += client.wire.send_what_fits(pings, 5)
        except ConnectionError:
            pass
        assert sent >= 10_000_000
    site.expect_log("protocol violation", "sio.max_buffer_size")


def test_ping_flood_of_a_client_that_reads(site: Site) -> None:
    with entered(site) as client:
        for _ in range(50):
            client.wire.send(frame(PING, b"flood") * 1000)
            for _ in range(1000):
                assert client.read_frame() == (0x8A, b"flood")
        assert client.ask("echo", 1) == [1]


def test_pong_flood(site: Site) -> None:
    with entered(site) as client:
        for _ in range(20):
            client.wire.send(frame(PONG, b"nobody asked") * 2000)
        client.wire.send(text_frame("3") * 20_000)
        assert client.ask("echo", 1) == [1]


def test_headers_of_frames_that_never_come(site: Site) -> None:
    """A thousand clients each announce a megabyte: nothing is set aside for it."""
    site.bound = 40
    clients = []
    try:
        for _ in range(500):
            client = WebSocket(site.server)
            clients.append(client)
            client.send_raw(frame(BINARY, length=LIMIT))
        assert site.witness.failure is None
    finally:
        for client in clients:
            client.close()


# Compression.


@pytest.fixture(scope="module")
def shared_deflating_site(build_site: Callable[..., Site]) -> Site:
    return build_site(per_message_deflate=True, measured=False)


@pytest.fixture
def deflating_site(shared_deflating_site: Site, watch: Callable[[Site], Site]) -> Site:
    """A server with ``sio.per_message_deflate``, watched."""
    return watch(shared_deflating_site)


def deflated(data: bytes, window: int = 12) -> bytes:
    """``data`` as permessage-deflate has it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -window)
    packed = packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
    return packed[:-4]


def zeros_deflated(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -12)
    parts = [packer.compress(bytes(MEGABYTE)) for _ in range(size // MEGABYTE)]
    return b"".join([*parts, packer.flush(zlib.Z_SYNC_FLUSH)])[:-4]


def test_compression_is_not_agreed_on_unless_enabled(site: Site) -> None:
    with WebSocket(site.server, extensions=OFFER) as client:
        assert "sec-websocket-extensions" not in client.answer.headers
        client.send_raw(frame(TEXT, deflated(b"40"), reserved=4))
        assert client.close_code() == 1002


def test_compressed_messages(deflating_site: Site) -> None:
    with WebSocket(deflating_site.server, extensions=OFFER) as client:
        assert "permessage-deflate" in client.answer.headers["sec-websocket-extensions"]
        client.send_raw(frame(TEXT, deflated(b"40"), reserved=4))
        assert client.text().startswith("40{")
        packed = deflated(b'421["size","' + b"x" * 100_000 + b'"]')
        client.send_raw(
            frame(TEXT, packed[:10], reserved=4, fin=False) + frame(CONTINUATION, packed[10:])
        )
        assert client.text() == "431[[100000]]"


@pytest.mark.parametrize("times", [1, 20])
def test_bomb(deflating_site: Site, times: int) -> None:
    """A hundred kilobytes that would be a hundred megabytes."""
    deflating_site.bound = 32
    bomb = zeros_deflated(100 * MEGABYTE)
    assert len(bomb) < LIMIT
    for _ in range(times):
        with WebSocket(deflating_site.server, extensions=OFFER) as client:
            client.send_raw(frame(BINARY, bomb, reserved=4))
            assert client.close_code() == 1009
    deflating_site.expect_log("protocol violation", "1009")


def test_bomb_in_fragments(deflating_site: Site) -> None:
    deflating_site.bound = 24
    bomb = zeros_deflated(100 * MEGABYTE)
    with WebSocket(deflating_site.server, extensions=OFFER) as client:
        parts = [bomb[start : start + 100] for start in range(0, len(bomb), 100)]
        frames = [frame(BINARY, parts[0], reserved=4, fin=False)]
        frames += [frame(CONTINUATION, part, fin=False) for part in parts[1:]]
        client.send_raw(b"".join(frames))
        assert client.close_code() == 1009


def test_bomb_inside_of_the_limit_is_taken(deflating_site: Site) -> None:
    text = b'421["size","' + b"x" * (LIMIT - 14) + b'"]'
    with WebSocket(deflating_site.server, extensions=OFFER) as client:
        client.send("40")
        client.text()
        client.send_raw(frame(TEXT, deflated(text), reserved=4))
        assert client.text() == f"431[[{LIMIT - 14}]]"


@pytest.mark.parametrize("junk", [b"\xff" * 100, b"", b"\x00", b"not deflate at all" * 10])
def test_what_cannot_be_decompressed(deflating_site: Site, junk: bytes) -> None:
    with WebSocket(deflating_site.server, extensions=OFFER) as client:
        client.send_raw(frame(TEXT, junk, reserved=4))
        assert client.close_code() in (1002, 1005, 1007)


@pytest.mark.parametrize(
    "offer",
    [
        "permessage-deflate; unknown",
        "permessage-deflate; server_max_window_bits=99",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; server_no_context_takeover=1",
        "x-webkit-deflate-frame",
        ", ".join(["permessage-deflate; a=b"] * 200),
        ";;;===,,,",
        "\x7f",
    ],
)
def test_odd_offers(deflating_site: Site, offer: str) -> None:
    """Refused, or answered without compression; then it works as usual."""
    with WebSocket(deflating_site.server, extensions=offer) as client:
        assert client.answer.status in (101, 400)
        if client.answer.status == 101:
            client.enter()
            assert client.ask("echo", 1) == [1]


# The opening handshake.


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-WebSocket-Version": "8"},
        {"Sec-WebSocket-Version": "14"},
        {"Sec-WebSocket-Version": None},
        {"Sec-WebSocket-Key": None},
        {"Sec-WebSocket-Key": "short"},
        {"Sec-WebSocket-Key": "x" * 4000},
        {"Connection": "keep-alive"},
        {"Upgrade": "h2c"},
        {"Upgrade": "websocket, h2c"},
    ],
)
def test_bad_opening_gets_400_and_no_session(site: Site, headers: dict[str, str | None]) -> None:
    before = site.sessions
    with WebSocket(site.server, headers=headers) as client:
        assert client.answer.status == 400
    assert site.sessions <= before


@pytest.mark.parametrize("query", ["EIO=3&transport=websocket", "transport=websocket", "EIO=4"])
def test_bad_query_is_refused_before_the_upgrade(site: Site, query: str) -> None:
    with WebSocket(site.server, query=query) as client:
        assert client.answer.status == 400
        client.wire.wait_closed()


def test_thousands_of_websockets_that_break_the_rules_leave_nothing(site: Site) -> None:
    site.bound = 16
    before = site.sessions
    for number in range(600):
        with WebSocket(site.server) as client:
            client.send_raw((b"\x00", text_frame("7"), frame(TEXT, mask=None))[number % 3])
    deadline = time.monotonic() + PATIENCE
    while site.sessions > before and time.monotonic() < deadline:
        site.witness.check()
    assert site.sessions <= before
