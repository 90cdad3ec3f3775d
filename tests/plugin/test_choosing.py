"""Several classes of one namespace: each client gets the one that is meant for it."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from pyramid.config import Configurator, not_
from pyramid.exceptions import ConfigurationConflictError
from pyramid.httpexceptions import HTTPNotFound
from pyramid.request import Request

from pyramid_sio import SioConnectRefused, get_sio, on, sio_namespace
from pyramid_sio.plugin.directives import CATEGORY, EVENTS_CATEGORY
from pyramid_sio.scripts import describe
from pyramid_sio.sockets.namespace import Namespace
from tests.plugin.conftest import Client, NewSite, Site


class Level:
    """``level='high'``: the client's address says so."""

    def __init__(self, val: str, config: Any) -> None:
        self._val = val

    def text(self) -> str:
        return f"level = {self._val}"

    phash = text

    def __call__(self, context: Any, request: Any) -> bool:
        if request.params.get("level") == "broken":
            raise RuntimeError("a predicate that fails")
        return bool(request.params.get("level") == self._val)


class Made(Namespace):
    """Remembers which instances there were."""

    made: ClassVar[list[str]] = []

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.made.append(type(self).__name__)

    def on_who(self) -> str:
        return type(self).__name__

    def on_shout(self, text: str) -> None:
        self.nsp.emit("shouted", text)


class Plain(Made): ...


class High(Made):
    @on("lift")
    def lift(self) -> str:
        return "up"


class HighAndHeaded(Made): ...


class Document:
    """What some requests are about."""


@sio_namespace("/found", level="high")
@sio_namespace("/found", level="low")
class Found(Made): ...


@pytest.fixture(autouse=True)
def made() -> list[str]:
    Made.made = []
    return Made.made


def several(config: Configurator, path: Any = "/desk") -> None:
    # The one for most clients comes first, and the predicate is known only afterwards.
    config.add_sio_namespace(path, Plain)
    config.add_sio_namespace(path, HighAndHeaded, level="high", header="X-Head")
    config.add_sio_namespace(path, High, level="high")
    config.add_sio_predicate("level", Level)


@pytest.fixture
def site(new_site: NewSite) -> Site:
    return new_site(several, namespace=None)


def enter(site: Site, name: str = "/desk", **options: Any) -> Client:
    client = site.open(**options)
    assert client.join(f"40{name},").startswith(f"40{name},{{")
    return client


def who(client: Client, name: str = "/desk") -> Any:
    return client.ask("who", namespace=name)


HIGH: dict[str, Any] = {"query": {"level": "high"}}
HEADED: dict[str, Any] = {**HIGH, "headers": {"X-Head": "yes"}}


class TestChoosing:
    def test_the_most_specific_that_is_meant(self, site: Site, made: list[str]) -> None:
        assert who(enter(site)) == "Plain"
        assert who(enter(site, query={"level": "low"})) == "Plain"
        assert who(enter(site, **HIGH)) == "High"
        assert who(enter(site, **HEADED)) == "HighAndHeaded"
        assert made == ["Plain", "Plain", "High", "HighAndHeaded"], "and no other was made"

    def test_each_has_its_own_events(self, site: Site) -> None:
        assert enter(site, **HIGH).ask("lift", namespace="/desk") == "up"
        plain = enter(site)
        plain.post('42/desk,7["lift"]')
        assert who(plain) == "Plain"
        assert not [packet for packet in plain.heard if packet.startswith("43/desk,7")]

    def test_all_are_in_one_namespace(self, site: Site) -> None:
        clients = [enter(site), enter(site, **HIGH), enter(site, **HEADED)]
        nsp = site.endpoint.sio.of("/desk")
        assert {type(socket) for socket in nsp.fetch()} == {Plain, High, HighAndHeaded}
        clients[0].post('42/desk,["shout","hi"]')
        for client in clients[1:]:
            assert client.poll() == ['42/desk,["shouted","hi"]']

    @pytest.mark.parametrize("path", ["/desk/{id}", lambda name, auth: name == "/desk/7"])
    def test_in_a_pattern(self, new_site: NewSite, path: Any) -> None:
        site = new_site(lambda config: several(config, path), namespace=None)
        assert who(enter(site, "/desk/7"), "/desk/7") == "Plain"
        assert who(enter(site, "/desk/7", **HIGH), "/desk/7") == "High"

    def test_nobody_is_meant(self, new_site: NewSite) -> None:
        told: list[Any] = []

        def configure(config: Configurator) -> None:
            config.add_sio_predicate("level", Level)
            config.add_sio_namespace("/desk", High, level="high")
            config.add_sio_namespace("/desk", Plain, level="low")
            config.add_subscriber(told.append, SioConnectRefused)

        site = new_site(configure, namespace=None)
        answer = site.open().join("40/desk,")
        assert answer == '44/desk,{"message":"Invalid namespace"}'
        assert len(told) == 1

    def test_a_predicate_that_fails(self, site: Site, caplog: pytest.LogCaptureFixture) -> None:
        answer = site.open(query={"level": "broken"}).join("40/desk,")
        assert answer == '44/desk,{"message":"Internal server error"}'
        assert "a predicate that fails" in caplog.text

    def test_opposites(self, new_site: NewSite) -> None:
        def configure(config: Configurator) -> None:
            config.add_sio_predicate("level", Level)
            config.add_sio_namespace("/desk", High, level="high")
            config.add_sio_namespace("/desk", Plain, level=not_("high"))

        site = new_site(configure, namespace=None)
        assert who(enter(site, **HIGH)) == "High"
        assert who(enter(site)) == "Plain"

    @pytest.mark.parametrize(("exists", "answer"), [(True, "High"), (False, "Plain")])
    def test_of_contexts(self, new_site: NewSite, exists: bool, answer: str) -> None:
        def make(request: Request) -> Document:
            if not exists:
                raise HTTPNotFound
            return Document()

        def configure(config: Configurator) -> None:
            config.add_sio_namespace("/desk", High, factory=make, context=Document)
            config.add_sio_namespace("/desk", Plain)

        assert who(enter(new_site(configure, namespace=None))) == answer

    def test_who_is_meant_no_more_has_to_go(self, new_site: NewSite) -> None:
        class Switch(Level):
            on = True

            def __call__(self, context: Any, request: Any) -> bool:
                return self.on and super().__call__(context, request)

        def configure(config: Configurator) -> None:
            config.add_sio_predicate("level", Switch)
            config.add_sio_namespace("/desk", High, level="high")
            config.add_sio_namespace("/desk", Plain)

        site = new_site(configure, namespace=None)
        client, plain = enter(site, **HIGH), enter(site)
        Switch.on = False
        site.endpoint.sio.revoke()
        assert client.poll() == ["41/desk,"]
        assert who(plain) == "Plain"
        client.post("40/desk,")
        assert client.poll()[0].startswith("40/desk,{")
        assert who(client) == "Plain"


