"""What the application has around its requests, put around an event: transactions, retries.

Upstream: ``plugin.context`` and ``plugin.pipeline``. Downstream: the application's execution
policy (that of pyramid_retry, say), the tween of pyramid_tm, exception views; then the handler.

Both are the application's own, as Pyramid has them configured: each thinks that an event is a
request. So their settings and hooks mean what they mean for views, and nothing of them is
imported here. No other tween sees an event.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import gevent
from pyramid.interfaces import IExecutionPolicy, ITweens
from pyramid.response import Response

from pyramid_sio.plugin.answers import invoke_exception_view, shaped
from pyramid_sio.plugin.frames import frame_of

if TYPE_CHECKING:
    from pyramid.registry import Registry
    from pyramid.request import Request

    from pyramid_sio.plugin.frames import Frame
    from pyramid_sio.sockets.namespace import Namespace

TM_TWEEN = "pyramid_tm.tm_tween_factory"
_STEP = "pyramid_sio.step"


class Result(Response):  # type: ignore[misc]
    """What a handler has returned, for who expects a response; 200, and the headers that it
    gave ``request.response``, for a commit veto to look at."""

    def __init__(self, value: Any, request: Request) -> None:
        super().__init__()
        given = vars(request).get("response")
        if given is not None:
            self.status = given.status
            self.headers.update(given.headers)
        self.value = value


class Surroundings:
    """What one application has around events."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._policy: Callable[..., Any] | None = registry.queryUtility(IExecutionPolicy)
        self._chain = self._call
        factory = _tm_tween_factory(registry)
        #: Is there a transaction around each event?
        self.has_transactions = factory is not None
        if factory is not None:
            self._chain = factory(self._call, registry)

    @property
    def needed(self) -> bool:
        """Is there anything at all?"""
        return self.has_transactions or self._policy is not None

    def run(self, socket: Namespace, func: Callable[..., Any], args: Iterable[Any]) -> Any:
        """``func(*args)`` with all that around it, in the frame of a handler of ``socket``.

        :raises ShapedError: it failed, and an exception view has answered
        """
        frame = frame_of(socket)
        assert frame is not None
        environ = socket.handshake.environ()
        environ[_STEP] = _Step(func, tuple(args))
        router = _Router(self.registry, frame, self._chain)
        if self._policy is None:
            with router.request_context(environ) as request:
                response = router.invoke_request(request)
        else:
            response = self._policy(environ, router)
        if isinstance(response, Result):
            return response.value
        raise shaped(response, router.error or Exception("no handler has run"))

    def run_within(
        self, outer: Request, socket: Namespace, func: Callable[..., Any], args: Iterable[Any]
    ) -> Any:
        """``func(*args)`` in the transaction of another request of this greenlet."""
        frame = frame_of(socket)
        assert frame is not None
        environ = socket.handshake.environ()
        shared = ("tm.active", "tm.manager")
        environ.update((key, outer.environ[key]) for key in shared if key in outer.environ)
        frame.begin(environ)
        return func(*args)

    @staticmethod
    def _call(request: Request) -> Response:
        """The innermost: the handler, and exception views for what it raises."""
        step: _Step = request.environ[_STEP]
        try:
            return Result(step(request), request)
        except gevent.Timeout as timeout:
            return invoke_exception_view(request, TimeoutError(str(timeout)))
        except Exception as exc:  # noqa: BLE001 - whatever the application raises
            return invoke_exception_view(request, exc)
        except BaseException:
            # The handler was killed. Tweens don't reckon with that.
            manager = request.environ.get("tm.manager")
            if manager is not None:
                manager.abort()
            raise


def _tm_tween_factory(registry: Registry) -> Callable[..., Any] | None:
    tweens = registry.queryUtility(ITweens)
    if tweens is None:
        return None
    return dict(tweens.explicit or tweens.implicit()).get(TM_TWEEN)


class _Step:
    """A handler and its arguments; those of an attempt that may not be the last are copied."""

    __slots__ = ("_args", "_func")

    def __init__(self, func: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._func = func
        self._args = args

    def __call__(self, request: Request) -> Any:
        environ = request.environ
        args = self._args
        if environ.get("retry.attempt", 0) + 1 < environ.get("retry.attempts", 1):
            args = tuple(copy.deepcopy(arg) if isinstance(arg, list) else arg for arg in args)
        return self._func(*args)


class _Router:
    """As much of Pyramid's router as an execution policy uses; for one event."""

    __slots__ = ("_chain", "error", "frame", "registry")

    def __init__(
        self, registry: Registry, frame: Frame, chain: Callable[[Request], Response]
    ) -> None:
        self.registry = registry
        self.frame = frame
        #: What the handler raised last.
        self.error: Exception | None = None
        self._chain = chain

    def request_context(self, environ: dict[str, Any]) -> _Context:
        return _Context(self.frame, environ)

    def invoke_request(self, request: Request, _use_tweens: bool = True) -> Response:
        self.error = None
        try:
            return self._chain(request)
        except Exception as exc:
            self.error = exc
            raise
        finally:
            if self.error is None:
                self.error = getattr(request, "exception", None)


class _Context:
    """The request of one attempt."""

    __slots__ = ("_environ", "_frame")

    def __init__(self, frame: Frame, environ: dict[str, Any]) -> None:
        self._frame = frame
        self._environ = environ

    def begin(self) -> Request:
        if self._frame.made is not None:
            self._frame.finish()
        return self._frame.begin(self._environ)

    def end(self) -> None:
        if self._frame.made is not None:
            self._frame.finish()

    def __enter__(self) -> Request:
        return self.begin()

    def __exit__(self, *exc_info: object) -> None:
        self.end()
