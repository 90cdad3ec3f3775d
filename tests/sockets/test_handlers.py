from __future__ import annotations

from typing import Any

import pytest

from pyramid_sio.protocol.socket_v5 import RESERVED_EVENTS
from pyramid_sio.sockets.handlers import HandlerTable, on, unguarded
from pyramid_sio.sockets.namespace import Namespace


class Chat(Namespace):
    def on_message(self, text: Any) -> None: ...

    def on_user_typing(self) -> None: ...

    @on("with dash-and space", permission="write", ordered=False)
    def marked(self, a: Any, b: Any = None) -> None: ...

    @on(7)
    @on("seven")
    def both(self, *args: Any) -> None: ...

    def helper(self) -> None: ...

    on_nothing = None
    on_number = 5

    @property
    def on_property(self) -> None: ...


def names(cls: type) -> dict[Any, str]:
    return {handler.event: handler.func.__name__ for handler in HandlerTable(cls)}


def test_methods_by_name_and_by_mark() -> None:
    assert names(Chat) == {
        "message": "on_message",
        "user_typing": "on_user_typing",
        "with dash-and space": "marked",
        7: "both",
        "seven": "both",
    }


def test_hooks_are_no_handlers() -> None:
    class Hooked(Namespace):
        def on_connect(self, auth: Any) -> None: ...
        def on_disconnect(self, reason: Any) -> None: ...
        def on_error(self, event: Any, exc: Any) -> None: ...

    assert names(Hooked) == {}
    assert HandlerTable(Hooked).find("error") is None


def test_the_base_class_handles_nothing() -> None:
    assert names(Namespace) == {}


@pytest.mark.parametrize("event", ["user typing", "user-typing", "user_typing"])
def test_space_and_dash_match_underscore(event: str) -> None:
    handler = HandlerTable(Chat).find(event)
    assert handler is not None
    assert handler.func is Chat.on_user_typing


@pytest.mark.parametrize(
    "event",
    ["helper", "__init__", "emit", "on_message", "nothing", "static", "marked", "Message", "", 8],
)
def test_nothing_else_can_be_called(event: Any) -> None:
    assert HandlerTable(Chat).find(event) is None


def test_what_a_mark_says() -> None:
    handler = HandlerTable(Chat).find("with dash-and space")
    assert handler is not None
    assert (handler.permission, handler.ordered) == ("write", False)
    message = HandlerTable(Chat).find("message")
    assert message is not None
    assert (message.permission, message.ordered) == (None, True)


def test_a_table_knows_whether_order_matters() -> None:
    assert HandlerTable(Chat).has_unordered
    assert not HandlerTable(Namespace).has_unordered


class TestCatchAll:
    class Everything(Chat):
        @on("*")
        def rest(self, event: Any, *args: Any) -> None: ...

    def test_takes_what_has_no_handler(self) -> None:
        table = HandlerTable(self.Everything)
        for event in ("unknown", "*", "helper", 8):
            assert table.find(event) is table.catch_all is not None
        assert table.find("message") is not table.catch_all
        assert table.catch_all in list(table)

    def test_must_take_the_name(self) -> None:
        class Wrong(Namespace):
            @on("*")
            def rest(self) -> None: ...

        with pytest.raises(TypeError, match="too few"):
            HandlerTable(Wrong)

    def test_may_take_everything(self) -> None:
        class Open(Namespace):
            @on("*")
            def rest(self, *args: Any) -> None: ...

        catch_all = HandlerTable(Open).catch_all
        assert catch_all is not None
        assert catch_all.least == 0


class TestInheritance:
    def test_an_override_keeps_the_marks(self) -> None:
        class Better(Chat):
            def marked(self, a: Any) -> None: ...

        handler = HandlerTable(Better).find("with dash-and space")
        assert handler is not None
        assert handler.func is Better.marked
        assert handler.permission == "write"

    def test_an_override_may_mark_anew(self) -> None:
        class Other(Chat):
            @on("other")
            def marked(self, a: Any) -> None: ...

        assert "other" in names(Other)
        assert "with dash-and space" not in names(Other)

    def test_none_takes_a_handler_away(self) -> None:
        class Less(Chat):
            on_message = None  # type: ignore[assignment]

        assert "message" not in names(Less)

    def test_mixins_add(self) -> None:
        class Mixin:
            @on("mixed in")
            def method(self) -> None: ...

        class Both(Mixin, Chat): ...

        assert "mixed in" in names(Both)


