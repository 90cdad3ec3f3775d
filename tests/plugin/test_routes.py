"""Several endpoints in one application, and where they are mounted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from paste.deploy import loadapp
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationConflictError, ConfigurationError

from pyramid_sio import get_sio, sio_namespace
from pyramid_sio.plugin.routes import ENDPOINTS_CATEGORY
from pyramid_sio.sockets.namespace import Namespace
from tests.plugin.conftest import Chat, NewSite, Site


class Game(Namespace):
    def on_move(self) -> str:
        return "moved"


def with_games(config: Configurator) -> None:
    config.add_sio_endpoint("games", "/games.io/", ping_interval=5)
    config.add_sio_namespace("/", Game, endpoint="games")


class TestEndpoints:
    def test_have_namespaces_and_settings_of_their_own(self, new_site: NewSite) -> None:
        site = new_site(with_games, ping_timeout="7")
        games = Site(site.app, "/games.io/")
        chat, game = site.open(), games.open()
        assert (chat.handshake["pingInterval"], game.handshake["pingInterval"]) == (25000, 5000)
        assert game.handshake["pingTimeout"] == 7000
        chat.join()
        game.join()
        assert chat.ask("message", 1) == 1
        assert game.ask("move") == "moved"
        assert get_sio(site.registry, "games").of("/").definition.cls is Game
        assert get_sio(site.registry).of("/").definition.cls is Chat
        with pytest.raises(LookupError, match="'other'"):
            get_sio(site.registry, "other")

    def test_are_found_by_the_decorator(self) -> None:
        marked = sio_namespace("/", endpoint="games")
        assert marked._options["endpoint"] == "games"

    def test_do_not_share_the_admin_ui(self, new_site: NewSite) -> None:
        site = new_site(with_games, admin="true", admin_auth="none")
        with pytest.raises(KeyError):
            get_sio(site.registry, "games").of("/admin")
        other = new_site(
            lambda config: config.add_sio_endpoint("own", "/own/", admin="true", admin_auth="none")
        )
        assert get_sio(other.registry, "own").of("/admin")

    @pytest.mark.parametrize(
        ("name", "settings", "message"),
        [
            ("", {}, "needs a name"),
            ("games", {"ping_intervall": 1}, r"did you mean sio\.ping_interval"),
            ("games", {"ping_interval": "x"}, "ping_interval"),
        ],
    )
    def test_that_cannot_be(self, name: str, settings: Any, message: str) -> None:
        config = Configurator()
        config.include("pyramid_sio")
        with pytest.raises(ConfigurationError, match=message), config:
            config.add_sio_endpoint(name, "/games.io/", **settings)

    def test_a_namespace_of_one_that_is_not_there(self) -> None:
        config = Configurator()
        config.include("pyramid_sio")
        config.add_sio_namespace("/", Game, endpoint="games")
        with pytest.raises(ConfigurationError, match=r"add_sio_endpoint\('games', \.\.\.\) first"):
            config.commit()

    def test_conflict_and_introspection(self) -> None:
        config = Configurator()
        config.include("pyramid_sio")
        with_games(config)
        config.commit()
        intr = config.registry.introspector.get(ENDPOINTS_CATEGORY, "games")
        assert (intr["path"], intr["settings"]) == ("/games.io/", {"ping_interval": 5})
        config.add_sio_endpoint("games", "/a/")
        config.add_sio_endpoint("games", "/b/")
        with pytest.raises(ConfigurationConflictError) as caught:
            config.commit()
        assert str(caught.value).count(__file__) == 2

    def test_with_autocommit(self) -> None:
        config = Configurator(autocommit=True)
        config.include("pyramid_sio")
        with_games(config)
        assert get_sio(config.registry, "games").of("/").definition.cls is Game


class TestMounts:
    def test_below_a_route_prefix(self) -> None:
        def package(config: Configurator) -> None:
            config.include("pyramid_sio")
            config.add_sio_namespace("/", Chat)
            config.add_sio_endpoint("games", "/games.io/")

        config = Configurator()
        config.include(package, route_prefix="/api")
        app = config.make_wsgi_app()
        client = Site(app, "/api/socket.io/").open()
        client.join()
        assert client.ask("message", "a") == "a"
        Site(app, "/api/games.io/").open()
        assert Site(app).get().status_int == 404

    def test_below_a_script_name(self, new_site: NewSite) -> None:
        seen: list[Any] = []

        class Mounted(Namespace):
            def on_look(self) -> None:
                seen.append((self.request.script_name, self.request.path, self.handshake.url))

        site = new_site(namespace=Mounted)
        site.web.extra_environ["SCRIPT_NAME"] = "/shop"
        client = site.open()
        client.join()
        client.ask("look")
        ((script_name, path, url),) = seen
        assert (script_name, path) == ("/shop", "/shop/socket.io/")
        assert url.startswith("/shop/socket.io/?EIO=4")

    def test_in_a_composite_of_paste(self, tmp_path: Path) -> None:
        ini = tmp_path / "site.ini"
        ini.write_text(
            "[composite:main]\nuse = egg:Paste#urlmap\n/one = one\n/two = two\n"
            f"[app:one]\nuse = call:{__name__}:make_app\nsio.ping_interval = 1\n"
            f"[app:two]\nuse = call:{__name__}:make_app\nsio.ping_interval = 2\n"
        )
        app = loadapp(f"config:{ini}")
        clients = []
        for mount, interval in (("/one", 1000), ("/two", 2000)):
            site = Mounted(app, f"{mount}/socket.io/")
            client = site.open()
            assert client.handshake["pingInterval"] == interval
            client.join()
            assert client.ask("message", mount) == mount
            clients.append(client)
        refused = Mounted(app, "/two/socket.io/").get(clients[0].sid)
        assert refused.json["message"] == "Session ID unknown"


class Mounted(Site):
    """An application inside of another, which has no registry."""

    def __init__(self, app: Any, path: str) -> None:
        app.registry = None
        super().__init__(app, path)


def make_app(global_config: Any, **settings: Any) -> Any:
    with Configurator(settings=settings) as config:
        config.include("pyramid_sio")
        config.add_sio_namespace("/", Chat)
        return config.make_wsgi_app()
