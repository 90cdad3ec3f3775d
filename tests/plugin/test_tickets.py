"""Tickets: of this application, for this session, once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.response import Response
from pyramid.session import SignedCookieSessionFactory

from pyramid_sio.errors import AdapterError
from pyramid_sio.plugin.tickets import LONGEST, Tickets
from pyramid_sio.sockets.namespace import Namespace
from tests.fakes import FakeClock
from tests.plugin.conftest import Client, NewSite, Site
from tests.support import free_port


class Session:
    """A request, as far as its CSRF token goes."""

    def __init__(self, token: str = "token") -> None:
        self.registry = self
        self.token = token

    def queryUtility(self, interface: Any) -> Any:  # noqa: N802
        return self

    getUtility = queryUtility  # noqa: N815

    def get_csrf_token(self, request: Any = None) -> str:
        return self.token


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tickets(clock: FakeClock) -> Tickets:
    return Tickets(b"secret", 60, clock=clock)


class TestTickets:
    def test_are_good_once(self, tickets: Tickets) -> None:
        session: Any = Session()
        ticket = tickets.issue(session)
        assert tickets.check(session, ticket, "a") is None
        assert tickets.check(session, ticket, "a") is None, "in other namespaces"
        assert tickets.check(session, ticket, "b") == "it has been used"
        assert tickets.check(session, tickets.issue(session), "b") is None

    def test_are_good_for_a_while(self, tickets: Tickets, clock: FakeClock) -> None:
        session: Any = Session()
        ticket = tickets.issue(session)
        clock.advance(60)
        assert tickets.check(session, ticket, "a") is None
        clock.advance(1)
        assert tickets.check(session, ticket, "a") == "it is too old"

    def test_are_of_one_session_and_one_secret(self, tickets: Tickets, clock: FakeClock) -> None:
        session: Any = Session()
        other: Any = Session("other")
        ticket = tickets.issue(session)
        wrong = "it is of another session"
        assert tickets.check(other, ticket, "a") == wrong
        assert Tickets(b"", 60, clock=clock).check(session, ticket, "a") == wrong
        assert Tickets(b"secret", 60, clock=clock).check(session, ticket, "a") is None

    @pytest.mark.parametrize("end", ["", "0", "x"])
    def test_cannot_be_changed(self, tickets: Tickets, end: str) -> None:
        session: Any = Session()
        until, nonce, signature = tickets.issue(session).split(".")
        for forged in (
            f"9{until}.{nonce}.{signature}",
            f"{until}.{nonce}{end or 'y'}.{signature}",
            f"{until}.{nonce}.{signature[:-1]}{end}",
        ):
            if forged != f"{until}.{nonce}.{signature}":
                assert tickets.check(session, forged, "a") == "it is of another session"

    @pytest.mark.parametrize("ticket", [None, 5, [], {}, "x" * (LONGEST + 1)])
    def test_that_are_none(self, tickets: Tickets, ticket: Any) -> None:
        assert tickets.check(Session(), ticket, "a") == "there is none"  # type: ignore[arg-type]

    @pytest.mark.parametrize("ticket", ["", ".", "..", "1.2.3", "ö.ö.ö", "nan.x.y"])
    def test_that_look_like_some(self, tickets: Tickets, ticket: str) -> None:
        problem = tickets.check(Session(), ticket, "a")  # type: ignore[arg-type]
        assert problem == "it is of another session"

    def test_of_the_past_are_forgotten(self, tickets: Tickets, clock: FakeClock) -> None:
        session: Any = Session()
        for _ in range(10):
            tickets.check(session, tickets.issue(session), "a")
        assert len(tickets) == 10
        clock.advance(61)
        tickets.check(session, tickets.issue(session), "a")
        assert len(tickets) == 1


class Others:
    """Stands in for the other processes: what they answer when they are asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: bool | AdapterError = True

    def claim(self, name: str) -> bool:
        self.asked.append(name)
        if isinstance(self.answer, AdapterError):
            raise self.answer
        return self.answer


