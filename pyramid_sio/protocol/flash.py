"""What Flash Player needs: its policy file, and the WebSocket draft that the 0.9 SWF speaks.

Upstream: ``plugin.legacy``, ``engine.transports.legacy`` and ``engine.policy``.
Downstream: nothing; nothing here waits.

Source: draft-hixie-thewebsocketprotocol-76, and Adobe's description of socket policy files.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import md5

from pyramid_sio.errors import DisconnectReason, LimitExceeded, ProtocolError
from pyramid_sio.protocol.frames import LibraryFrame

#: Asks for the policy; the NUL belongs to it.
POLICY_REQUEST = b"<policy-file-request/>\0"
#: Lets pages of any site open connections to any port: what they may do there is decided by
#: each connection's own handshake.
POLICY = (
    b'<?xml version="1.0"?>'
    b"<!DOCTYPE cross-domain-policy SYSTEM"
    b' "http://www.macromedia.com/xml/dtds/cross-domain-policy.dtd">'
    b'<cross-domain-policy><allow-access-from domain="*" to-ports="*"/></cross-domain-policy>'
)

#: Bytes that follow the head of the opening request, without being announced there.
KEY3_LENGTH = 8
#: The closing frame; what a client says and what it is told.
GOODBYE = b"\xff\x00"
_BEGIN, _END = b"\x00", b"\xff"
_LARGEST = 2**32


class FlashViolation(ProtocolError):
    """What the client sent is no frame of this draft."""

    reason = DisconnectReason.TRANSPORT_ERROR


def answer_keys(key1: str, key2: str, key3: bytes) -> bytes:
    """The 16 bytes that prove that the opening request was read.

    :param key1: the header ``Sec-WebSocket-Key1``; a number is hidden among other characters
    :param key2: the header ``Sec-WebSocket-Key2``
    :param key3: the bytes behind the request
    :raises ProtocolError: there is no number in a key, or the bytes are not eight
    """
    if len(key3) != KEY3_LENGTH:
        raise ProtocolError("a handshake without its third key")
    numbers = b"".join(_number_in(key).to_bytes(4, "big") for key in (key1, key2))
    return md5(numbers + key3, usedforsecurity=False).digest()


def _number_in(key: str) -> int:
    digits = "".join(char for char in key if char in "0123456789")
    spaces = key.count(" ")
    if not digits or not spaces or len(digits) > 20:
        raise ProtocolError("a key without a number")
    number, rest = divmod(int(digits), spaces)
    if rest or number >= _LARGEST:
        raise ProtocolError("a key without a number")
    return number


def flash_frame(text: bytes) -> bytes:
    """One text frame; ``text`` is UTF-8, which never contains the byte that ends it."""
    return _BEGIN + text + _END


class FlashReader:
    """Cuts a client's byte stream into texts.

    :param max_size: longest text accepted, in bytes
    """

    __slots__ = ("_max_size", "_pending")

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[str | LibraryFrame]:
        """Yield the texts that ``data`` completes, and the closing frame, raw.

        Must be exhausted before the next call, unless the connection is given up.

        :raises FlashViolation: a frame of another kind, or one that is not UTF-8
        :raises LimitExceeded: a text longer than ``max_size``
        """
        self._pending += data
        while self._pending:
            if self._pending[0]:
                if self._is_closing():
                    yield LibraryFrame(GOODBYE)
                return
            # Two bytes of a frame are not its text.
            stop = self._pending.find(_END, 1, self._max_size + 2)
            if stop < 0:
                if len(self._pending) > self._max_size + 1:
                    raise LimitExceeded(f"a text of more than {self._max_size} bytes")
                return
            payload = bytes(self._pending[1:stop])
            del self._pending[: stop + 1]
            try:
                yield payload.decode()
            except UnicodeDecodeError:
                raise FlashViolation("text is not UTF-8") from None

    def _is_closing(self) -> bool:
        """Is what is no text the whole goodbye? What follows that is nobody's."""
        if self._pending.startswith(GOODBYE):
            self._pending.clear()
            return True
        if self._pending != GOODBYE[:1]:
            raise FlashViolation("a frame that is no text")
        return False

    def forget(self) -> None:
        """Give up what has been received of a frame: the connection is over."""
        self._pending.clear()
