from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_sio.errors import LimitExceeded, ProtocolError
from pyramid_sio.protocol.flash import (
    GOODBYE,
    POLICY,
    POLICY_REQUEST,
    FlashReader,
    FlashViolation,
    answer_keys,
    flash_frame,
)
from pyramid_sio.protocol.frames import LibraryFrame

END = LibraryFrame(GOODBYE)


class TestKeys:
    def test_example_of_the_draft(self) -> None:
        key1, key2 = "18x 6]8vM;54 *(5:  {   U1]8  z [  8", "1_ tx7X d  <  nw  334J702) 7]o}` 0"
        answer = answer_keys(key1, key2, b"Tm[K T2u")
        assert answer == b"fQJ,fN/4F4!~K~MH"

    @pytest.mark.parametrize(
        "key",
        ["", "123", "   ", "1 2 5", "9" * 21 + " ", "99999999999 1 ", "4294967296 ", "١ "],
    )
    def test_key_without_a_number(self, key: str) -> None:
        with pytest.raises(ProtocolError):
            answer_keys(key, "1 ", b"12345678")
        with pytest.raises(ProtocolError):
            answer_keys("1 ", key, b"12345678")

    @pytest.mark.parametrize("key3", [b"", b"1234567", b"123456789"])
    def test_third_key_has_eight_bytes(self, key3: bytes) -> None:
        with pytest.raises(ProtocolError):
            answer_keys("1 ", "1 ", key3)


class TestFrames:
    def test_exact_bytes(self) -> None:
        assert flash_frame(b"1::") == b"\x00\x31\x3a\x3a\xff"

    def test_whole(self) -> None:
        data = flash_frame(b"2::") + flash_frame("3:::é😀".encode()) + flash_frame(b"")
        assert list(FlashReader(100).feed(data)) == ["2::", "3:::é😀", ""]

    @given(st.lists(st.text(max_size=20)), st.integers(1, 7))
    def test_in_pieces(self, texts: list[str], size: int) -> None:
        data = b"".join(flash_frame(text.encode()) for text in texts)
        reader = FlashReader(100)
        found = []
        for start in range(0, len(data), size):
            found += reader.feed(data[start : start + size])
        assert found == texts

    def test_goodbye_behind_texts(self) -> None:
        reader = FlashReader(100)
        assert list(reader.feed(flash_frame(b"2::") + GOODBYE + b"junk")) == ["2::", END]
        assert list(reader.feed(b"")) == []

    def test_goodbye_in_two_pieces(self) -> None:
        reader = FlashReader(100)
        assert list(reader.feed(b"\xff")) == []
        assert list(reader.feed(b"\x00")) == [END]

    @pytest.mark.parametrize("data", [b"\x01a\xff", b"\x80\x01a", b"\xff\x01", b"\x81\x03abc"])
    def test_other_frames_are_refused(self, data: bytes) -> None:
        with pytest.raises(FlashViolation):
            list(FlashReader(100).feed(data))

    def test_text_that_is_not_utf8(self) -> None:
        with pytest.raises(FlashViolation, match="UTF-8"):
            list(FlashReader(100).feed(b"\x00\xc3\xff"))

    def test_longest_text(self) -> None:
        assert list(FlashReader(5).feed(flash_frame(b"12345"))) == ["12345"]
        with pytest.raises(LimitExceeded):
            list(FlashReader(5).feed(flash_frame(b"123456")))

    def test_a_text_without_end_is_not_collected(self) -> None:
        reader = FlashReader(5)
        assert list(reader.feed(b"\x0012345")) == []
        with pytest.raises(LimitExceeded):
            list(reader.feed(b"6"))

    def test_forgets(self) -> None:
        reader = FlashReader(5)
        assert list(reader.feed(b"\x00123")) == []
        reader.forget()
        assert list(reader.feed(flash_frame(b"12345"))) == ["12345"]

    @given(st.binary())
    def test_whatever_comes_is_refused_or_read(self, data: bytes) -> None:
        with contextlib.suppress(ProtocolError):
            assert all(isinstance(item, str | LibraryFrame) for item in FlashReader(10).feed(data))


class TestPolicy:
    def test_request_is_what_flash_sends(self) -> None:
        assert len(POLICY_REQUEST) == 23

    def test_policy_is_one_line_of_xml(self) -> None:
        assert POLICY.startswith(b"<?xml")
        assert b"\n" not in POLICY
        assert POLICY.endswith(b"</cross-domain-policy>")