class TestArity:
    class Counting(Namespace):
        def on_none(self) -> None: ...
        def on_one(self, a: Any) -> None: ...
        def on_optional(self, a: Any, b: Any = 1, c: Any = 2) -> None: ...
        def on_all(self, *args: Any) -> None: ...
        def on_some(self, a: Any, *args: Any) -> None: ...
        def on_positional(self, a: Any, /) -> None: ...
        def on_keyword(self, *, extra: Any = 1, **more: Any) -> None: ...

    @pytest.mark.parametrize(
        ("name", "fits", "expected"),
        [
            ("none", {0}, "0"),
            ("one", {1}, "1"),
            ("optional", {1, 2, 3}, "1 to 3"),
            ("all", {0, 1, 2, 3, 4, 100}, "at least 0"),
            ("some", {1, 2, 3, 4, 100}, "at least 1"),
            ("positional", {1}, "1"),
            ("keyword", {0}, "0"),
        ],
    )
    def test_counts(self, name: str, fits: set[int], expected: str) -> None:
        handler = HandlerTable(self.Counting).find(name)
        assert handler is not None
        counts = (0, 1, 2, 3, 4, 100)
        assert {count for count in counts if handler.least <= count <= handler.most} == fits
        assert handler.expected == expected

    def test_a_keyword_without_default(self) -> None:
        class Wrong(Namespace):
            def on_event(self, *, needed: Any) -> None: ...

        with pytest.raises(TypeError, match="'needed' needs a default"):
            HandlerTable(Wrong)

    def test_a_method_without_self(self) -> None:
        class Wrong(Namespace):
            def on_event() -> None: ...  # type: ignore[misc]

        with pytest.raises(TypeError, match=r"on_event: takes too few"):
            HandlerTable(Wrong)


def test_two_methods_for_one_event() -> None:
    class Twice(Namespace):
        def on_message(self) -> None: ...

        @on("message")
        def other(self) -> None: ...

    with pytest.raises(TypeError, match=r"on_message and other both handle the event 'message'"):
        HandlerTable(Twice)


@pytest.mark.parametrize("event", sorted(RESERVED_EVENTS))
def test_reserved_names(event: str) -> None:
    with pytest.raises(ValueError, match="reserved"):
        on(event)


@pytest.mark.parametrize("name", ["on_any", "on_any_outgoing"])
def test_names_that_mean_something_else(name: str) -> None:
    wrong = type("Wrong", (Namespace,), {name: lambda self, *args: None})
    with pytest.raises(TypeError, match="this name is taken"):
        HandlerTable(wrong)


class TestRivals:
    def test_options_tell_them_apart(self) -> None:
        class Two(Namespace):
            @on("a", where="here")
            def here(self) -> None: ...

            @on("a", where="there")
            def there(self) -> None: ...

        table = HandlerTable(Two)
        handler = table.find("a")
        assert handler is not None
        assert {handler.func, *(rival.func for rival in handler.rivals)} == {Two.here, Two.there}
        assert len(list(table)) == 2

    def test_they_are_queued_alike(self) -> None:
        class Two(Namespace):
            @on("a", where="here")
            def here(self) -> None: ...

            @on("a", ordered=False)
            def there(self) -> None: ...

        with pytest.raises(TypeError, match="ordered and rate have to be the same"):
            HandlerTable(Two)

    def test_nobody_serves_what_cannot_be_checked(self) -> None:
        table = HandlerTable(Chat)
        with pytest.raises(TypeError, match="who may use the handler"):
            table.arrange(unguarded)
        plain = table.find("message")
        assert plain is not None
        assert unguarded(plain) is plain


class TestCommonMistakes:
    def test_coroutines(self) -> None:
        class Wrong(Namespace):
            async def on_say(self, text: str) -> None: ...

        with pytest.raises(TypeError, match=r"Wrong\.on_say is an async def, .* write def"):
            HandlerTable(Wrong)

    def test_generators(self) -> None:
        class Wrong(Namespace):
            @on("say something")
            def say(self, text: str) -> Any:
                yield text

        with pytest.raises(TypeError, match=r"Wrong\.say has a yield"):
            HandlerTable(Wrong)

    def test_a_hook_that_is_a_coroutine(self) -> None:
        class Wrong(Namespace):
            async def on_connect(self, auth: Any) -> None: ...  # type: ignore[override]

        with pytest.raises(TypeError, match=r"Wrong\.on_connect is an async def"):
            HandlerTable(Wrong)

    @pytest.mark.parametrize(
        ("name", "called"),
        [
            ("on_connect", r"on_connect\(self, auth\)"),
            ("on_disconnect", r"on_disconnect\(self, reason\)"),
            ("on_error", r"on_error\(self, event, exc\)"),
        ],
    )
    def test_a_hook_with_too_few_arguments(self, name: str, called: str) -> None:
        wrong = type("Wrong", (Namespace,), {name: lambda self: None})
        with pytest.raises(TypeError, match=rf"Wrong\.{name}: write {called}; too many"):
            HandlerTable(wrong)
        HandlerTable(type("Right", (Namespace,), {name: lambda self, *args: None}))

    @pytest.mark.parametrize("kind", [staticmethod, classmethod])
    def test_what_is_no_ordinary_method(self, kind: Any) -> None:
        wrong = type("Wrong", (Namespace,), {"on_say": kind(lambda text: None)})
        with pytest.raises(TypeError, match=r"Wrong\.on_say: a handler is an ordinary method"):
            HandlerTable(wrong)

    def test_a_mark_without_a_name(self) -> None:
        with pytest.raises(TypeError, match=r"the event's name: @on\('typing'\)"):

            class Wrong(Namespace):
                @on  # type: ignore[arg-type]
                def typing(self) -> None: ...
