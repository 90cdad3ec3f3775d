"""Names that more than one module of the plugin says."""

from __future__ import annotations

#: The route of the endpoint; that of a further endpoint has its name behind it.
ROUTE_NAME = "pyramid_sio"


def route_name(endpoint: str) -> str:
    """The name of an endpoint's route.

    :param endpoint: its name; empty for the application's own
    """
    return f"{ROUTE_NAME}.{endpoint}" if endpoint else ROUTE_NAME
