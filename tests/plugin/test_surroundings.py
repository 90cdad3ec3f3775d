"""Events in transactions, by the real pyramid_tm; tried again, by the real pyramid_retry."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, ClassVar

import gevent
import pytest
import transaction
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPConflict
from pyramid.response import Response
from pyramid.threadlocal import get_current_request
from pyramid_retry import BeforeRetry, RetryableException

from pyramid_sio import ConnectRefused, EventError, SioConnected, on
from pyramid_sio.sockets.namespace import Namespace
from tests.fakes import until
from tests.plugin.conftest import Client, NewSite, Site
from tests.plugin.people import CookiePolicy


class Witness:
    """A data manager that writes down how transactions end."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.transaction_manager = transaction.manager

    def abort(self, txn: Any) -> None:
        self.log.append("abort")

    def tpc_finish(self, txn: Any) -> None:
        self.log.append(f"commit by {txn.user or 'nobody'}")

    def tpc_vote(self, txn: Any) -> None:
        if "veto" in self.log:
            self.log.remove("veto")
            raise LookupError("at the commit")

    def tpc_abort(self, txn: Any) -> None: ...
    def tpc_begin(self, txn: Any) -> None: ...
    def commit(self, txn: Any) -> None: ...
    def sortKey(self) -> str:  # noqa: N802
        return "witness"


LOG: list[str] = []


def witness(request: Any) -> Witness:
    """``request.witness``: joins the request's transaction."""
    found = Witness(LOG)
    request.tm.get().join(found)
    return found


class Desk(Namespace):
    numbers: ClassVar[list[int]] = []

    def on_connect(self, auth: Any) -> None:
        self.numbers.clear()
        LOG.append("connect")
        assert self.request.witness
        if auth:
            raise ConnectRefused("no")

    def on_disconnect(self, reason: Any) -> None:
        if reason == "client namespace disconnect":
            LOG.append("disconnect")
            assert self.request.witness

    def on_note(self, what: str) -> str:
        assert self.request is get_current_request()
        assert self.request.witness
        if what == "fail":
            raise LookupError("no such note")
        if what == "refuse":
            raise EventError("no")
        if what == "conflict":
            raise HTTPConflict
        if what == "late":
            with gevent.Timeout(0.001):
                gevent.sleep(10)
        if what == "die":
            raise gevent.GreenletExit
        if what == "doom":
            self.request.tm.get().doom()
        if what == "veto":
            self.request.response.headers["X-Tm"] = "abort"
        return what

    def on_try(self, wanted: list[int]) -> list[int]:
        wanted.append(len(self.numbers))
        self.numbers.append(id(self.request))
        if len(self.numbers) < wanted[0]:
            raise RetryableException
        return wanted

    @on("free", transaction=False)
    def free(self) -> bool:
        return "tm.active" in self.request.environ


@pytest.fixture(autouse=True)
def _clean() -> None:
    LOG.clear()


def make(
    new_site: NewSite, *includes: str, configure: Any = lambda config: None, **settings: Any
) -> Site:
    def declare(config: Configurator) -> None:
        config.add_settings({"tm.manager_hook": "pyramid_tm.explicit_manager"}, **settings)
        config.add_request_method(witness, reify=True)
        config.set_security_policy(CookiePolicy())
        for include in includes or ("pyramid_tm",):
            config.include(include)
        configure(config)

    return new_site(declare, namespace=Desk)


def enter(site: Site, who: str = "ada") -> Client:
    client = site.open(headers={"Cookie": f"who={who}"})
    assert client.join().startswith("40{")
    return client


