"""``sio.admin``: puts the watch in place that the admin UI looks through.

Upstream: ``plugin.endpoint``. Downstream: ``admin``, which is loaded only here.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import gevent
from pyramid.exceptions import ConfigurationError

from pyramid_sio.engine.services import register
from pyramid_sio.engine.watched import watched_by
from pyramid_sio.sockets.server import normalise
from pyramid_sio.workers.member import current

if TYPE_CHECKING:
    from pyramid_sio.admin.login import Login
    from pyramid_sio.admin.watch import Watch
    from pyramid_sio.engine.server import EngineServer
    from pyramid_sio.plugin.rooms import Rooms
    from pyramid_sio.sockets.server import SioServer

logger = logging.getLogger(__name__)

BASIC, NONE = "basic", "none"


def set_up_admin(
    values: Mapping[str, Any],
    sio: SioServer,
    engine: EngineServer,
    *,
    rooms: Rooms,
) -> Watch | None:
    """Watch a server that has no namespaces yet, if the settings say so.

    :param values: the converted settings
    :param rooms: tells whether there are other servers, whose admins see this one too
    :returns: the watch, whose namespace is still to be added; None: nobody is to look
    :raises ConfigurationError: a setting is missing or wrong
    """
    if not values["admin"]:
        return None
    login = _login(values)
    from pyramid_sio.admin.describe import note
    from pyramid_sio.admin.watch import AdminSettings, Watch

    settings = AdminSettings(
        namespace=normalise(values["admin_namespace"]),
        login=login,
        readonly=values["admin_readonly"],
        production=values["admin_mode"] == "production",
        server_id=_server_id(values["admin_server_id"]),
        shared=rooms.shared,
        foreign=rooms.foreign,
    )
    watch = Watch(
        sio,
        settings,
        sessions=engine.sessions.values,
        call_later=engine.wheel.call_later,
    )
    register(watch)
    sio.observer = watch
    engine.session_class = watched_by(watch)
    if not settings.production:
        sio.adapter_factory = watch.wrap(sio.adapter_factory)
        sio.make_data = watch.make_data
        if rooms.shared:
            sio.note = note
    if login is None:
        logger.warning(
            "sio.admin_auth = none: whoever reaches %s sees everything%s",
            settings.namespace,
            "" if settings.readonly else " and may disconnect everybody",
        )
    return watch


def _server_id(said: str) -> str:
    """What tells this process from others; of several workers, each has another."""
    member = current()
    if not said:
        return f"{socket.gethostname()}#{os.getpid()}"
    return said if member is None else f"{said}#{member.slot + 1}"


def _login(values: Mapping[str, Any]) -> Login | None:
    """Who may look; None: everybody. Never names a password, even one that is no hash."""
    if values["admin_auth"] == NONE:
        return None
    for name in ("admin_username", "admin_password"):
        if not values[name]:
            raise ConfigurationError(
                f"sio.admin needs sio.{name}; or say sio.admin_auth = none to let everybody in"
            )
    try:
        from pyramid_sio.admin.login import Login, is_hash
    except ImportError as exc:
        raise ConfigurationError(
            f"sio.admin needs {exc.name}: pip install 'pyramid_sio[admin]'"
        ) from exc
    if not is_hash(values["admin_password"]):
        raise ConfigurationError(
            "sio.admin_password must be a bcrypt hash, such as this prints: python -c "
            "'import bcrypt, getpass; "
            "print(bcrypt.hashpw(getpass.getpass().encode(), bcrypt.gensalt()).decode())'"
        )
    return Login(values["admin_username"], values["admin_password"], apart=_apart)


def _apart(func: Callable[..., Any], *args: Any) -> Any:
    """``func(*args)`` in a native thread; other greenlets go on meanwhile."""
    return gevent.get_hub().threadpool.apply(func, args)
