"""What a scan finds."""

from __future__ import annotations

from typing import Any

from pyramid_sio import Namespace, sio_namespace


def make_context(request: Any) -> object:
    return object()


@sio_namespace("/scanned")
class Scanned(Namespace): ...


@sio_namespace("/guarded", permission="enter", factory=".scanned.make_context")
class Guarded(Namespace): ...


@sio_namespace("/doc/{id}")
class Doc(Namespace): ...


@sio_namespace("/twice")
@sio_namespace("/again")
class Twice(Namespace): ...
