from __future__ import annotations

import re
import sys
import types
from typing import Any

import pytest
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationConflictError, ConfigurationError

from pyramid_sio import get_sio, on, sio_namespace
from pyramid_sio.plugin.directives import CATEGORY, EVENTS_CATEGORY, HOOKS_CATEGORY
from pyramid_sio.sockets.namespace import Namespace
from tests.plugin import scanned


class Chat(Namespace):
    def on_message(self, text: Any) -> None: ...

    @on("guarded", permission="write", ordered=False)
    def guarded(self) -> None: ...


class Other(Namespace): ...


@pytest.fixture
def config() -> Configurator:
    config = Configurator()
    config.include("pyramid_sio")
    config.commit()
    return config


def cls_of(config: Configurator, path: str) -> type:
    return get_sio(config.registry).of(path).definition.cls  # type: ignore[no-any-return]


class TestAddNamespace:
    @pytest.mark.parametrize("cls", [Chat, f"{__name__}.Chat", f"{__name__}:Chat"])
    def test_class_or_dotted_name(
        self, config: Configurator, cls: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, __name__, sys.modules[Chat.__module__])
        config.add_sio_namespace("/chat", cls)
        config.commit()
        assert cls_of(config, "/chat") is Chat

    def test_options(self, config: Configurator) -> None:
        config.add_sio_namespace("/chat", Chat, permission="chat", factory="os.path.join")
        config.commit()
        definition = get_sio(config.registry).of("/chat").definition
        assert definition.permission == "chat"
        assert definition.factory.__name__ == "join"

    @pytest.mark.parametrize("cls", [object, "os.path", Chat.on_message, None, int])
    def test_what_is_no_namespace(self, config: Configurator, cls: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"not derived from pyramid_sio\.Namespace"):
            config.add_sio_namespace("/chat", cls)

    @pytest.mark.parametrize("path", ["/a,b", "/a?b=1", 5, None])
    def test_what_is_no_path(self, config: Configurator, path: Any) -> None:
        with pytest.raises(ConfigurationError, match="is no namespace's name"):
            config.add_sio_namespace(path, Chat)

    def test_a_class_that_contradicts_itself(self, config: Configurator) -> None:
        class Twice(Namespace):
            def on_message(self) -> None: ...

            @on("message")
            def other(self) -> None: ...

        with pytest.raises(ConfigurationError, match="both handle the event 'message'"):
            config.add_sio_namespace("/chat", Twice)

    def test_not_before_the_include(self) -> None:
        config = Configurator()
        with pytest.raises(AttributeError, match="add_sio_namespace"):
            config.add_sio_namespace("/chat", Chat)

    @pytest.mark.parametrize(
        ("path", "name", "matchdict"),
        [
            ("/doc/{id}", "/doc/7", {"id": "7"}),
            (r"/doc/{id:\d+}", "/doc/7", {"id": "7"}),
            ("/file/*path", "/file/a/b", {"path": ("a", "b")}),
            (re.compile(r"/(?P<kind>\w+)-(\d+)"), "/a-1", {"kind": "a"}),
            (lambda name, auth: name == "/own", "/own", {}),
            (lambda name, auth: {"name": name}, "/any", {"name": "/any"}),
        ],
    )
    def test_patterns(
        self, config: Configurator, path: Any, name: str, matchdict: dict[str, Any]
    ) -> None:
        config.add_sio_namespace(path, Chat)
        config.commit()
        nsp = get_sio(config.registry).find(name, None)
        assert nsp.name == name
        assert dict(nsp.matchdict) == matchdict

    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("/doc/{id}", "/doc"),
            (r"/doc/{id:\d+}", "/doc/x"),
            (re.compile(r"/a"), "/ab"),
            (lambda name, auth: None, "/own"),
        ],
    )
    def test_what_a_pattern_does_not_match(
        self, config: Configurator, path: Any, name: str
    ) -> None:
        config.add_sio_namespace(path, Chat)
        config.commit()
        assert get_sio(config.registry).find(name, None) is None


class TestConflicts:
    @pytest.mark.parametrize(("one", "two"), [("/chat", "/chat"), ("/chat", "chat"), ("/", "")])
    def test_both_places_are_named(self, config: Configurator, one: str, two: str) -> None:
        config.add_sio_namespace(one, Chat)
        first = sys._getframe().f_lineno - 1
        config.add_sio_namespace(two, Other)
        second = sys._getframe().f_lineno - 1
        with pytest.raises(ConfigurationConflictError) as caught:
            config.commit()
        text = str(caught.value)
        assert text.count(__file__) == 2
        assert f"Line {first} of file" in text
        assert f"Line {second} of file" in text

    def test_different_ones_do_not_conflict(self, config: Configurator) -> None:
        config.add_sio_namespace("/a", Chat)
        config.add_sio_namespace("/b", Chat)
        config.add_sio_namespace("/{any}", Chat)
        config.commit()

    def test_the_including_application_wins(self, config: Configurator) -> None:
        def package(config: Configurator) -> None:
            config.add_sio_namespace("/chat", Other)
            config.add_sio_namespace("/kept", Other)

        config.include(package)
        config.add_sio_namespace("/chat", Chat)
        config.commit()
        assert cls_of(config, "/chat") is Chat
        assert cls_of(config, "/kept") is Other

    def test_two_packages_conflict(self, config: Configurator) -> None:
        def one(config: Configurator) -> None:
            config.add_sio_namespace("/chat", Chat)

        def two(config: Configurator) -> None:
            config.add_sio_namespace("/chat", Other)

        config.include(one)
        config.include(two)
        with pytest.raises(ConfigurationConflictError):
            config.commit()


