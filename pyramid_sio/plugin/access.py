"""The settings that say who may connect, and for how long.

Upstream: ``plugin.settings``, whose table goes on here.
"""

from __future__ import annotations

from pyramid.settings import asbool

from pyramid_sio.plugin.converters import interval, networks, seconds
from pyramid_sio.plugin.setting import Setting

ACCESS: tuple[Setting, ...] = (
    Setting(
        "trusted_proxies",
        networks,
        "",
        "Addresses and networks of proxies, such as 127.0.0.1 10.0.0.0/8, and unix for those on a "
        "unix socket; only they are believed what they say of scheme, host and address.",
    ),
    Setting(
        "require_ticket",
        asbool,
        "false",
        "Whether clients must bring a ticket in their auth that this application has put into "
        "one of its pages, for the same session; each is good once.",
    ),
    Setting("ticket_lifetime", seconds, "60", "Seconds after which a ticket is good no more."),
    Setting(
        "ticket_secret",
        str,
        "",
        "What tickets are signed with; empty: made up at the start. Servers that share a Redis "
        "need the same.",
    ),
    Setting(
        "reauth_interval",
        interval,
        "false",
        "Seconds after which clients are asked again who they are and what they may; false: only "
        "when sio.revoke() says so.",
    ),
)
