"""JSONP polling of Engine.IO 3: answers are scripts, and what is sent comes from a form.

Upstream: ``engine.transports.jsonp``. Downstream: nothing; all functions are pure.

Source: Engine.IO protocol, revision 3, "JSONP"; the client's way of escaping line feeds was
taken from it.
"""

from __future__ import annotations

import re

import orjson

JAVASCRIPT = "application/javascript; charset=UTF-8"

#: What may stand in a JSON string, but not in every script, nor in a page around it.
_ESCAPED = {"\u2028": "\\u2028", "\u2029": "\\u2029", "</": "<\\/"}
_TO_ESCAPE = re.compile("|".join(_ESCAPED))

#: A line feed is sent as backslash and n, and those two as two backslashes and n.
_LINE_FEED = re.compile(r"\\?\\n")
#: urllib would make a list entry of each escape, and 200 megabytes of one.
_ESCAPES = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")
#: Fields of a form that are looked at; clients send one.
_MAX_FIELDS = 100


def encode_script(index: str, payload: bytes) -> bytes:
    """The script that hands a payload to the page.

    :param index: digits: which of the page's functions waits for it
    :param payload: UTF-8
    """
    text = orjson.dumps(payload.decode()).decode()
    text = _TO_ESCAPE.sub(lambda match: _ESCAPED[match[0]], text)
    return f"___eio[{index}]({text});".encode()


def decode_form(body: bytes) -> bytes | None:
    """The payload in a form's field ``d``, as UTF-8 as it may be; None: there is no such field.

    :param body: ``application/x-www-form-urlencoded``
    """
    for field in body.split(b"&", _MAX_FIELDS)[:_MAX_FIELDS]:
        name, _, value = field.partition(b"=")
        if name == b"d":
            text = _ESCAPES.sub(_decode, value.replace(b"+", b" ")).decode("utf-8", "replace")
            return _LINE_FEED.sub(_unescape, text).encode()
    return None


def _decode(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[0].replace(b"%", b"").decode())


def _unescape(match: re.Match[str]) -> str:
    return "\n" if len(match[0]) == 2 else "\\n"
