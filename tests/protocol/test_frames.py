from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from pyramid_sio.errors import LimitExceeded, ProtocolError
from pyramid_sio.protocol.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    MAX_FRAGMENTS,
    PING,
    PONG,
    TEXT,
    FrameReader,
    InvalidText,
    LibraryFrame,
    MessageTooLarge,
    answer_to_goodbye,
    frame_header,
    message_frame,
    text_frame,
)
from pyramid_sio.protocol.packets import Message

Item = str | bytes | LibraryFrame
LIMIT = 100_000


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    mask: bytes | None = b"\x0f\xf0\xaa\x01",
) -> bytes:
    """A frame as a client writes it: section 5.2 of RFC 6455."""
    first = fin << 7 | reserved << 4 | opcode
    masked = 0x80 if mask is not None else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, masked | len(payload))
    elif len(payload) < 2**16:
        head = struct.pack("!BBH", first, masked | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, masked | 127, len(payload))
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))


def text(payload: str) -> bytes:
    return frame(TEXT, payload.encode())


# Three ways for the same bytes to arrive.


def whole(reader: FrameReader, data: bytes) -> list[Item]:
    return list(reader.feed(data))


def bytewise(reader: FrameReader, data: bytes) -> list[Item]:
    return [item for byte in data for item in reader.feed(bytes((byte,)))]


def with_junk_behind(reader: FrameReader, data: bytes) -> list[Item]:
    items = list(reader.feed(data + text("junk")))
    assert items.pop() == "junk"
    return items


FEEDINGS = [whole, bytewise, with_junk_behind]
Feeding = Callable[[FrameReader, bytes], list[Item]]


@pytest.mark.parametrize("feed", FEEDINGS)
class TestFeedings:
    @pytest.mark.parametrize(
        "payload", ["", "2", "x" * 124, "x" * 125, "x" * 126, "x" * 127, "é\U0001f600" * 50]
    )
    def test_text(self, feed: Feeding, payload: str) -> None:
        assert feed(FrameReader(LIMIT), text(payload)) == [payload]

    @pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, LIMIT])
    def test_binary(self, feed: Feeding, size: int) -> None:
        payload = bytes(n % 251 for n in range(size))
        assert feed(FrameReader(LIMIT), frame(BINARY, payload)) == [payload]

    def test_many(self, feed: Feeding) -> None:
        data = text("a") + frame(BINARY, b"b") + text("c" * 300) + text("") + frame(BINARY)
        assert feed(FrameReader(LIMIT), data) == ["a", b"b", "c" * 300, "", b""]

    @pytest.mark.parametrize("mask", [bytes(4), b"\xff\xff\xff\xff", b"\x00\x01\x00\x00"])
    def test_masks(self, feed: Feeding, mask: bytes) -> None:
        assert feed(FrameReader(LIMIT), frame(TEXT, b"masked", mask=mask)) == ["masked"]

    @pytest.mark.parametrize(
        "raw",
        [
            frame(PING),
            frame(PING, b"x" * 125),
            frame(PONG, b"x"),
            frame(CLOSE, b"\x03\xe8"),
            frame(TEXT, b"compressed", reserved=4),
            frame(BINARY, b"x" * 300, reserved=4),
            frame(BINARY, reserved=1),
            frame(CONTINUATION, b"stray"),
            frame(3, b"unknown"),
            frame(11, b"unknown"),
            frame(PING, fin=False),
        ],
    )
    def test_for_the_library(self, feed: Feeding, raw: bytes) -> None:
        items = feed(FrameReader(LIMIT), text("a") + raw + text("b"))
        assert items == ["a", LibraryFrame(raw), "b"]

    def test_fragments_are_for_the_library_until_the_last(self, feed: Feeding) -> None:
        parts = [
            frame(TEXT, b"a", fin=False),
            frame(PING, b"between"),
            frame(CONTINUATION, b"b" * 200, fin=False),
            frame(CLOSE, b"\x03\xe8"),
            frame(CONTINUATION, b"c"),
        ]
        reader = FrameReader(LIMIT)
        items = feed(reader, b"".join(parts) + text("d"))
        assert items == [*map(LibraryFrame, parts), "d"]
        assert not reader.in_fragments

    def test_whole_message_amid_fragments_is_for_the_library_to_refuse(self, feed: Feeding) -> None:
        parts = [frame(BINARY, b"a", fin=False), text("no")]
        assert feed(FrameReader(LIMIT), b"".join(parts)) == [*map(LibraryFrame, parts)]

    @pytest.mark.parametrize("payload", [b"\xff", b"\xc3", b"ok\xed\xa0\x80", b"\xc0\x80" * 100])
    def test_text_that_is_not_utf8(self, feed: Feeding, payload: bytes) -> None:
        with pytest.raises(InvalidText) as caught:
            feed(FrameReader(LIMIT), frame(TEXT, payload))
        assert caught.value.close_code == 1007
        assert isinstance(caught.value, ProtocolError)


