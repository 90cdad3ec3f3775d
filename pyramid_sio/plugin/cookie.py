"""The cookie with a session's id, for load balancers that send a client to the same process.

Upstream: the setting ``sio.cookie``. Downstream: ``plugin.views`` adds it to the answer that
opens a polling session. This server never reads it.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_VALUE = re.compile(r"[A-Za-z0-9/._-]+")
_SAME_SITE = {"lax": "Lax", "strict": "Strict", "none": "None"}
#: Attributes, in the order in which they are written; True: those without a value.
_ATTRIBUTES = {
    "Max-Age": False,
    "Domain": False,
    "Path": False,
    "HttpOnly": True,
    "Secure": True,
    "Partitioned": True,
    "SameSite": False,
}


class SessionCookie(NamedTuple):
    """How the cookie is written.

    :param attributes: what follows its value, without ``Secure``
    :param secure: True: only ever over TLS; False: if the request came over it
    """

    name: str
    attributes: str
    secure: bool

    def header(self, sid: str, *, over_tls: bool) -> str:
        """The value of ``Set-Cookie``.

        :param sid: the session's id
        :param over_tls: did the request come over TLS?
        """
        secure = "; Secure" if self.secure or over_tls else ""
        return f"{self.name}={sid}{self.attributes}{secure}"


def parse_cookie(value: Any) -> SessionCookie | None:
    """A cookie's name and attributes, as ``io; SameSite=None; Secure``; true: ``io``; false: none.

    Without attributes it is for the whole site, not for scripts, and same-site.

    :raises ValueError: it is none
    """
    text = str(value).strip()
    if text.lower() in ("false", "no", "off", "none", ""):
        return None
    name, *parts = (part.strip() for part in text.split(";"))
    if name.lower() in ("true", "yes", "on"):
        name = "io"
    if not _NAME.fullmatch(name):
        raise ValueError("must be a cookie's name, perhaps with attributes: io; SameSite=Strict")
    found = {"Path": "/", "HttpOnly": "", "SameSite": "Lax"}
    for part in filter(None, parts):
        attribute, content = _parse_attribute(part)
        found[attribute] = content
    secure = found.pop("Secure", None) is not None
    if not secure and (found["SameSite"] == "None" or "Partitioned" in found):
        raise ValueError("browsers refuse SameSite=None and Partitioned without Secure")
    attributes = (
        f"; {name}={found[name]}" if found[name] else f"; {name}"
        for name in _ATTRIBUTES
        if name in found
    )
    return SessionCookie(name, "".join(attributes), secure)


def _parse_attribute(part: str) -> tuple[str, str]:
    written, equals, content = part.partition("=")
    known = {attribute.lower(): attribute for attribute in _ATTRIBUTES}
    attribute = known.get(written.strip().lower())
    if attribute is None:
        raise ValueError(f"{written!r} is none of {', '.join(_ATTRIBUTES)}")
    content = content.strip()
    if _ATTRIBUTES[attribute]:
        if equals:
            raise ValueError(f"{attribute} has no value")
        return attribute, ""
    if not _VALUE.fullmatch(content) or (attribute == "Max-Age" and not content.isdecimal()):
        raise ValueError(f"{part!r} cannot be written into a cookie")
    if attribute == "SameSite":
        if content.lower() not in _SAME_SITE:
            raise ValueError("SameSite is Lax, Strict or None")
        content = _SAME_SITE[content.lower()]
    return attribute, content
