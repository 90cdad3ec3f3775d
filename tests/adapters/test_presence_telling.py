from __future__ import annotations

from typing import Any

import pytest

from pyramid_sio.adapters import presence_telling as module
from pyramid_sio.adapters.presence_telling import Telling
from pyramid_sio.sockets.roster import begin
from tests.adapters.alone import alone
from tests.fakes import until


class Told:
    """What a server tells others of its users."""

    def __init__(self) -> None:
        self.server = alone()
        self.told: list[Any] = []
        nsp = self.server.nsp
        self.telling = Telling(lambda: nsp, lambda *what: self.told.append(what))

    def promise(self, *rooms: str | None, lease: float = 100.0) -> bool:
        nsp = self.server.nsp
        return self.telling.promise(nsp, begin(nsp), rooms, lease)

    def come(self, user: Any, *rooms: str) -> Any:
        _, socket = self.server.connect(*rooms)
        socket.user = user
        return socket

    def flush(self) -> list[Any]:
        self.telling.flush()
        told, self.told = self.told, []
        return told


@pytest.fixture
def told() -> Told:
    return Told()


def test_nothing_is_told_before_it_is_promised(told: Told) -> None:
    told.come("ada", "red")
    assert told.flush() == []
    assert told.telling.version == 0


def test_changes_are_numbered(told: Told) -> None:
    assert not told.promise("red", None)
    ada = told.come("ada", "red", "blue")
    assert told.flush() == [(1, [(None, ["ada"], []), ("red", ["ada"], [])])]
    ada.leave("red")
    assert told.flush() == [(2, [("red", [], ["ada"])])]
    assert told.flush() == []


def test_they_are_told_after_a_moment(told: Told) -> None:
    told.promise("red")
    told.come("ada", "red")
    told.come("bob", "red")
    until(lambda: told.told, what="changes to be told")
    assert told.told == [(1, [("red", ["ada", "bob"], [])])]


def test_who_comes_and_goes_in_that_moment_is_not_mentioned(told: Told) -> None:
    told.promise("red")
    told.come("ada", "red").leave("red")
    assert told.flush() == []
    ada = told.come("ada", "red")
    told.flush()
    ada.leave("red")
    ada.join("red")
    assert told.flush() == []
    assert told.telling.version == 1


def test_what_there_is_to_tell_is_told_before_more_is_promised(told: Told) -> None:
    told.promise("red")
    told.come("ada", "red")
    assert not told.promise("blue")
    assert told.told == [(1, [("red", ["ada"], [])])]


def test_a_promise_is_renewed(told: Told) -> None:
    assert not told.promise("red")
    assert told.promise("red")
    assert not told.promise("red", "blue")
    assert told.promise("blue", "red")
    assert len(told.telling) == 2


def test_a_promise_that_is_not_renewed_ends(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SWEEP", 0.01)
    told.promise("red", lease=0.02)
    told.promise("blue")
    told.come("ada", "red")
    until(lambda: len(told.telling) == 1, what="the promise to end")
    assert told.telling.version == 2
    assert told.server.nsp.roster is not None
    assert told.server.nsp.roster.watched == ["blue"]
    told.come("bob", "red")
    assert told.flush() == [(1, [("red", ["ada"], [])])]
    # Who asks again gets everything, and later changes have a number it does not expect.
    assert not told.promise("red")
    told.come("eve", "red")
    assert told.flush() == [(3, [("red", ["eve"], [])])]


@pytest.mark.parametrize("lease", [1e300, float("inf"), float("nan")])
def test_nothing_is_promised_for_ever(
    told: Told, monkeypatch: pytest.MonkeyPatch, lease: float
) -> None:
    monkeypatch.setattr(module, "SWEEP", 0.01)
    monkeypatch.setattr(module, "MAX_LEASE", 0.02)
    told.promise("red", lease=lease)
    until(lambda: len(told.telling) == 0, what="the promise to end")


def test_nor_of_any_number_of_rooms(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ROOMS", 2)
    rooms = [str(number) for number in range(5)]
    assert not told.promise(*rooms)
    # Who asks for more gets everything each time.
    assert not told.promise(*rooms)
    assert len(told.telling) == 2
    told.come("ada", *rooms)
    ((version, changes),) = told.flush()
    assert version == 1
    assert sorted(changes, key=str) == [("0", ["ada"], []), ("1", ["ada"], [])]


def test_nothing_is_told_after_the_end(told: Told) -> None:
    told.promise("red")
    told.come("ada", "red")
    told.telling.close()
    told.come("bob", "red")
    assert told.flush() == []
    assert len(told.telling) == 0


def test_a_namespace_that_is_gone(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SWEEP", 0.01)
    told.promise("red", lease=0.01)
    monkeypatch.setattr(told.telling, "_nsp", lambda: None)
    until(lambda: len(told.telling) == 0, what="the promise to end")


def test_who_watches_here_goes_on_watching(told: Told) -> None:
    client, socket = told.server.connect()
    socket.watch_presence("red")
    told.promise("red")
    told.telling.close()
    told.come("ada", "red")
    assert client.take() == ['2["presence",{"room":"red","user":"ada","joined":true}]']