class TestTransactions:
    def test_one_for_each_event(self, new_site: NewSite) -> None:
        client = enter(make(new_site))
        assert client.ask("note", "a") == "a"
        client.ask("note", "b")
        client.post("41")
        until(lambda: LOG[-1] != "disconnect" and "disconnect" in LOG, what="the goodbye")
        assert LOG == [
            "connect", "commit by ada", "commit by ada", "commit by ada",
            "disconnect", "commit by ada",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("what", "answer"),
        [
            ("refuse", {"error": "no"}),
            ("conflict", {"error": "Conflict"}),
            ("doom", "doom"),
        ],
    )
    def test_aborted(self, new_site: NewSite, what: str, answer: Any) -> None:
        client = enter(make(new_site))
        LOG.clear()
        assert client.ask("note", what) == answer
        assert LOG == ["abort"]

    @pytest.mark.parametrize("what", ["fail", "late", "die"])
    def test_aborted_when_a_handler_fails(self, new_site: NewSite, what: str) -> None:
        client = enter(make(new_site))
        LOG.clear()
        client.post(f'42["note","{what}"]')
        assert client.ask("note", "b") == "b"
        assert LOG == ["abort", "commit by ada"]

    def test_refused_connect(self, new_site: NewSite) -> None:
        site = make(new_site)
        assert site.open().join('40{"a":1}') == '44{"message":"no"}'
        assert LOG == ["connect", "abort"]

    def test_a_commit_that_fails_is_an_error_of_the_event(
        self, new_site: NewSite, caplog: pytest.LogCaptureFixture
    ) -> None:
        client = enter(make(new_site))
        LOG.append("veto")
        client.post('42["note","a"]')
        assert client.ask("note", "b") == "b"
        assert "LookupError: at the commit" in caplog.text

    def test_a_view_for_what_a_commit_raises(self, new_site: NewSite) -> None:
        def view(exc: Exception, request: Any) -> Response:
            return Response("try again", content_type="text/plain", status=409)

        client = enter(
            make(new_site, configure=lambda config: config.add_exception_view(view, LookupError))
        )
        LOG.append("veto")
        assert client.ask("note", "a") == {"error": "try again"}

    def test_exception_views_shape_and_it_is_aborted(self, new_site: NewSite) -> None:
        def view(exc: Exception, request: Any) -> Any:
            return {"error": str(exc), "active": request.environ["tm.active"]}

        def configure(config: Configurator) -> None:
            config.add_exception_view(view, LookupError, renderer="json")

        client = enter(make(new_site, configure=configure))
        LOG.clear()
        assert client.ask("note", "fail") == {"error": "no such note", "active": True}
        assert LOG == ["abort"]

    def test_where_nothing_is_asked_for(self, new_site: NewSite) -> None:
        client = enter(make(new_site))
        LOG.clear()
        assert client.ask("free") is False

    def test_of_a_namespace_that_wants_none(self, new_site: NewSite) -> None:
        class Free(Namespace):
            def on_look(self) -> bool:
                return "tm.active" in self.request.environ

        site = make(
            new_site,
            configure=lambda config: config.add_sio_namespace("/free", Free, transaction=False),
        )
        client = site.open()
        client.join("40/free,")
        assert client.ask("look", namespace="/free") is False
        assert site.endpoint.sio.of("/free").definition.table.find("look").around is None

    def test_subscribers_have_one(self, new_site: NewSite) -> None:
        def subscriber(event: Any) -> None:
            assert event.request.witness

        site = make(
            new_site, configure=lambda config: config.add_subscriber(subscriber, SioConnected)
        )
        enter(site).ask("free")
        assert LOG == ["connect", "commit by ada", "commit by ada"]

    def test_asking_for_others_users_takes_part_in_it(self, new_site: NewSite) -> None:
        class Hall(Namespace):
            def on_who(self) -> Any:
                assert self.request.witness
                return self.presence()

            def on_me(self) -> Any:
                assert self.request.witness
                return self.user

        def configure(config: Configurator) -> None:
            config.add_sio_namespace("/hall", Hall)

        site = make(new_site, configure=configure)
        clients = [site.open(headers={"Cookie": f"who={who}"}) for who in ("ada", "bob")]
        for client in clients:
            client.join("40/hall,")
        assert clients[0].ask("who", namespace="/hall") == ["ada", "bob"]
        assert clients[0].ask("me", namespace="/hall") == "ada"
        assert LOG == ["commit by ada"] * 2


class TestHooks:
    @pytest.mark.parametrize("who", ["ada", "bob"])
    def test_activate_hook(self, new_site: NewSite, who: str) -> None:
        class Hall(Namespace):
            def on_active(self) -> bool:
                return "tm.active" in self.request.environ

        site = make(
            new_site,
            configure=lambda config: config.add_sio_namespace("/hall", Hall),
            **{"tm.activate_hook": f"{__name__}.only_ada"},
        )
        client = site.open(headers={"Cookie": f"who={who}"})
        client.join("40/hall,")
        assert client.ask("active", namespace="/hall") is (who == "ada")

    def test_annotate_user(self, new_site: NewSite) -> None:
        client = enter(make(new_site, **{"tm.annotate_user": "false"}))
        client.ask("free")
        assert LOG == ["connect", "commit by nobody"]

    @pytest.mark.parametrize(("what", "end"), [("veto", "abort"), ("a", "commit by ada")])
    def test_commit_veto(self, new_site: NewSite, what: str, end: str) -> None:
        veto = "pyramid_tm.default_commit_veto"
        client = enter(make(new_site, **{"tm.commit_veto": veto}))
        LOG.clear()
        assert client.ask("note", what) == what
        assert [end] == LOG


def only_ada(request: Any) -> bool:
    return bool(request.cookies.get("who") == "ada")


class TestRetries:
    def test_until_it_works_with_fresh_arguments_and_requests(self, new_site: NewSite) -> None:
        client = enter(make(new_site, "pyramid_tm", "pyramid_retry"))
        assert client.ask("try", [3]) == [3, 2]
        assert len(Desk.numbers) == 3

    def test_until_there_have_been_enough(
        self, new_site: NewSite, caplog: pytest.LogCaptureFixture
    ) -> None:
        client = enter(make(new_site, "pyramid_tm", "pyramid_retry", **{"retry.attempts": 2}))
        client.post('42["try",[5]]')
        assert client.ask("note", "a") == "a"
        assert len(Desk.numbers) == 2
        assert "RetryableException" in caplog.text

    def test_subscribers_hear_of_it(self, new_site: NewSite) -> None:
        heard: list[Any] = []

        def configure(config: Configurator) -> None:
            config.add_subscriber(heard.append, BeforeRetry)

        client = enter(make(new_site, "pyramid_tm", "pyramid_retry", configure=configure))
        assert client.ask("try", [2]) == [2, 1]
        (event,) = heard
        assert isinstance(event.exception, RetryableException)

    def test_without_transactions(self, new_site: NewSite) -> None:
        class Plain(Namespace):
            def on_try(self, wanted: int) -> int:
                self.session["tries"] = self.session.get("tries", 0) + 1
                if self.session["tries"] < wanted:
                    raise RetryableException
                return int(self.session["tries"])

        client = new_site(lambda config: config.include("pyramid_retry"), namespace=Plain).open()
        client.join()
        assert client.ask("try", 3) == 3


def test_nothing_of_it_is_imported_by_itself() -> None:
    code = (
        "import sys; from pyramid.config import Configurator; config = Configurator();"
        "config.include('pyramid_sio'); config.make_wsgi_app();"
        "print({'transaction', 'pyramid_tm', 'pyramid_retry'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"
