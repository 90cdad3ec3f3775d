"""Who may enter a namespace, send an event, join a room: with Pyramid's own means."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from pyramid.authorization import Allow, Authenticated, Deny, Everyone
from pyramid.config import Configurator
from pyramid.security import NO_PERMISSION_REQUIRED

from pyramid_sio import ConnectRefused, on
from pyramid_sio.sockets.namespace import Namespace
from tests.plugin.conftest import Client, NewSite, Site
from tests.plugin.people import CookiePolicy, Place

FORBIDDEN = '44{"message":"Forbidden"}'
Open = Callable[..., Site]


class Desk(Namespace):
    made: ClassVar[list[Any]] = []

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        type(self).made.append(self)

    def on_where(self) -> Any:
        name = getattr(self.context, "__name__", None)
        return [name, self.context is self.request.context]

    @on("write", permission="write")
    def write(self, text: str) -> str:
        return f"{self.request.authenticated_userid} wrote {text}"

    @on("whisper", permission=NO_PERMISSION_REQUIRED)
    def whisper(self) -> str:
        return "psst"

    def on_enter(self, *rooms: str) -> list[str]:
        self.join(*rooms)
        return sorted(self.rooms - {self.sid})


@pytest.fixture
def open_site(new_site: NewSite) -> Open:
    """An application with the policy, its namespace declared with the given options."""
    Desk.made = []

    def make(
        *,
        path: str = "/",
        configure: Callable[[Configurator], Any] = lambda config: None,
        sio: dict[str, Any] | None = None,
        **options: Any,
    ) -> Site:
        def declare(config: Configurator) -> None:
            config.set_security_policy(CookiePolicy())
            config.add_sio_namespace(path, Desk, **options)
            configure(config)

        return new_site(declare, namespace=None, **(sio or {}))

    return make


def visit(site: Site, who: str | None) -> Client:
    headers = {} if who is None else {"Cookie": f"who={who}"}
    return site.open(headers=headers)


def entered(site: Site, who: str | None) -> bool:
    answer = visit(site, who).join()
    assert answer == FORBIDDEN or answer.startswith("40{")
    return answer != FORBIDDEN


def root(*acl: Any, **children: Place) -> Callable[[Any], Place]:
    place = Place(*acl, **children)
    return lambda request: place


class TestNamespaces:
    def test_ask_nothing_if_nothing_is_said(self, open_site: Open) -> None:
        assert entered(open_site(factory=None), None)
        assert Desk.made[0].context is None

    def test_ask_for_their_permission_on_the_context_of_their_factory(
        self, open_site: Open
    ) -> None:
        site = open_site(permission="enter", factory=root((Allow, "ada", "enter")))
        assert [entered(site, who) for who in ("ada", "bob", None)] == [True, False, False]

    def test_ask_on_the_applications_root_otherwise(self, open_site: Open) -> None:
        site = open_site(
            permission="enter",
            configure=lambda config: config.set_root_factory(root((Allow, "bob", "enter"))),
        )
        assert [entered(site, who) for who in ("ada", "bob")] == [False, True]

    def test_ask_for_the_applications_default_permission(self, open_site: Open) -> None:
        site = open_site(
            factory=root((Allow, Authenticated, "view")),
            configure=lambda config: config.set_default_permission("view"),
        )
        assert [entered(site, who) for who in ("ada", None)] == [True, False]

    def test_may_opt_out_of_the_default(self, open_site: Open) -> None:
        site = open_site(
            permission=NO_PERMISSION_REQUIRED,
            configure=lambda config: config.set_default_permission("view"),
        )
        assert entered(site, None)

    def test_let_everybody_in_without_a_policy(self, new_site: NewSite) -> None:
        site = new_site(
            lambda config: config.add_sio_namespace("/", Desk, permission="enter"), namespace=None
        )
        assert entered(site, None)

    def test_factory_may_refuse(self, open_site: Open) -> None:
        def factory(request: Any) -> Any:
            raise ConnectRefused("no such desk", {"id": 1})

        answer = visit(open_site(factory=factory), "ada").join()
        assert answer == '44{"message":"no such desk","data":{"id":1}}'

    def test_refused_ones_learn_it_with_a_namespace(self, open_site: Open) -> None:
        site = open_site(path="/desk", permission="enter", factory=root((Deny, Everyone, "enter")))
        assert visit(site, "ada").join("40/desk,") == '44/desk,{"message":"Forbidden"}'

    def test_refusal_leaves_the_connection(self, open_site: Open) -> None:
        site = open_site(
            permission="enter",
            factory=root(),
            configure=lambda config: config.add_sio_namespace("/open", Desk),
        )
        client = visit(site, "ada")
        assert client.join() == FORBIDDEN
        assert client.join("40/open,").startswith("40/open,{")


class TestTraversal:
    tree = staticmethod(
        root(
            (Allow, "root", "enter"),
            docs=Place(
                (Allow, "ada", ("enter", "write")), one=Place((Allow, "bob", "enter")), two=Place()
            ),
        )
    )

    @pytest.mark.parametrize(
        ("who", "doc", "may"),
        [("ada", "one", True), ("bob", "one", True), ("bob", "two", False), ("root", "two", True)],
    )
    def test_finds_the_context_and_its_lineage(
        self, open_site: Open, who: str, doc: str, may: bool
    ) -> None:
        site = open_site(
            path="/doc/{id}", traverse="/docs/{id}", permission="enter", factory=self.tree
        )
        client = visit(site, who)
        answer = client.join(f"40/doc/{doc},")
        assert answer.startswith(f"40/doc/{doc},") is may
        if may:
            assert client.ask("where", namespace=f"/doc/{doc}") == [doc, True]
            writes = client.ask("write", "x", namespace=f"/doc/{doc}")
            assert (writes == f"{who} wrote x") is (who == "ada")

    def test_of_the_rest_of_the_name(self, open_site: Open) -> None:
        site = open_site(path="/tree/*traverse", factory=self.tree)
        client = visit(site, "ada")
        client.join("40/tree/docs/two,")
        assert client.ask("where", namespace="/tree/docs/two") == ["two", True]

    def test_that_leads_nowhere(self, open_site: Open) -> None:
        site = open_site(path="/doc/{id}", traverse="/docs/{id}", factory=self.tree)
        assert visit(site, "ada").join("40/doc/x,") == '44/doc/x,{"message":"Not Found"}'


class TestPredicates:
    class Board(Place): ...

    @pytest.mark.parametrize(
        ("predicates", "found"),
        [
            ({"context": Board}, True),
            ({"context": SimpleNamespace}, False),
            ({"is_authenticated": True}, True),
            ({"is_authenticated": False}, False),
            ({"header": "Cookie"}, True),
            ({"header": "X-Other"}, False),
            ({"request_param": "EIO=4"}, True),
            ({"context": Board, "header": "X-Other"}, False),
        ],
    )
    def test_of_namespaces(self, open_site: Open, predicates: dict[str, Any], found: bool) -> None:
        site = open_site(factory=lambda request: self.Board(), **predicates)
        answer = visit(site, "ada").join()
        assert (answer != '44{"message":"Invalid namespace"}') is found


class TestEvents:
    def test_ask_for_their_own_permission(self, open_site: Open) -> None:
        site = open_site(factory=root((Allow, "ada", "write")))
        ada, bob = visit(site, "ada"), visit(site, "bob")
        for client in (ada, bob):
            client.join()
        assert ada.ask("write", "this") == "ada wrote this"
        assert bob.ask("write", "this") == {"error": "Forbidden"}
        assert bob.ask("whisper") == "psst"

    def test_see_what_has_changed_since_connect(self, open_site: Open) -> None:
        acl: list[Any] = []
        site = open_site(factory=lambda request: Place(*acl))
        client = visit(site, "ada")
        client.join()
        assert client.ask("write", "x") == {"error": "Forbidden"}
        acl.append((Allow, "ada", "write"))
        assert client.ask("write", "x") == "ada wrote x"

    def test_without_a_context_of_the_namespace_ask_on_the_root(self, open_site: Open) -> None:
        site = open_site(
            configure=lambda config: config.set_root_factory(root((Allow, "ada", "write")))
        )
        client = visit(site, "ada")
        client.join()
        assert client.ask("write", "x") == "ada wrote x"

    def test_permission_comes_before_arguments_are_looked_at(self, open_site: Open) -> None:
        site = open_site(factory=root((Allow, "ada", "write")))
        ada, bob = visit(site, "ada"), visit(site, "bob")
        ada.join()
        bob.join()
        assert ada.ask("write") == {"error": "event 'write' takes 1 arguments, not 0"}
        assert ada.ask("write", 5)["argument"] == "text"
        assert bob.ask("write", 5) == {"error": "Forbidden"}


class TestRooms:
    rooms: ClassVar[dict[str, Place]] = {
        "all": Place((Allow, Authenticated, "join")),
        "staff": Place((Allow, "ada", ("join", "lead"))),
    }

    def room(self, request: Any, name: str) -> Place:
        return self.rooms.get(name) or Place()

    def test_are_resources_that_the_user_must_be_permitted_to_join(self, open_site: Open) -> None:
        site = open_site(room_factory=self.room)
        ada, bob = visit(site, "ada"), visit(site, "bob")
        ada.join()
        bob.join()
        assert ada.ask("enter", "all", "staff") == ["all", "staff"]
        assert bob.ask("enter", "all", "staff") == {"error": "Forbidden"}
        assert bob.ask("enter") == [], "none, if one is forbidden"
        assert bob.ask("enter", "all") == ["all"]

    def test_of_another_permission(self, open_site: Open) -> None:
        site = open_site(room_factory=self.room, room_permission="lead")
        ada = visit(site, "ada")
        ada.join()
        assert ada.ask("enter", "all") == {"error": "Forbidden"}
        assert ada.ask("enter", "staff") == ["staff"]

    def test_in_on_connect_refuse_the_client(
        self, open_site: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Desk, "on_connect", lambda self, auth: self.join("staff"))
        site = open_site(room_factory=self.room)
        assert [entered(site, who) for who in ("ada", "bob")] == [True, False]

    def test_the_server_itself_may_put_anybody_anywhere(self, open_site: Open) -> None:
        site = open_site(room_factory=self.room)
        bob = visit(site, "bob")
        bob.join()
        site.endpoint.sio.of("/").join("staff")
        assert bob.ask("enter") == ["staff"]

    def test_who_comes_back_and_may_not_be_there_is_somebody_new(self, open_site: Open) -> None:
        places = {"staff": Place((Allow, Everyone, "join"))}
        site = open_site(room_factory=lambda request, name: places[name], sio={"recovery": "true"})
        first = visit(site, "bob")
        opened = json.loads(first.join()[2:])
        assert first.ask("enter", "staff")[:1] == ["staff"]
        nsp = site.endpoint.sio.of("/")
        nsp.emit("news", 1)
        offset = json.loads(first.poll()[0][2:])[-1]
        places["staff"] = Place()
        first.post("1")
        nsp.to("staff").emit("secret", 2)

        second = visit(site, "bob")
        auth = json.dumps({"pid": opened["pid"], "offset": offset})
        again = json.loads(second.join(f"40{auth}")[2:])

        assert again["pid"] != opened["pid"]
        assert Desk.made[-1].recovered is False
        assert second.ask("enter") == []
        assert "secret" not in "".join(second.heard)
