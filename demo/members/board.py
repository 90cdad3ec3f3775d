"""The board's namespace: who may enter, pin, suspend, and be in which corner.

No ``if`` in here asks who somebody is. ``permission=`` and ``room_factory=`` do, and the policy
in ``people.py`` answers.
"""

from __future__ import annotations

from typing import Any, Literal

from demo.members.people import Board, Corner
from demo.members.pins import CORNERS, Pin
from pyramid_sio import EventError, Namespace, on, sio_namespace


@sio_namespace(
    "/board",
    permission="read",
    factory=lambda request: Board(),
    room_factory=lambda request, name: Corner(name),
)
class BoardNamespace(Namespace):
    """One page of somebody who has logged in."""

    class ServerToClient:
        """What a page hears."""

        def pinned(self, pin: Pin) -> None:
            """Somebody has pinned something."""

        def people(self, people: list[dict[str, Any]]) -> None:
            """Somebody was suspended, or is no longer."""

    def on_connect(self, auth: dict[str, Any] | None) -> None:
        self.emit("people", self._people())

    def on_look(self, corner: Literal["everybody", "keepers"]) -> list[Pin]:
        """Go to a corner: its pins, and from now on all news from there."""
        self.join(corner)
        self.leave(*(name for name in CORNERS if name != corner))
        return self.request.pins.of(corner)  # type: ignore[no-any-return]

    @on("pin", permission="pin", rate="5/s")
    def pin(self, text: str) -> Pin:
        """Pin something in the corner one is in."""
        corner = next((name for name in CORNERS if name in self.rooms), None)
        if corner is None:
            raise EventError("look at a corner first")
        try:
            pin = self.request.pins.add(corner, self.user, text)
        except ValueError as error:
            raise EventError(str(error)) from None
        self.nsp.to(corner).emit("pinned", pin)
        return pin  # type: ignore[no-any-return]

    @on("suspend", permission="suspend")
    def suspend(self, name: str, suspended: bool) -> None:
        """Take everything from a member, or give it back. Their pages notice at once."""
        person = self.request.people.get(name)
        if person is None or person.role == "keeper":
            raise EventError("only members can be suspended")
        person.suspended = suspended
        self.nsp.revoke(name)
        self.nsp.emit("people", self._people())

    def _people(self) -> list[dict[str, Any]]:
        return [
            {"name": person.name, "role": person.role, "suspended": person.suspended}
            for person in self.request.people
        ]
