"""Names that more than one module of the plugin says."""

from __future__ import annotations

#: The route of the endpoint; that of a further endpoint has its name behind it.
ROUTE_NAME = "pyramid_sio"
