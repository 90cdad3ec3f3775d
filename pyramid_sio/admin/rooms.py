"""An adapter and a dict that tell what is done to them. Chosen at the start, if at all.

Upstream: ``sockets`` uses them like any others. Downstream: ``admin.watch``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyramid_sio.interfaces import IAdapter
    from pyramid_sio.sockets.namespace import Namespace

#: Called with a connection and the names of rooms.
Heard = Callable[["Namespace", Iterable[str]], None]


class WatchedAdapter:
    """Stands before an adapter and tells who joins and who leaves; the rest passes through.

    :param joined: told after the connection has become a member
    :param parted: told after it has left
    """

    def __init__(self, inner: IAdapter, joined: Heard, parted: Heard) -> None:
        self._inner = inner
        self._joined = joined
        self._parted = parted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def add(self, socket: Namespace, rooms: Iterable[str]) -> None:
        rooms = tuple(rooms)
        self._inner.add(socket, rooms)
        self._joined(socket, rooms)

    def remove(self, socket: Namespace, rooms: Iterable[str]) -> None:
        rooms = tuple(rooms)
        self._inner.remove(socket, rooms)
        self._parted(socket, rooms)


class WatchedData(dict[str, Any]):
    """A connection's own data; tells when an entry is set or removed.

    What changes inside of an entry is not noticed.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__()
        self._changed = changed

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        self._changed()

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._changed()

    def __ior__(self, other: Any) -> WatchedData:  # type: ignore[override,misc]
        self.update(other)
        return self

    def setdefault(self, key: str, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *args: Any, **entries: Any) -> None:
        super().update(*args, **entries)
        self._changed()

    def pop(self, key: str, *default: Any) -> Any:
        value = super().pop(key, *default)
        self._changed()
        return value

    def popitem(self) -> tuple[str, Any]:
        item = super().popitem()
        self._changed()
        return item

    def clear(self) -> None:
        super().clear()
        self._changed()