class TestRefusedByLibrary:
    """Frames whose header already says too much; their payload is never waited for."""

    @pytest.mark.parametrize(
        "raw",
        [
            frame(TEXT, b"x" * 126, mask=None),
            frame(BINARY, b"x" * 1001),
            frame(CONTINUATION, b"x" * 1001),
            frame(BINARY, b"x" * 1001, fin=False),
            frame(BINARY, b"x" * 70_000),
            frame(PING, b"x" * 126),
            frame(CLOSE, b"x" * 70_000),
            b"\x82\xff" + b"\xff" * 12,
        ],
    )
    def test_at_once(self, raw: bytes) -> None:
        reader = FrameReader(1000)
        items = list(reader.feed(text("a") + raw[:14]))
        assert items == ["a", LibraryFrame(raw[:14])]
        reader = FrameReader(1000)
        items = list(reader.feed(raw + text("never looked at")))
        assert items == [LibraryFrame(raw + text("never looked at"))]

    @pytest.mark.parametrize("raw", [frame(BINARY, b"x" * 1001), frame(BINARY, b"x" * 70_000)])
    def test_byte_by_byte_as_soon_as_the_length_is_there(self, raw: bytes) -> None:
        reader = FrameReader(1000)
        fed = 0
        items: list[Item] = []
        while not items:
            items = list(reader.feed(raw[fed : fed + 1]))
            fed += 1
        assert fed <= 14
        assert items == [LibraryFrame(raw[:fed])]

    def test_just_within_the_limit(self) -> None:
        assert whole(FrameReader(1000), frame(BINARY, b"x" * 1000)) == [b"x" * 1000]


class TestFragmentLimits:
    """What no single header says: fragments that together are too much."""

    def test_size_of_all_is_limited(self) -> None:
        reader = FrameReader(1000)
        assert len(whole(reader, frame(BINARY, b"x" * 600, fin=False))) == 1
        assert len(whole(reader, frame(CONTINUATION, b"x" * 400, fin=False))) == 1
        with pytest.raises(MessageTooLarge, match="1000 bytes") as caught:
            whole(reader, frame(CONTINUATION, b"x"))
        assert caught.value.close_code == 1009
        assert isinstance(caught.value, LimitExceeded)

    def test_the_payload_that_is_too_much_is_not_waited_for(self) -> None:
        reader = FrameReader(1000)
        whole(reader, frame(BINARY, b"x" * 600, fin=False))
        with pytest.raises(MessageTooLarge):
            whole(reader, frame(CONTINUATION, b"x" * 500)[:8])

    def test_each_message_counts_anew(self) -> None:
        reader = FrameReader(1000)
        for _ in range(3):
            whole(reader, frame(BINARY, b"x" * 600, fin=False))
            whole(reader, frame(PING, b"x" * 125))
            whole(reader, frame(CONTINUATION, b"x" * 400))

    def test_number_is_limited(self) -> None:
        reader = FrameReader(1000)
        whole(reader, frame(TEXT, fin=False))
        whole(reader, frame(CONTINUATION, fin=False) * (MAX_FRAGMENTS - 1))
        with pytest.raises(MessageTooLarge, match=f"{MAX_FRAGMENTS} fragments") as caught:
            whole(reader, frame(CONTINUATION, fin=False))
        assert caught.value.close_code == 1009


def test_what_is_forgotten_is_not_part_of_the_next_frame() -> None:
    reader = FrameReader(1000)
    assert whole(reader, frame(BINARY, b"x" * 600)[:300]) == []
    reader.forget()
    assert whole(reader, text("a")) == ["a"]


