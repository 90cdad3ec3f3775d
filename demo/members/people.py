"""Who there is, and who may what. Nothing here knows of sockets."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Any

from pyramid.authentication import SessionAuthenticationHelper
from pyramid.authorization import ACLHelper, Allow, Authenticated, Everyone
from pyramid.request import Request

#: Cost of a password's hash: about 30 ms.
_COST = {"n": 2**13, "r": 8, "p": 1}


@dataclass
class Person:
    """Somebody with a password.

    :param role: ``member`` or ``keeper``
    """

    name: str
    role: str
    password: str
    suspended: bool = False
    _salt: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def __post_init__(self) -> None:
        self._hash = self._hashed(self.password)
        self.password = ""

    def knows(self, password: str) -> bool:
        """Is that the password?"""
        return hmac.compare_digest(self._hash, self._hashed(password))

    def _hashed(self, password: str) -> bytes:
        return hashlib.scrypt(password.encode(), salt=self._salt, **_COST)


class People:
    """Everybody, by name."""

    def __init__(self) -> None:
        everybody = (
            Person("ada", "keeper", "ada"),
            Person("grace", "member", "grace"),
            Person("linus", "member", "linus"),
        )
        self._by_name = {person.name: person for person in everybody}
        #: Of nobody: to check a password takes as long, whether the name exists or not.
        self._nobody = Person("", "", secrets.token_hex())

    def __iter__(self) -> Any:
        return iter(self._by_name.values())

    def get(self, name: str | None) -> Person | None:
        return self._by_name.get(name or "")

    def login(self, name: str, password: str) -> Person | None:
        """The person who can log in so; None: nobody."""
        person = self._by_name.get(name, self._nobody)
        return person if person.knows(password) and not person.suspended else None


class Policy:
    """Pyramid's security policy: the session says who it is, resources say who may what.

    It is asked for pages and for events alike.
    """

    def __init__(self, people: People) -> None:
        self._people = people
        self._session = SessionAuthenticationHelper()
        self._acl = ACLHelper()

    def identity(self, request: Request) -> Person | None:
        person = self._people.get(self._session.authenticated_userid(request))
        return None if person is None or person.suspended else person

    def authenticated_userid(self, request: Request) -> str | None:
        person = self.identity(request)
        return None if person is None else person.name

    def permits(self, request: Request, context: Any, permission: str) -> Any:
        person = self.identity(request)
        principals = [Everyone]
        if person is not None:
            principals += [Authenticated, f"role:{person.role}"]
        return self._acl.permits(context, principals, permission)

    def remember(self, request: Request, userid: str, **options: Any) -> Any:
        return self._session.remember(request, userid, **options)

    def forget(self, request: Request, **options: Any) -> Any:
        return self._session.forget(request, **options)


class Board:
    """The board: members read and pin, keepers also suspend members."""

    __acl__ = (
        (Allow, Authenticated, ("read", "pin")),
        (Allow, "role:keeper", "suspend"),
    )


class Corner:
    """A part of the board: one for all, one for keepers.

    :param name: of the room
    """

    def __init__(self, name: str) -> None:
        whoever = "role:keeper" if name == "keepers" else Authenticated
        self.__acl__ = ((Allow, whoever, "join"),)
