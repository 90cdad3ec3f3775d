"""Pyramid's stack of current requests, one for each greenlet, in a process that is not patched.

Upstream: ``testing.app``. Downstream: ``pyramid.threadlocal``.

pserve patches the standard library, so that the stack belongs to greenlets; pytest does not.
Handlers of a test run in greenlets of one thread all the same, so while a test application is
open each greenlet is given its own stack whenever it is switched to.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import greenlet
from pyramid.threadlocal import ThreadLocalManager, manager


class Stacks:
    """Changes stacks between :meth:`begin` and :meth:`end`; calls may be nested."""

    def __init__(self) -> None:
        self._depth = 0
        self._tracer: Any = None
        self._stacks: WeakKeyDictionary[greenlet.greenlet, list[Any]] = WeakKeyDictionary()

    def begin(self) -> None:
        """From here on. Does nothing where threads have been patched."""
        if "gevent" in ThreadLocalManager.__mro__[1].__module__:
            return
        self._depth += 1
        if self._depth == 1:
            self._tracer = greenlet.settrace(self._switched)

    def end(self) -> None:
        """No longer."""
        if self._depth:
            self._depth -= 1
            if not self._depth:
                greenlet.settrace(self._tracer)

    # greenlet calls it where nothing is measured.
    def _switched(self, event: str, args: tuple[Any, Any]) -> None:  # pragma: no cover
        origin, target = args
        self._stacks[origin] = manager.stack
        manager.stack = self._stacks.get(target) or []
        if self._tracer is not None:
            self._tracer(event, args)


#: Those of this process.
stacks = Stacks()
