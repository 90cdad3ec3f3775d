"""``psio shell``: Python's prompt, with the application and its Socket.IO at hand.

Upstream: ``scripts.psio``. Downstream: the person at the prompt. Nothing is served; with
``sio.redis_url`` set, what is emitted reaches the clients of the servers that are.
"""

from __future__ import annotations

import argparse
import code
from collections.abc import Callable
from typing import Any

from pyramid_sio.plugin import get_sio
from pyramid_sio.scripts.describe import CannotDescribe

HELP = "a Python prompt with sio, request, app and registry"
BANNER = """\
sio       the Socket.IO server, as request.sio: sio.of('/chat').emit('news', 'hello')
request   an active request
app       the application
registry  its registry"""


def setup(env: dict[str, Any]) -> None:
    """For Pyramid's own prompt: ``setup = pyramid_sio.scripts.shell.setup`` below ``[pshell]``."""
    env["sio"] = get_sio(env["registry"])


def run(env: dict[str, Any], args: argparse.Namespace, out: Callable[[str], None]) -> int:
    """Open the prompt; returns when the person leaves it."""
    try:
        sio = get_sio(env["registry"])
    except LookupError as exc:
        raise CannotDescribe(str(exc)) from exc
    names = {name: env[name] for name in ("app", "registry", "request", "root")}
    code.interact(banner=BANNER, local={**names, "sio": sio}, exitmsg="")
    return 0
