"""Tickets where clients may come to several processes: through Redis, and among workers."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from signal import SIGKILL

import requests

from tests.conftest import Serve
from tests.functional.scenarios import Scenarios
from tests.support import PATIENCE, Redis, Server, free_port, wait_until

APP = "tests.functional.tickets_app:main"
SHARED = {"ticket_secret": "the same for all", "ticket_lifetime": 600}


class Browser:
    """Somebody with a session, at whichever server; each request is a connection of its own."""

    def __init__(self) -> None:
        self._cookies: dict[str, str] = {}

    def fetch_ticket(self, server: Server) -> str:
        url = f"{server.url}/socket.io/ticket"
        answer = requests.post(url, cookies=self._cookies, timeout=PATIENCE)
        self._cookies.update(answer.cookies)
        return str(answer.json()["ticket"])

    def _get(self, server: Server, **query: str) -> str:
        fields = {"EIO": "4", "transport": "polling", **query}
        url = f"{server.url}/socket.io/"
        return requests.get(url, params=fields, cookies=self._cookies, timeout=PATIENCE).text

    def open(self, server: Server) -> str:
        """A new session's id. It is of whom the ticket that was fetched before is for."""
        return str(json.loads(self._get(server)[1:])["sid"])

    def enter(self, server: Server, sid: str, ticket: str, namespace: str = "") -> str:
        """Bring the ticket; the answer."""
        query = {"EIO": "4", "transport": "polling", "sid": sid}
        said = f"40{namespace}{json.dumps({'ticket': ticket})}"
        requests.post(f"{server.url}/socket.io/", params=query, data=said, timeout=PATIENCE)
        return self._get(server, sid=sid)


def test_is_good_once_at_all_servers_of_a_redis(serve: Serve, shared_redis: Redis) -> None:
    browser = Browser()
    prefix = f"tickets-{free_port()}"
    a, b = (serve(APP, redis_url=shared_redis.url, redis_prefix=prefix, **SHARED) for _ in range(2))
    ticket = browser.fetch_ticket(a)
    sid = browser.open(b)
    assert browser.enter(b, sid, ticket).startswith("40{")
    assert browser.enter(b, sid, ticket, "/other,").startswith("40/other,{")

    refused = browser.open(a)
    assert "it has been used" in browser.enter(a, refused, ticket)
    assert "it has been used" in browser.enter(a, refused, ticket, "/other,")
    assert browser.enter(a, browser.open(a), browser.fetch_ticket(b)).startswith("40{")


def test_is_good_once_at_all_workers(serve: Serve) -> None:
    browser = Browser()
    # They have a secret in common without being given one.
    server = serve(APP, server={"workers": 2}, ticket_lifetime=600)
    server.expect("Serving on ")
    ticket = browser.fetch_ticket(server)
    sids: dict[str, list[str]] = {}

    def look() -> bool:
        sid = browser.open(server)
        sids.setdefault(sid[:2], []).append(sid)
        return len(sids) == 2

    wait_until(look, what="sessions at both workers")
    (first, *_), (second, *_) = sids.values()
    assert browser.enter(server, first, ticket).startswith("40{")
    assert browser.enter(server, first, ticket, "/other,").startswith("40/other,{")
    assert "it has been used" in browser.enter(server, second, ticket)


def test_waits_outside_while_redis_is_away(
    serve: Serve, scenarios: Scenarios, tmp_path: Path
) -> None:
    with closing(Redis(tmp_path)) as redis:
        redis.expect("Ready to accept connections")
        server = serve(APP, redis_url=redis.url, **SHARED)
        server.expect("is reached")
        redis.signal(SIGKILL)
        redis.wait()
    server.expect("is not reached")
    job = scenarios.start("tickets.fetched_each_time", server.url, transport="websocket")
    job.expect("turned away")
    server.expect("a ticket cannot be checked")
    with closing(Redis(tmp_path, port=redis.port)):
        # The client comes back by itself.
        job.result()
