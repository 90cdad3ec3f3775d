"""What is pinned to the board."""

from __future__ import annotations

import itertools
from collections import deque
from typing import TypedDict

#: Pins kept of each corner.
KEPT = 30
LONGEST = 200
CORNERS = ("everybody", "keepers")


class Pin(TypedDict):
    id: int
    corner: str
    author: str
    text: str


class Pins:
    """The pins of each corner, the latest last."""

    def __init__(self) -> None:
        self._corners: dict[str, deque[Pin]] = {name: deque(maxlen=KEPT) for name in CORNERS}
        self._ids = itertools.count(1)

    def add(self, corner: str, author: str, text: str) -> Pin:
        """:raises ValueError: there is nothing to read in it, or too much"""
        text = " ".join(text.split())
        if not text or len(text) > LONGEST:
            raise ValueError(f"a pin has 1 to {LONGEST} characters")
        pin: Pin = {"id": next(self._ids), "corner": corner, "author": author, "text": text}
        self._corners[corner].append(pin)
        return pin

    def of(self, corner: str) -> list[Pin]:
        return list(self._corners[corner])
