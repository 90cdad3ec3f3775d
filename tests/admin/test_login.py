from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bcrypt
import pytest

from pyramid_sio.admin import login as module
from pyramid_sio.admin.login import REFUSED, TOO_MANY, Login, Recent, is_hash, matches
from pyramid_sio.errors import ConnectRefused
from tests.fakes import FakeClock

HASH = bcrypt.hashpw(b"sesame", bcrypt.gensalt(4)).decode()
RIGHT = {"username": "ada", "password": "sesame"}
WRONG = {"username": "ada", "password": "guess"}


def at_once(func: Callable[..., Any], *args: Any) -> Any:
    return func(*args)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def login(clock: FakeClock) -> Login:
    return Login("ada", HASH, apart=at_once, clock=clock)


def test_hashes() -> None:
    assert is_hash(HASH)
    assert is_hash(HASH.replace("$2b$", "$2a$"))
    assert not is_hash("sesame")
    assert not is_hash(HASH[:-1])
    assert not is_hash(HASH + "\n")


def test_passwords() -> None:
    assert matches("sesame", HASH)
    assert not matches("", HASH)
    assert not matches("sesame\0", HASH)
    long = "x" * 100
    assert matches(long, bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode())


def test_session_spares_the_password_for_a_day(login: Login, clock: FakeClock) -> None:
    session = login.admit(RIGHT, "a")
    clock.advance(86_399)
    assert login.admit({"sessionId": session}, "a") is None
    clock.advance(1)
    with pytest.raises(ConnectRefused, match=REFUSED):
        login.admit({"sessionId": session}, "a")


@pytest.mark.parametrize(
    "auth",
    [
        None,
        {},
        WRONG,
        {"username": "eve", "password": "sesame"},
        {"username": "ada"},
        {"username": ["ada"], "password": "sesame"},
        {"sessionId": "made up"},
        {"sessionId": ["x"]},
        {"sessionId": None},
    ],
)
def test_refused(login: Login, auth: Any) -> None:
    with pytest.raises(ConnectRefused, match=REFUSED):
        login.admit(auth, "a")


def test_attempts_are_limited_by_address(login: Login, clock: FakeClock) -> None:
    for _ in range(5):
        with pytest.raises(ConnectRefused, match=REFUSED):
            login.admit(WRONG, "a")
    with pytest.raises(ConnectRefused, match=TOO_MANY):
        login.admit(RIGHT, "a")
    assert login.admit(RIGHT, "b")
    clock.advance(60)
    assert login.admit(RIGHT, "a")


def test_success_forgets_attempts(login: Login) -> None:
    for _ in range(2):
        for _ in range(4):
            with pytest.raises(ConnectRefused, match=REFUSED):
                login.admit(WRONG, "a")
        assert login.admit(RIGHT, "a")


def test_few_passwords_are_checked_at_once() -> None:
    refusals: list[str] = []

    def apart(func: Callable[..., Any], *args: Any) -> Any:
        # While one is being checked, others come.
        try:
            login.admit(RIGHT, f"address {len(refusals)}")
        except ConnectRefused as refusal:
            refusals.append(refusal.message)
        return func(*args)

    login = Login("ada", HASH, apart=apart)
    assert login.admit(RIGHT, "first")
    assert refusals == [TOO_MANY]
    # A check that failed in another way is over, too.
    login = Login("ada", HASH, apart=lambda func, *args: 1 / 0)
    for address in "abc":
        with pytest.raises(ZeroDivisionError):
            login.admit(RIGHT, address)


def test_sessions_are_limited(login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "matches", lambda password, hashed: True)
    first = login.admit(RIGHT, "a")
    for _ in range(module.MAX_SESSIONS):
        login.admit(RIGHT, "a")
    with pytest.raises(ConnectRefused):
        login.admit({"sessionId": first}, "a")


def test_oldest_entries_give_way(clock: FakeClock) -> None:
    recent = Recent(2, 60, clock)
    recent.put("a")
    recent.put("b")
    recent.put("a", 5)
    recent.put("c")
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (5, 0, 1)
    assert len(recent) == 2
    recent.drop("a")
    recent.drop("never there")
    assert recent.get("a") == 0


def test_sessions_of_other_servers(login: Login, clock: FakeClock) -> None:
    other = Login("ada", HASH, apart=at_once, clock=clock)
    session = other.admit(RIGHT, "a")
    assert session is not None
    asked: list[str] = []

    def elsewhere(key: str) -> float:
        asked.append(key)
        return other.remaining(key)

    clock.advance(86_000)
    assert login.admit({"sessionId": session}, "a", elsewhere) is None
    # Nobody learns what it is; and it lasts no longer than there.
    assert session not in asked[0]
    clock.advance(399)
    assert login.admit({"sessionId": session}, "a", elsewhere) is None
    assert len(asked) == 1
    clock.advance(1)
    with pytest.raises(ConnectRefused, match=REFUSED):
        login.admit({"sessionId": session}, "a", elsewhere)


def test_others_are_not_asked_for_ever(login: Login) -> None:
    asked: list[str] = []

    def elsewhere(key: str) -> float:
        asked.append(key)
        return 0.0

    for number in range(20):
        with pytest.raises(ConnectRefused):
            login.admit({"sessionId": f"guess {number}"}, "a", elsewhere)
    assert len(asked) == module.MAX_ATTEMPTS