class TestInclude:
    def test_twice_is_once(self, config: Configurator) -> None:
        before = get_sio(config.registry)
        config.add_sio_namespace("/chat", Chat)
        config.include("pyramid_sio")
        config.include("pyramid_sio.plugin")
        config.commit()
        config.include("pyramid_sio")
        config.commit()
        assert get_sio(config.registry) is before
        assert cls_of(config, "/chat") is Chat

    def test_by_a_package_and_by_the_application(self) -> None:
        def package(config: Configurator) -> None:
            config.include("pyramid_sio")
            config.add_sio_namespace("/package", Other)

        with Configurator() as config:
            config.include(package)
            config.include("pyramid_sio")
            config.add_sio_namespace("/application", Chat)
        assert cls_of(config, "/package") is Other
        assert cls_of(config, "/application") is Chat

    def test_with_autocommit(self) -> None:
        config = Configurator(autocommit=True)
        config.include("pyramid_sio")
        config.add_sio_namespace("/chat", Chat)
        assert cls_of(config, "/chat") is Chat

    def test_a_wrong_setting_stops_it(self) -> None:
        config = Configurator(settings={"sio.ping_intervall": "1"})
        with pytest.raises(ConfigurationError, match=r"did you mean sio\.ping_interval"):
            config.include("pyramid_sio")

    def test_applications_do_not_share_namespaces(self, config: Configurator) -> None:
        other = Configurator()
        other.include("pyramid_sio")
        other.commit()
        config.add_sio_namespace("/chat", Chat)
        config.commit()
        with pytest.raises(KeyError):
            get_sio(other.registry).of("/chat")


def test_who_did_not_include_it_has_no_server() -> None:
    with pytest.raises(LookupError, match="does not include pyramid_sio"):
        get_sio(Configurator().registry)


class TestIntrospection:
    def test_namespaces_events_and_permissions(self, config: Configurator) -> None:
        config.add_sio_namespace("chat", Chat, permission="enter")
        config.commit()
        introspector = config.registry.introspector
        intr = introspector.get(CATEGORY, "/chat")
        assert intr["path"] == intr.title == "/chat"
        assert intr["class"] is Chat
        assert intr["permission"] == "enter"
        assert intr["factory"] is None
        assert intr.type_name == "Socket.IO namespace"
        assert "test_directives.py" in str(intr.action_info)

        events = {
            item["introspectable"]["event"]: item["introspectable"]
            for item in introspector.get_category(EVENTS_CATEGORY)
        }
        assert events.keys() == {"message", "guarded"}
        guarded = events["guarded"]
        assert guarded["handler"] is Chat.guarded
        assert (guarded["permission"], guarded["ordered"]) == ("write", False)
        assert guarded.title == "/chat guarded"

        related = introspector.related(intr)
        assert {item.category_name for item in related} >= {"permissions", EVENTS_CATEGORY}
        assert introspector.get("permissions", "write") in introspector.related(guarded)
        assert introspector.get("permissions", "enter") in related

    def test_nothing_of_what_was_overridden(self, config: Configurator) -> None:
        config.include(lambda config: config.add_sio_namespace("/chat", Chat))
        config.add_sio_namespace("/chat", Other)
        config.commit()
        assert not config.registry.introspector.get_category(EVENTS_CATEGORY)

    def test_hooks(self, config: Configurator) -> None:
        config.add_sio_request_hook("os.path.join")
        config.commit()
        (item,) = config.registry.introspector.get_category(HOOKS_CATEGORY)
        assert item["introspectable"]["hook"].__name__ == "join"


class TestDecorator:
    def test_a_plain_scan_finds_it(self, config: Configurator) -> None:
        config.scan(scanned)
        config.commit()
        sio = get_sio(config.registry)
        assert sio.of("/scanned").definition.cls is scanned.Scanned
        definition = sio.of("/guarded").definition
        assert definition.permission == "enter"
        assert definition.factory is scanned.make_context
        assert sio.find("/doc/5", None).matchdict == {"id": "5"}
        assert sio.of("/twice").definition.cls is scanned.Twice
        assert sio.of("/again").definition.cls is scanned.Twice

    def test_conflicts_name_the_class_that_was_decorated(self, config: Configurator) -> None:
        config.scan(scanned)
        config.add_sio_namespace("/scanned", Chat)
        with pytest.raises(ConfigurationConflictError) as caught:
            config.commit()
        assert scanned.__file__ in str(caught.value)
        assert __file__ in str(caught.value)

    def test_a_scan_before_the_include(self) -> None:
        config = Configurator()
        with pytest.raises(
            ConfigurationError, match=r"scanned\.\w+ is a namespace: config\.include"
        ):
            config.scan(scanned)

    def test_without_a_name(self) -> None:
        with pytest.raises(TypeError, match=r"@sio_namespace\('/chat'\)"):
            sio_namespace(Other)  # type: ignore[arg-type]

    def test_does_nothing_without_a_scan(self) -> None:
        decorated = sio_namespace("/chat")(Other)
        assert decorated is Other

    def test_other_categories_are_left_alone(self, config: Configurator) -> None:
        module = types.ModuleType("module_with_a_category")

        class Special(Namespace): ...

        Special.__module__ = module.__name__
        module.Special = sio_namespace("/special", _category="special", _depth=0)(Special)  # type: ignore[attr-defined]
        config.scan(module)
        config.commit()
        with pytest.raises(KeyError):
            get_sio(config.registry).of("/special")
