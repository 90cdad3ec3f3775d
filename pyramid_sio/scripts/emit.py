"""``psio emit``: an event for clients, or a word to servers, from the command line.

Upstream: ``psio``. Downstream: ``pyramid_sio.emitter``; no application is loaded.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from pyramid.exceptions import ConfigurationError

from pyramid_sio.emitter import Emitter
from pyramid_sio.errors import SioError
from pyramid_sio.protocol.published import read_published

HELP = "send an event to clients of running servers, through their Redis"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``psio emit``."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--ini", help="the ini file of the servers, as in production.ini#main")
    where.add_argument("--url", help="their Redis, as in redis://localhost:6379/0")
    parser.add_argument(
        "--adapter",
        choices=("redis", "redis-sharded", "redis-streams"),
        help="what they are joined by, with --url; else the ini file says it (default: redis)",
    )
    parser.add_argument("--prefix", help="what their channels begin with, with --url")
    parser.add_argument("--to", action="append", default=[], metavar="ROOM", help="only who is in")
    parser.add_argument(
        "--except",
        dest="except_",
        action="append",
        default=[],
        metavar="ROOM",
        help="not who is in",
    )
    parser.add_argument(
        "--volatile", action="store_true", help="drop it for clients that are not ready"
    )
    parser.add_argument(
        "--server-side", action="store_true", help="for the servers themselves (on_server)"
    )
    parser.add_argument("namespace", help="its path, as in /chat")
    parser.add_argument("event", help="its name")
    parser.add_argument(
        "arguments", nargs="*", help="each as JSON, or else the text itself", metavar="argument"
    )


def run(args: argparse.Namespace, out: Callable[[str], None]) -> int:
    """Send it; the exit status."""
    values = [read_published(text.encode("utf-8", "surrogateescape")) for text in args.arguments]
    try:
        with _emitter(args) as emitter:
            _send(emitter, args, values)
    except (SioError, ConfigurationError, ValueError, TypeError, OSError) as exc:
        print(f"psio: {exc}", file=sys.stderr)
        return 1
    out(f"sent {args.event!r} to {args.namespace}")
    return 0


def _emitter(args: argparse.Namespace) -> Emitter:
    if args.ini is not None:
        if args.adapter or args.prefix:
            raise ValueError("the ini file says the adapter and the prefix")
        return Emitter.from_ini(args.ini)
    options = {"adapter": args.adapter, "redis_prefix": args.prefix}
    given = {name: value for name, value in options.items() if value is not None}
    return Emitter.from_url(args.url, **given)


def _send(emitter: Emitter, args: argparse.Namespace, values: list[Any]) -> None:
    nsp = emitter.of(args.namespace)
    if args.server_side:
        if args.to or args.except_ or args.volatile:
            raise ValueError("what is for servers is for all of them")
        nsp.server_side_emit(args.event, *values)
        return
    chain = nsp.to(*args.to).except_(*args.except_)
    if args.volatile:
        chain = chain.volatile
    chain.emit(args.event, *values)