class TestOthers:
    @pytest.fixture
    def others(self) -> Others:
        return Others()

    @pytest.fixture
    def tickets(self, clock: FakeClock, others: Others) -> Tickets:
        return Tickets(b"secret", 60, claims=others, clock=clock)

    def test_are_asked_once(self, tickets: Tickets, others: Others) -> None:
        session: Any = Session()
        ticket = tickets.issue(session)
        assert [tickets.check(session, ticket, "a") for _ in range(2)] == [None, None]
        assert tickets.check(session, ticket, "b") == "it has been used"
        assert others.asked == [ticket.rpartition(".")[0]]

    def test_are_not_asked_for_what_is_no_ticket(self, tickets: Tickets, others: Others) -> None:
        tickets.check(Session(), "1.2.3", "a")  # type: ignore[arg-type]
        assert others.asked == []

    def test_have_seen_it(self, tickets: Tickets, others: Others) -> None:
        session: Any = Session()
        ticket = tickets.issue(session)
        others.answer = False
        used = "it has been used"
        assert [tickets.check(session, ticket, who) for who in "aab"] == [used] * 3
        assert len(others.asked) == 1

    def test_are_out_of_reach(self, tickets: Tickets, others: Others) -> None:
        session: Any = Session()
        ticket = tickets.issue(session)
        others.answer = AdapterError("gone")
        with pytest.raises(AdapterError):
            tickets.check(session, ticket, "a")
        others.answer = True
        assert tickets.check(session, ticket, "b") is None

    def test_a_second_one_does_not_get_in_meanwhile(
        self, tickets: Tickets, others: Others, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session: Any = Session()
        ticket = tickets.issue(session)
        meanwhile: list[str | None] = []

        def claim(name: str) -> bool:
            meanwhile.append(tickets.check(session, ticket, "b"))
            return True

        monkeypatch.setattr(others, "claim", claim)
        assert tickets.check(session, ticket, "a") is None
        assert meanwhile == ["it has been used"]


def test_servers_that_share_a_redis_need_a_secret(new_site: NewSite) -> None:
    shared = {"require_ticket": "true", "redis_url": f"redis://127.0.0.1:{free_port()}"}
    with pytest.raises(ConfigurationError, match=r"needs a sio\.ticket_secret"):
        new_site(**shared)
    new_site(**shared, adapter="memory")
    new_site(**shared, ticket_secret="x")


def page(request: Any) -> Response:
    return Response(f"{request.sio_script_tag()}{request.sio_options_tag()}")


@pytest.fixture
def site(new_site: NewSite) -> Site:
    def configure(config: Configurator) -> None:
        config.set_session_factory(SignedCookieSessionFactory("secret"))
        config.add_sio_namespace("/other", Namespace)
        config.add_route("page", "/page")
        config.add_view(page, route_name="page")

    return new_site(configure, require_ticket="true")


def ticket_in(text: str) -> str:
    options = text.partition('id="sio-options">')[2].partition("</script>")[0]
    ticket: str = json.loads(options)["auth"]["ticket"]
    return ticket


def enter(client: Client, ticket: str | None, namespace: str = "") -> str:
    auth = "" if ticket is None else json.dumps({"ticket": ticket})
    return client.join(f"40{namespace}{auth}")


class TestApplication:
    def test_lets_in_who_has_been_on_the_page(self, site: Site) -> None:
        ticket = ticket_in(site.web.get("/page").text)
        client = site.open()
        assert enter(client, ticket).startswith("40{")
        assert enter(client, ticket, "/other,").startswith("40/other,{")
        assert "it has been used" in enter(site.open(), ticket)

    def test_lets_in_nobody_else(self, site: Site, caplog: pytest.LogCaptureFixture) -> None:
        assert enter(site.open(), None) == '44{"message":"a ticket is needed: there is none"}'
        ticket = ticket_in(site.web.get("/page").text)
        site.web.reset()
        assert "it is of another session" in enter(site.open(), ticket)
        assert "ticket refused" in caplog.text

    def test_gives_pages_another_one(self, site: Site) -> None:
        answer = site.web.get("/socket.io/ticket")
        assert answer.headers["Cache-Control"] == "no-store"
        assert enter(site.open(), answer.json["ticket"]).startswith("40{")
        refused = site.web.get(
            "/socket.io/ticket", headers={"Origin": "https://evil.example"}, status=403
        )
        assert "ticket" not in refused.json

    def test_without_the_setting_needs_none(self, new_site: NewSite) -> None:
        site = new_site()
        assert site.open().join().startswith("40{")
        assert site.web.get("/socket.io/ticket", status=400)

    def test_asks_none_of_the_admin_ui(self, new_site: NewSite) -> None:
        site = new_site(require_ticket="true", admin="true", admin_auth="none")
        client = site.open()
        client.post("40/admin,")
        assert client.poll()[0].startswith("40/admin,{")
