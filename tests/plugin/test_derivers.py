"""Predicates and derivers, declared as for views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pyramid.config import Configurator, not_
from pyramid.exceptions import ConfigurationConflictError, ConfigurationError
from pyramid.viewderivers import INGRESS, VIEW
from zope.interface import Interface, implementer

from pyramid_sio import on
from pyramid_sio.plugin.derivers import DERIVERS_CATEGORY, PREDICATES_CATEGORY
from pyramid_sio.sockets.namespace import Namespace
from tests.plugin.conftest import Client, NewSite


class Hour:
    """``hour='day'``: it is that time, as the query says."""

    def __init__(self, val: str, config: Any) -> None:
        assert config.registry is not None
        self._val = val

    def text(self) -> str:
        return f"hour = {self._val}"

    phash = text

    def __call__(self, context: Any, request: Any) -> bool:
        return bool(request.params.get("hour") == self._val)


class IPaper(Interface):  # type: ignore[misc]
    """Something to write on."""


@implementer(IPaper)
class Paper: ...


class Stone: ...


class Desk(Namespace):
    @on("greet", hour="day")
    def by_day(self) -> str:
        return "good day"

    @on("greet", hour=not_("day"), header="Cookie")
    def by_night(self) -> str:
        return "good night"

    @on("greet")
    def otherwise(self) -> str:
        return "hello"

    @on("bells", hour="day")
    def bells(self) -> str:
        return "ding"

    @on("write", context=IPaper)
    def with_ink(self, text: str) -> str:
        return f"ink: {text}"

    @on("write", context=Stone)
    def with_chisel(self, text: str) -> str:
        return f"chisel: {text}"

    @on("*", hour="day")
    def anything(self, event: str, *args: Any) -> Any:
        return [event, *args]


def enter(new_site: NewSite, *, namespace: str = "/", query: Any = None, **options: Any) -> Client:
    def configure(config: Configurator) -> None:
        config.add_sio_predicate("hour", Hour)
        config.add_sio_namespace("/desk", Desk, **options)

    client = new_site(configure, namespace=None).open(query=query or {})
    client.join("40/desk,")
    return client


def ask(client: Client, event: str, *args: Any) -> Any:
    return client.ask(event, *args, namespace="/desk")


class TestPredicates:
    def test_tell_which_of_several_methods_is_meant(self, new_site: NewSite) -> None:
        assert ask(enter(new_site, query={"hour": "day"}), "greet") == "good day"
        assert ask(enter(new_site, query={"hour": "late"}), "greet") == "hello"

    def test_without_an_alternative_there_is_no_such_event(self, new_site: NewSite) -> None:
        assert ask(enter(new_site), "bells") == {"error": "Not Found"}
        assert ask(enter(new_site, query={"hour": "day"}), "bells") == "ding"

    @pytest.mark.parametrize(
        ("factory", "answer"),
        [
            (Paper, "ink: a"),
            (Stone, "chisel: a"),
            (object, {"error": "Not Found"}),
        ],
    )
    def test_of_the_context(self, new_site: NewSite, factory: Any, answer: Any) -> None:
        client = enter(new_site, factory=lambda request: factory())
        assert ask(client, "write", "a") == answer
        if factory is Paper:
            assert ask(client, "write")["error"] == "event 'write' takes 1 arguments, not 0"

    def test_of_the_catch_all(self, new_site: NewSite) -> None:
        assert ask(enter(new_site, query={"hour": "day"}), "other", 1) == ["other", 1]
        assert ask(enter(new_site), "other", 1) == {"error": "Not Found"}

    def test_of_the_namespace(self, new_site: NewSite) -> None:
        def configure(config: Configurator) -> None:
            config.add_sio_predicate("hour", Hour)
            config.add_sio_namespace("/day", Namespace, hour="day")

        site = new_site(configure, namespace=None)
        assert site.open().join("40/day,") == '44/day,{"message":"Invalid namespace"}'
        assert site.open(query={"hour": "day"}).join("40/day,").startswith("40/day,{")

    def test_unknown_ones_are_an_error_with_a_hint(self) -> None:
        class Odd(Namespace):
            @on("a", contxt=Paper)
            def a(self) -> None: ...

        for cls, options in ((Odd, {}), (Namespace, {"contxt": 1})):
            config = Configurator()
            config.include("pyramid_sio")
            config.add_sio_namespace("/odd", cls, **options)
            with pytest.raises(ConfigurationError, match=r"/odd.*did you mean context"):
                config.commit()

    def test_a_context_that_is_none(self) -> None:
        config = Configurator()
        config.include("pyramid_sio")
        config.add_sio_namespace("/odd", Namespace, context=5)
        with pytest.raises(ConfigurationError, match="neither a class nor an interface"):
            config.commit()

    def test_conflict_and_introspection(self) -> None:
        config = Configurator()
        config.include("pyramid_sio")
        config.add_sio_predicate("hour", Hour, weighs_more_than="header")
        config.commit()
        intr = config.registry.introspector.get(PREDICATES_CATEGORY, "hour")
        assert intr["factory"] is Hour
        assert intr["weighs_more_than"] == "header"
        config.add_sio_predicate("twice", Hour)
        config.add_sio_predicate("twice", Paper)
        with pytest.raises(ConfigurationConflictError):
            config.commit()


Log = list[Any]


def noting(log: Log, word: str) -> Callable[..., Any]:
    """A deriver that writes down when it is passed."""

    def deriver(handler: Callable[..., Any], info: Any) -> Callable[..., Any]:
        if info.event != "write":
            return handler

        def around(socket: Any, *args: Any) -> Any:
            log.append(word)
            return handler(socket, *args)

        return around

    deriver.__name__ = word
    return deriver


class Plain(Namespace):
    @on("write", repeat=2)
    def on_write(self, text: str) -> str:
        return text

    def on_read(self) -> str:
        return "read"


def repeating(handler: Callable[..., Any], info: Any) -> Callable[..., Any]:
    times = info.options.get("repeat")
    if times is None:
        return handler
    assert (info.namespace, info.event, info.original) == ("/", "write", Plain.on_write)
    assert info.settings is info.registry.settings
    assert info.permission is None
    return lambda socket, text: handler(socket, text * times)


repeating.options = ("repeat",)  # type: ignore[attr-defined]


class TestDerivers:
    def visit(self, new_site: NewSite, configure: Any) -> Client:
        def both(config: Configurator) -> None:
            config.add_sio_deriver(repeating)
            configure(config)

        client = new_site(both, namespace=Plain).open()
        client.join()
        return client

    def test_wrap_handlers_and_take_options(self, new_site: NewSite) -> None:
        client = self.visit(new_site, lambda config: None)
        assert client.ask("write", "a") == "aa"
        assert client.ask("read") == "read"

    def test_what_one_leaves_alone_is_a_plain_call(self, new_site: NewSite) -> None:
        site = new_site(lambda config: config.add_sio_deriver(repeating), namespace=Plain)
        site.open().join()
        table = site.endpoint.sio.of("/").definition.table
        assert table.find("read").func is Plain.on_read
        assert table.find("write").func is not Plain.on_write
        assert {table.find(name).around for name in ("read", "write")} == {None}

    def test_order_is_that_of_view_derivers(self, new_site: NewSite) -> None:
        log: Log = []

        def configure(config: Configurator) -> None:
            config.add_sio_deriver(noting(log, "first"))
            config.add_sio_deriver(noting(log, "second"), "two")
            config.add_sio_deriver(noting(log, "inside"), under=("first", "two"))
            config.add_sio_deriver(noting(log, "outside"), over=("first", "two"))

        client = self.visit(new_site, configure)
        client.ask("write", "a")
        assert log[0] == "outside"
        assert log[-1] == "inside"
        assert set(log[1:3]) == {"first", "second"}

    def test_introspection_and_names(self) -> None:
        config = Configurator()
        config.include("pyramid_sio")
        config.add_sio_deriver(f"{__name__}.repeating", under=INGRESS, over=VIEW)
        config.commit()
        intr = config.registry.introspector.get(DERIVERS_CATEGORY, "repeating")
        assert intr["name"] == intr["deriver"].__name__ == "repeating"
        for name in (INGRESS, VIEW, ""):
            with pytest.raises(ConfigurationError, match="no name for a deriver"):
                config.add_sio_deriver(repeating, name)
        with pytest.raises(ConfigurationError, match="beyond VIEW"):
            config.add_sio_deriver(repeating, under=VIEW)
        with pytest.raises(ConfigurationError, match="beyond INGRESS"):
            config.add_sio_deriver(repeating, over=("x", INGRESS))
        config.add_sio_deriver(repeating)
        config.add_sio_deriver(noting([], "repeating"))
        with pytest.raises(ConfigurationConflictError):
            config.commit()
