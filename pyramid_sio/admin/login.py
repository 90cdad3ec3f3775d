"""Who may look: one name and password, and sessions so that they are not asked again.

Upstream: ``admin.console`` asks for each connection. Downstream: bcrypt.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import bcrypt

from pyramid_sio.errors import ConnectRefused

#: In these words the UI knows that it must ask again.
REFUSED = "invalid credentials"
TOO_MANY = "too many attempts, try again in a minute"
#: How long a session lasts without a login, in seconds, and how many are kept.
SESSION_SECONDS = 86400.0
MAX_SESSIONS = 1000
#: Attempts that one address has in this many seconds, and addresses that are remembered.
MAX_ATTEMPTS = 5
ATTEMPT_SECONDS = 60.0
MAX_ADDRESSES = 10_000
#: Passwords that are checked at once: each takes a processor for a while, on purpose.
MAX_CHECKS = 2
#: What of a password bcrypt looks at.
PASSWORD_BYTES = 72

_HASH = re.compile(r"\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")


def is_hash(text: str) -> bool:
    """Is it a bcrypt hash?"""
    return _HASH.fullmatch(text) is not None


def matches(password: str, hashed: str) -> bool:
    """Does a password belong to a bcrypt hash? Takes a processor for a while."""
    try:
        return bcrypt.checkpw(password.encode()[:PASSWORD_BYTES], hashed.encode())
    except ValueError:
        return False


def _key_of(session: str) -> str:
    """What a session is known by: other servers need not learn what it is."""
    return hashlib.sha256(session.encode(errors="replace")).hexdigest()


class Recent:
    """Entries that are forgotten after a time; at most ``limit``, the oldest give way."""

    def __init__(self, limit: int, lifetime: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._lifetime = lifetime
        self._clock = clock
        self._entries: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> int:
        """The number kept under a key; 0 if there is none, or none any more."""
        until, number = self._entries.get(key, (0.0, 0))
        return number if until > self._clock() else 0

    def remaining(self, key: str) -> float:
        """Seconds for which a key is still known."""
        until, _ = self._entries.get(key, (0.0, 0))
        return max(until - self._clock(), 0.0)

    def put(self, key: str, number: int = 1, lifetime: float | None = None) -> None:
        """Keep a number, from now on for ``lifetime`` seconds; None: as long as all others."""
        lifetime = self._lifetime if lifetime is None else min(lifetime, self._lifetime)
        self._entries[key] = (self._clock() + lifetime, number)
        self._entries.move_to_end(key)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def drop(self, key: str) -> None:
        self._entries.pop(key, None)


class Login:
    """Lets in who knows the password, or has been let in before.

    :param username: the name
    :param password: the password's bcrypt hash
    :param apart: runs ``func(*args)`` in a thread of its own and waits for its result, so
        that the loop goes on
    :param clock: returns seconds, monotonic; replaced in tests
    """

    def __init__(
        self,
        username: str,
        password: str,
        *,
        apart: Callable[..., Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._username = username
        self._password = password
        self._apart = apart
        self._sessions = Recent(MAX_SESSIONS, SESSION_SECONDS, clock)
        self._attempts = Recent(MAX_ADDRESSES, ATTEMPT_SECONDS, clock)
        self._checks = 0

    def admit(
        self,
        auth: Mapping[str, Any] | None,
        address: str,
        elsewhere: Callable[[str], float] | None = None,
    ) -> str | None:
        """Let a client in; may wait.

        :param address: where it comes from: attempts are counted by it
        :param elsewhere: asks other servers for how many seconds they know a session, by its key;
            None: there are none
        :returns: the id of a new session for the client to keep; None if it has one
        :raises ConnectRefused: neither session nor password is right, or it asks too often
        """
        auth = auth or {}
        session = auth.get("sessionId")
        if isinstance(session, str) and self._is_known(session, address, elsewhere):
            return None
        username, password = auth.get("username"), auth.get("password")
        if not isinstance(username, str) or not isinstance(password, str):
            raise ConnectRefused(REFUSED)
        self._check(username, password, address)
        # Node's has 64 bits; it stands for a password, so here it gets 128.
        session = secrets.token_hex(16)
        self._sessions.put(_key_of(session))
        return session

    def remaining(self, key: str) -> float:
        """Seconds for which a session is good, by its key: another server asks."""
        return self._sessions.remaining(key)

    def _is_known(
        self, session: str, address: str, elsewhere: Callable[[str], float] | None
    ) -> bool:
        """Has a session been opened, here or (then it is known here too) at another server?"""
        key = _key_of(session)
        if self._sessions.get(key):
            return True
        tried = self._attempts.get(address)
        if elsewhere is None or tried >= MAX_ATTEMPTS:
            return False
        self._attempts.put(address, tried + 1)
        seconds = elsewhere(key)
        if seconds <= 0:
            return False
        self._sessions.put(key, lifetime=seconds)
        self._attempts.drop(address)
        return True

    def _check(self, username: str, password: str, address: str) -> None:
        tried = self._attempts.get(address)
        if tried >= MAX_ATTEMPTS or self._checks >= MAX_CHECKS:
            raise ConnectRefused(TOO_MANY)
        # Counted before it is known to be wrong: several may be under way at once.
        self._attempts.put(address, tried + 1)
        self._checks += 1
        try:
            # In any case, so that the time it takes does not tell whether the name was right.
            right = self._apart(matches, password, self._password)
        finally:
            self._checks -= 1
        if not (right and hmac.compare_digest(username.encode(), self._username.encode())):
            raise ConnectRefused(REFUSED)
        self._attempts.drop(address)
