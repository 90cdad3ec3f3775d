"""``sio.metrics``: the numbers of this process, and a view that shows them.

Upstream: ``plugin.endpoint``, and the application's route. Downstream: ``metrics``, which is
loaded only if the setting asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pyramid.exceptions import ConfigurationError
from pyramid.response import Response

from pyramid_sio.engine.watched import WatchedSession, watched_by
from pyramid_sio.interfaces import IEndpoint
from pyramid_sio.sockets.dynamic import Family
from pyramid_sio.workers.member import current

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from pyramid.request import Request

    from pyramid_sio.engine.server import EngineServer
    from pyramid_sio.sockets.server import SioServer


def set_up_metrics(
    values: Mapping[str, Any],
    sio: SioServer,
    engine: EngineServer,
    *,
    redis: Callable[[], dict[str, Any] | None],
) -> CollectorRegistry | None:
    """Count from now on, if ``sio.metrics`` says so; called after the admin UI was set up.

    :param redis: what is known of the way to Redis
    :raises ConfigurationError: the package for it is not installed
    """
    if not values["metrics"]:
        return None
    try:
        from pyramid_sio.metrics.collector import SioCollector, registry_of
    except ImportError as exc:
        raise ConfigurationError(
            f"sio.metrics needs {exc.name}: pip install 'pyramid-sio[metrics]'"
        ) from exc
    from pyramid_sio.metrics.tally import Both, Tally

    tally = Tally()
    session_class = engine.session_class
    if issubclass(session_class, WatchedSession):
        engine.session_class = watched_by(Both(session_class.watcher, tally))
    else:
        engine.session_class = watched_by(tally)
    collector = SioCollector(
        tally,
        sessions=lambda: list(engine.sessions.values()),
        members=lambda: _members(sio),
        redis=redis,
    )
    registry = registry_of(collector)
    _answer_others(registry, values["path"])
    return registry


def _members(sio: SioServer) -> Iterator[tuple[str, int]]:
    """Clients by declaration: clients choose the names of a pattern's namespaces."""
    for nsp in sio:
        children = list(nsp.children.values()) if isinstance(nsp, Family) else [nsp]
        yield nsp.name, sum(len(child.sockets) for child in children)


def get_metrics(registry: Any) -> CollectorRegistry:
    """The numbers of an application's Socket.IO, as a registry of ``prometheus_client``.

    :param registry: the application's
    :raises LookupError: it does not include ``pyramid_sio``, or ``sio.metrics`` is false
    """
    endpoint = registry.queryUtility(IEndpoint)
    metrics: CollectorRegistry | None = getattr(endpoint, "metrics", None)
    if metrics is None:
        raise LookupError("there are no metrics: set sio.metrics = true")
    return metrics


def metrics_view(request: Request) -> Response:
    """A view for Prometheus: give it a route, and a permission if the route is not private.

    In one of several workers it tells of all of them, and waits for their answers.
    """
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    registry: Any = get_metrics(request.registry)
    member = current()
    if member is not None:
        from pyramid_sio.metrics.gathering import Gathered

        endpoint = request.registry.getUtility(IEndpoint)
        answers = member.asking.ask_all(_topic(endpoint.path))
        others = {slot + 1: answer for slot, answer in answers.items()}
        registry = Gathered(registry, member.slot + 1, others)
    response = Response(generate_latest(registry))
    response.headers["Content-Type"] = CONTENT_TYPE_LATEST
    return response


def _topic(path: str) -> str:
    """What the metrics of an endpoint are called among workers."""
    return f"metrics {path}"


def _answer_others(registry: CollectorRegistry, path: str) -> None:
    """Tell the other workers, if there are any, when they ask."""
    member = current()
    if member is not None:
        from pyramid_sio.metrics.gathering import dump

        member.answers[_topic(path)] = lambda: dump(registry.collect())
