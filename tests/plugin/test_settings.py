from __future__ import annotations

from typing import Any

import pytest
from pyramid.exceptions import ConfigurationError

from pyramid_sio.plugin.settings import SETTINGS, parse_settings

NO = ["false", "no", "off", "none", "", False, None]


def parse(name: str, value: Any) -> Any:
    return parse_settings({f"sio.{name}": value})[name]


def names_by_converter(converter: str) -> list[str]:
    return [setting.name for setting in SETTINGS if setting.convert.__name__ == converter]


SECONDS, COUNTS = names_by_converter("seconds"), names_by_converter("count")
BOOLEANS = names_by_converter("asbool")


class TestConverters:
    @pytest.mark.parametrize("name", SECONDS)
    @pytest.mark.parametrize(
        ("value", "seconds"), [("1", 1), ("0.5", 0.5), (30, 30), ("1e3", 1000)]
    )
    def test_seconds(self, name: str, value: Any, seconds: float) -> None:
        assert parse(name, value) == seconds

    @pytest.mark.parametrize("name", SECONDS)
    @pytest.mark.parametrize(
        "value", ["0", "-1", "", "ten", "nan", "inf", "1e9", None, "1s", [], "1,5"]
    )
    def test_no_seconds(self, name: str, value: Any) -> None:
        with pytest.raises(ConfigurationError, match=f"sio.{name} = "):
            parse(name, value)

    @pytest.mark.parametrize("name", COUNTS)
    @pytest.mark.parametrize(("value", "count"), [("1", 1), ("1_000", 1000), (7, 7), (" 5 ", 5)])
    def test_counts(self, name: str, value: Any, count: int) -> None:
        assert parse(name, value) == count

    @pytest.mark.parametrize("name", COUNTS)
    @pytest.mark.parametrize("value", ["0", "-1", "", "many", "1.5", None, "1e3", [], 1.5])
    def test_no_counts(self, name: str, value: Any) -> None:
        with pytest.raises(ConfigurationError, match=f"sio.{name} = "):
            parse(name, value)

    @pytest.mark.parametrize("name", BOOLEANS)
    def test_booleans(self, name: str) -> None:
        for value in ("true", "yes", "on", "1", True):
            assert parse(name, value) is True
        for value in ("false", "no", "off", "0", "", False):
            assert parse(name, value) is False

    @pytest.mark.parametrize(
        ("value", "path"),
        [
            ("/socket.io/", "/socket.io/"),
            ("socket.io", "/socket.io/"),
            (" /a/b ", "/a/b/"),
            ("a-b_c.d", "/a-b_c.d/"),
        ],
    )
    def test_path(self, value: str, path: str) -> None:
        assert parse("path", value) == path

    @pytest.mark.parametrize("value", ["", "/", "//", "/{id}/", "/a*", "/a?b", "/a b", "/a#b"])
    def test_no_path(self, value: str) -> None:
        with pytest.raises(ConfigurationError, match="must be a path"):
            parse("path", value)

    @pytest.mark.parametrize(
        ("value", "transports"),
        [
            ("polling websocket", ("polling", "websocket")),
            ("websocket, polling", ("polling", "websocket")),
            ("websocket", ("websocket",)),
            ("polling\nwebsocket", ("polling", "websocket")),
            (["websocket"], ("websocket",)),
            (("polling", "polling"), ("polling",)),
        ],
    )
    def test_transports(self, value: Any, transports: tuple[str, ...]) -> None:
        assert parse("transports", value) == transports

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ("", "at least one"),
            ([], "at least one"),
            ("websockets", "'websockets' is no transport"),
        ],
    )
    def test_no_transports(self, value: Any, said: str) -> None:
        with pytest.raises(ConfigurationError, match=said):
            parse("transports", value)

    @pytest.mark.parametrize(
        ("value", "origins"),
        [
            ("", ()),
            ("*", ("*",)),
            ("https://A.example", ("https://a.example",)),
            ("http://a:8080, https://b", ("http://a:8080", "https://b")),
            ("http://a\nhttp://b", ("http://a", "http://b")),
            (["http://a", "*"], ("http://a", "*")),
        ],
    )
    def test_origins(self, value: Any, origins: tuple[str, ...]) -> None:
        assert parse("cors_origins", value) == origins

    @pytest.mark.parametrize(
        "value", ["a.example", "https://a.example/", "https://a/b", "ftp://a", "https://", "null"]
    )
    def test_no_origins(self, value: str) -> None:
        with pytest.raises(ConfigurationError, match="is no origin"):
            parse("cors_origins", value)

    @pytest.mark.parametrize(("value", "threshold"), [("true", 1024), ("10", 10), (True, 1024)])
    def test_threshold(self, value: Any, threshold: int) -> None:
        assert parse("http_compression", value) == threshold

    @pytest.mark.parametrize("value", NO)
    def test_no_threshold(self, value: Any) -> None:
        assert parse("http_compression", value) is None

    @pytest.mark.parametrize("value", ["-5", "much", "1.5"])
    def test_bad_threshold(self, value: str) -> None:
        with pytest.raises(ConfigurationError):
            parse("http_compression", value)


class TestFunctions:
    """Settings that name a function take one from Python as it is."""

    @pytest.mark.parametrize("name", ["allow_request", "json_default"])
    def test_by_name_or_as_it_is(self, name: str) -> None:
        assert parse(name, "") is None
        assert parse(name, "os.path.join").__name__ == "join"
        assert parse(name, "os.path:join").__name__ == "join"
        assert parse(name, repr) is repr

    @pytest.mark.parametrize("name", ["allow_request", "json_default"])
    @pytest.mark.parametrize("value", ["nowhere.at_all", "os.nothing", ".relative", "os.sep", 5])
    def test_wrong_ones_are_named(self, name: str, value: Any) -> None:
        with pytest.raises(ConfigurationError, match=f"sio.{name} = "):
            parse(name, value)


class TestNames:
    def test_all_settings_have_a_default_that_converts(self) -> None:
        assert parse_settings({}).keys() == {setting.name for setting in SETTINGS}

    def test_each_has_a_reason(self) -> None:
        for setting in SETTINGS:
            assert setting.why.endswith("."), setting.name
            assert len(setting.why) > 20, setting.name

    def test_no_name_twice(self) -> None:
        assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)

    @pytest.mark.parametrize(
        ("key", "meant"),
        [
            ("sio.ping_intervall", "sio.ping_interval"),
            ("sio.transport", "sio.transports"),
            ("sio.cors_origin", "sio.cors_origins"),
            ("sio.max_http_buffersize", "sio.max_http_buffer_size"),
        ],
    )
    def test_an_unknown_one_names_the_nearest(self, key: str, meant: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            parse_settings({key: "1"})
        assert str(caught.value) == f"unknown setting {key!r}; did you mean {meant}?"

    def test_an_unknown_one_like_no_other(self) -> None:
        with pytest.raises(ConfigurationError) as caught:
            parse_settings({"sio.xyzzy": "1"})
        assert str(caught.value) == "unknown setting 'sio.xyzzy'"

    def test_settings_of_others_do_not_matter(self) -> None:
        parse_settings({"pyramid.includes": "", "siomething": 1, "other.sio.path": 2})