class TestConflicts:
    @pytest.fixture
    def config(self) -> Configurator:
        config = Configurator()
        config.include("pyramid_sio")
        config.add_sio_predicate("level", Level)
        config.commit()
        return config

    def test_the_same_predicates(self, config: Configurator) -> None:
        config.add_sio_namespace("/desk", High, level="high")
        config.add_sio_namespace("/desk", Plain, level="high")
        with pytest.raises(ConfigurationConflictError):
            config.commit()

    @pytest.mark.parametrize("level", ["high", None])
    def test_the_application_wins_for_the_same_clients(
        self, config: Configurator, level: str | None
    ) -> None:
        def package(config: Configurator) -> None:
            config.add_sio_namespace("/desk", High, level="high")
            config.add_sio_namespace("/desk", High)

        config.include(package)
        config.add_sio_namespace("/desk", Plain, level=level)
        config.commit()
        definitions = get_sio(config.registry).of("/desk").definitions
        kinds = {bool(definition.predicates): definition.cls for definition in definitions}
        assert kinds == {level is not None: Plain, level is None: High}

    def test_another_commit_replaces_that_for_the_same_clients(self, config: Configurator) -> None:
        for cls in (High, Plain):
            config.add_sio_namespace("/desk", cls, level="high")
            config.add_sio_namespace("/desk", cls)
            config.commit()
            definitions = get_sio(config.registry).of("/desk").definitions
            assert [definition.cls for definition in definitions] == [cls, cls]

    def test_with_autocommit(self) -> None:
        config = Configurator(autocommit=True)
        config.include("pyramid_sio")
        config.add_sio_predicate("level", Level)
        config.add_sio_namespace("/desk", Plain)
        config.add_sio_namespace("/desk", High, level="high")
        definitions = get_sio(config.registry).of("/desk").definitions
        assert [definition.cls for definition in definitions] == [High, Plain]

    def test_decorated_twice(self, config: Configurator) -> None:
        config.scan(__name__)
        config.commit()
        assert len(get_sio(config.registry).of("/found").definitions) == 2


def test_introspection_and_psio_routes(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    introspector = site.registry.introspector
    found = [item["introspectable"] for item in introspector.get_category(CATEGORY)]
    assert {intr["class"] for intr in found} == {Plain, High, HighAndHeaded}
    events = introspector.get_category(EVENTS_CATEGORY)
    assert sum(item["introspectable"]["event"] == "who" for item in events) == 3

    lines: list[str] = []
    describe.routes({"registry": site.registry}, None, lines.append)  # type: ignore[arg-type]
    heads = [line.partition("  ")[0] for line in lines if line.startswith("/desk")]
    assert heads == ["/desk (header X-Head, level = high)", "/desk (level = high)", "/desk"]
