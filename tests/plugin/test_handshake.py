from __future__ import annotations

import time
from typing import Any

import pytest
from pyramid.request import Request

from pyramid_sio.errors import BadRequest
from pyramid_sio.plugin.handshake import LONGEST, Handshake


def environ(**more: Any) -> dict[str, Any]:
    request = Request.blank(
        "/socket.io/?EIO=4&transport=polling&token=a%20b&token=c",
        base_url="https://app.example/mount",
        headers={"Cookie": "session=abc", "User-Agent": "test", "X-Forwarded-For": "198.51.100.1"},
    )
    request.environ.update(REMOTE_ADDR="192.0.2.7", REMOTE_PORT="4711", **more)
    return dict(request.environ)


def test_what_handlers_see() -> None:
    before = time.time()
    handshake = Handshake(environ())
    assert handshake.address == "192.0.2.7"
    assert handshake.url == "/mount/socket.io/?EIO=4&transport=polling&token=a%20b&token=c"
    assert handshake.query == {"EIO": "4", "transport": "polling", "token": "c"}
    assert handshake.headers == {
        "host": "app.example:443",
        "cookie": "session=abc",
        "user-agent": "test",
        "x-forwarded-for": "198.51.100.1",
    }
    assert handshake.secure
    assert not handshake.xdomain
    assert before <= handshake.issued <= time.time()
    assert repr(handshake) == "<Handshake from 192.0.2.7>"


def test_a_request_made_of_it_looks_like_the_first() -> None:
    first = Request(environ())
    again = Request(Handshake(first.environ).environ())
    assert again.url == first.url
    assert again.cookies["session"] == "abc"
    assert again.client_addr == first.client_addr
    assert again.method == "GET"
    assert again.body == b""
    assert again.script_name == "/mount"


def test_each_environ_is_a_fresh_one() -> None:
    handshake = Handshake(environ())
    one, two = handshake.environ(), handshake.environ()
    one["webob.adhoc_attrs"] = {}
    assert "webob.adhoc_attrs" not in two
    assert one["wsgi.input"] is not two["wsgi.input"]


def test_nothing_but_plain_cgi_keys_is_kept() -> None:
    """A transaction manager of the opening request would be shared by all later events."""
    carried = {
        "tm.manager": object(),
        "tm.active": True,
        "pyramid_sio.peer": object(),
        "webob.adhoc_attrs": {"a": 1},
        "wsgi.file_wrapper": object,
        "wsgi.input": object(),
        "gunicorn.socket": object(),
        "HTTP_UPGRADE": "websocket",
        "HTTP_CONNECTION": "Upgrade",
        "HTTP_SEC_WEBSOCKET_KEY": "secret",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "CONTENT_LENGTH": "10",
        "CONTENT_TYPE": "text/plain",
        "PATH": "/usr/bin",
        "AWS_SECRET": "from os.environ, under CGI",
    }
    kept = Handshake(environ(**carried)).environ()
    assert not (carried.keys() - {"wsgi.input"}) & kept.keys()
    assert kept["wsgi.input"] is not carried["wsgi.input"]
    for key, value in kept.items():
        plain = key.isupper() or key.startswith("wsgi.")
        assert plain, key
        assert isinstance(value, str) or key.startswith("wsgi.")


def test_who_the_user_is_can_be_left_out() -> None:
    given = environ(HTTP_AUTHORIZATION="Basic abc")
    kept = Handshake(given, anonymous=True).environ()
    assert "HTTP_COOKIE" not in kept
    assert "HTTP_AUTHORIZATION" not in kept
    assert kept["HTTP_USER_AGENT"] == "test"
    assert Handshake(given).environ()["HTTP_COOKIE"] == "session=abc"


@pytest.mark.parametrize(
    ("more", "fact", "value"),
    [
        ({"wsgi.url_scheme": "http"}, "secure", False),
        ({"HTTP_ORIGIN": "http://page"}, "xdomain", True),
        ({"QUERY_STRING": ""}, "url", "/mount/socket.io/"),
        ({"QUERY_STRING": ""}, "query", {}),
    ],
)
def test_facts(more: dict[str, str], fact: str, value: Any) -> None:
    assert getattr(Handshake(environ(**more)), fact) == value


def test_no_header_can_pretend_to_be_another() -> None:
    """The separator of the compact form is not taken from a peer."""
    handshake = Handshake(environ(HTTP_X="a\0HTTP_COOKIE\0session=stolen"))
    assert handshake.headers["cookie"] == "session=abc"
    assert handshake.headers["x"] == "aHTTP_COOKIEsession=stolen"


def test_what_a_server_left_out() -> None:
    handshake = Handshake({"SERVER_NAME": "app"})
    assert handshake.address == ""
    assert handshake.url == ""
    assert handshake.headers == {}


def test_no_more_than_fits() -> None:
    Handshake(environ(HTTP_X="x" * (LONGEST - 1000)))
    with pytest.raises(BadRequest) as caught:
        Handshake(environ(HTTP_X="x" * LONGEST))
    assert str(LONGEST) in caught.value.detail
