"""What ``socketio.sdjango`` was: namespaces of Django applications, and a view for all of them.

Upstream: a project's ``urls.py``, and ``sockets.py`` of its applications. Downstream:
``compat.manage``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from django.http import HttpRequest, HttpResponse
from django.urls import re_path
from django.utils.module_loading import autodiscover_modules
from django.views.decorators.csrf import csrf_exempt

from pyramid_sio.compat.manage import socketio_manage

if TYPE_CHECKING:
    from pyramid_sio.compat.namespace import BaseNamespace

_C = TypeVar("_C", bound="type[BaseNamespace]")

#: The classes that :func:`namespace` has marked, by the names of their namespaces.
SOCKETIO_NS: dict[str, type[BaseNamespace]] = {}


def namespace(name: str = "") -> Callable[[_C], _C]:
    """Mark a class derived from ``BaseNamespace``; of two for one namespace the later one counts.

    :param name: ``'/chat'``, or ``''`` for the namespace that clients connect to by default
    """

    def mark(cls: _C) -> _C:
        SOCKETIO_NS[name] = cls
        return cls

    return mark


def autodiscover() -> None:
    """Import the module ``sockets`` of each of ``INSTALLED_APPS`` that has one.

    Called in ``urls.py``, say, once Django is set up. What such a module raises is raised here.
    """
    autodiscover_modules("sockets")


@csrf_exempt  # type: ignore[untyped-decorator]
def socketio(request: HttpRequest) -> Any:
    """The view of all requests below ``/socket.io/``.

    Pages of other sites are kept out by their origin: CSRF tokens are not asked for.
    """
    socketio_manage(request.environ, SOCKETIO_NS, request)
    return HttpResponse("")


#: For ``re_path(r"^socket\\.io", include(sdjango.urls))``.
urls = [re_path("", socketio)]