class TestGoodbye:
    @pytest.mark.parametrize("payload", [b"", b"\x03\xe8", b"\x03\xe9"])
    @pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\x01\xfe\x7f\x80"])
    def test_ordinary_one_is_answered_alike(self, payload: bytes, mask: bytes) -> None:
        answer = answer_to_goodbye(frame(CLOSE, payload, mask=mask))
        assert answer == frame(CLOSE, payload, mask=None)

    @pytest.mark.parametrize(
        "raw",
        [
            frame(CLOSE, mask=None),
            frame(CLOSE, b"\x03\xe8", mask=None),
            frame(CLOSE, b"\x03\xe8abcd", mask=None),
            frame(CLOSE, b"x"),
            frame(CLOSE, b"\x03\xea"),
            frame(CLOSE, b"\x03\xe8bye"),
            frame(CLOSE, fin=False),
            frame(CLOSE, reserved=4),
            frame(PING),
            frame(PING, b"\x03\xe8"),
        ],
    )
    def test_the_library_answers_any_other(self, raw: bytes) -> None:
        assert answer_to_goodbye(raw) is None


class TestFuzz:
    LARGE = (b"x" * 66_000, frame(BINARY, b"x" * 66_000))
    frames = st.one_of(
        st.text(max_size=200).map(lambda t: (t, text(t))),
        st.binary(max_size=300).map(lambda b: (b, frame(BINARY, b))),
        st.just(LARGE),
        st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125)).map(
            lambda control: (LibraryFrame(frame(*control)), frame(*control))
        ),
    )

    @given(st.lists(frames, max_size=6), st.lists(st.integers(0, 70_000), max_size=8))
    def test_any_cut(self, frames: list[tuple[Item, bytes]], cuts: list[int]) -> None:
        stream = b"".join(raw for _, raw in frames)
        edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
        reader = FrameReader(LIMIT)
        items: list[Item] = []
        for begin, end in pairwise(edges):
            items.extend(reader.feed(stream[begin:end]))
        assert items == [item for item, _ in frames]

    @given(st.lists(st.binary(max_size=40), max_size=12))
    def test_noise(self, chunks: Iterable[bytes]) -> None:
        reader = FrameReader(1000)
        try:
            for chunk in chunks:
                for item in reader.feed(chunk):
                    assert isinstance(item, (str, bytes, LibraryFrame))
        except (InvalidText, MessageTooLarge):
            pass

    @given(st.lists(frames, max_size=4), st.binary(max_size=60))
    def test_junk_behind(self, frames: list[tuple[Item, bytes]], junk: bytes) -> None:
        reader = FrameReader(LIMIT)
        stream = b"".join(raw for _, raw in frames) + junk
        items: list[Item] = []
        try:
            for item in reader.feed(stream):
                items.append(item)
        except (InvalidText, MessageTooLarge):
            assert junk
        assert items[: len(frames)] == [item for item, _ in frames]


class TestOut:
    @pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 65535, 65536])
    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    def test_as_the_library_writes_it(self, size: int, opcode: int) -> None:
        payload = b"x" * size
        expected = Frame(Opcode(opcode), payload).serialize(mask=False)
        assert frame_header(opcode, size) + payload == expected
        if opcode == TEXT:
            assert text_frame(payload) == expected

    @pytest.mark.parametrize("size", [0, 1, 123, 124, 125, 126, 65534, 65535, 65536])
    def test_message(self, size: int) -> None:
        message = Message(b"x" * size)
        expected = Frame(Opcode.TEXT, b"4" + b"x" * size).serialize(mask=False)
        assert message_frame(message) == expected

    def test_message_with_attachments_is_one_piece(self) -> None:
        message = Message(b'51-["a"]', [b"\x01\x02", b"", b"z" * 200])
        expected = b"\x81\x09" + b'451-["a"]' + b"\x82\x02\x01\x02" + b"\x82\x00"
        assert message_frame(message) == expected + b"\x82\x7e\x00\xc8" + b"z" * 200

    def test_message_without_text(self) -> None:
        assert message_frame(Message(None, [b"a", b"b"])) == b"\x82\x01a\x82\x01b"

    def test_made_once_for_all_receivers(self) -> None:
        message = Message(b'2["a"]')
        assert message_frame(message) is message_frame(message) is message.frame

    def test_captured_samples(self) -> None:
        assert text_frame(b"3probe") == bytes.fromhex("8106 3370726f6265")
        assert text_frame(b"2") == bytes.fromhex("810132")
        assert frame_header(BINARY, 4) == bytes.fromhex("8204")
        assert frame_header(CLOSE, 0) == bytes.fromhex("8800")
