"""What only Engine.IO 3 makes possible: lengths that lie, scripts, forms, pings from the client."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.attacks.site import Site
from tests.rawclient import Answer, WebSocket, request, text_frame
from tests.support import PATIENCE, wait_until

LIMIT = 1_000_000
POLLING = "EIO=3&transport=polling"
OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def shared_earlier_site(build_site: Callable[..., Site]) -> Site:
    return build_site(measured=False, allow_eio3="true", max_buffer_size=200_000)


@pytest.fixture
def site(shared_earlier_site: Site, watch: Callable[[Site], Site]) -> Site:
    """A server for clients of Socket.IO 1 and 2 too, watched."""
    return watch(shared_earlier_site)


#: A page of the application, by the name that all requests here call it.
OWN: dict[str, object] = {"Referer": "http://127.0.0.1/page"}


class Earlier:
    """A polling session of revision 3."""

    def __init__(self, site: Site, **more: str) -> None:
        self.site = site
        self.headers = OWN
        self.query = "&".join([POLLING, *(f"{name}={value}" for name, value in more.items())])
        opening = request(site.server, "GET", self.query, headers=self.headers)
        assert opening.status == 200, opening
        text = opening.text
        if "j" in more:
            text = json.loads(text[text.index("(") + 1 : text.rindex(")")])
        self.sid = json.loads(text.partition(":")[2][1:])["sid"]
        self.query += f"&sid={self.sid}"

    def get(self) -> Answer:
        return request(self.site.server, "GET", self.query, headers=self.headers)

    def post(self, body: bytes, **headers: object) -> Answer:
        fields = {**self.headers, **headers}
        return request(self.site.server, "POST", self.query, body=body, headers=fields)


def filled(piece: bytes) -> bytes:
    """As much of it as a POST may hold."""
    return piece * (LIMIT // len(piece))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"9" * LIMIT, id="a length without an end"),
        pytest.param(b"9999999999:4", id="a length of gigabytes"),
        pytest.param(b"99999999999999999999:4", id="a length beyond 64 bits"),
        pytest.param(b"-1:4", id="a negative length"),
        pytest.param("٣:4ab".encode(), id="digits of another script"),
        pytest.param(filled(b"0:"), id="half a million empty packets"),
        pytest.param(filled(b"1:6"), id="many packets that mean nothing"),
        pytest.param(filled("2:6😀".encode()), id="lengths that cut emoji in two"),
        pytest.param("3:6😀".encode() + filled(b":")[:-10], id="junk behind an emoji"),
        pytest.param(filled("é".encode()), id="a megabyte of text without a length"),
    ],
)
def test_text_payload(site: Site, body: bytes) -> None:
    client = Earlier(site, b64="1")
    assert client.post(body).status in (400, 413)
    assert client.post(b"2:40").json["code"] == 1, "the session has ended"
    assert site.witness.slowest < PATIENCE / 4


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\x00" * LIMIT, id="a length without an end"),
        pytest.param(b"\x00" + b"\x09" * LIMIT, id="a length of many digits"),
        pytest.param(b"\x00" + b"\x09" * 10 + b"\xff4", id="a length of gigabytes"),
        pytest.param(filled(b"\x00\x00\xff"), id="empty packets"),
        pytest.param(filled(b"\x00\x01\xff6"), id="many packets that mean nothing"),
        pytest.param(filled(b"\xff"), id="nothing but ends of lengths"),
        pytest.param(b"\x01\x02\xff\x09a", id="a type that is none"),
        pytest.param(b"\x00\x0a\xff4", id="a digit above nine"),
    ],
)
def test_binary_payload(site: Site, body: bytes) -> None:
    client = Earlier(site)
    assert client.post(body[:LIMIT], **OCTETS).status in (400, 413)
    assert client.post(b"2:40").json["code"] == 1
    assert site.witness.slowest < PATIENCE / 4


@pytest.mark.parametrize("more", [{}, {"j": "0"}])
def test_a_body_beyond_the_limit(site: Site, more: dict[str, str]) -> None:
    client = Earlier(site, **more)
    assert client.post(b"d=" + b"x" * LIMIT).status == 413
    assert client.post(b"d=2%3A40" if more else b"1:6").status == 200, "the session survives"


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(filled(b"&"), id="fields without names"),
        pytest.param(filled(b"d&"), id="a field again and again"),
        pytest.param(b"d=" + filled(b"%5C")[:-2], id="backslashes"),
        pytest.param(b"d=" + filled(b"%")[:-2], id="escapes that are none"),
        pytest.param(b"d=" + filled(b"%ff")[:-2], id="bytes that are no text"),
    ],
)
def test_forms(site: Site, form: bytes) -> None:
    client = Earlier(site, j="0")
    assert client.post(form).status in (200, 400)
    assert site.witness.slowest < PATIENCE / 4


@pytest.mark.parametrize(
    "index",
    [
        "alert(1)",
        "0](1);alert(1);//",
        "0%5D;alert(1)",
        "%E2%80%A8alert(1)",
        "0%0D%0AX-Injected:1",
        "0</script><script>alert(1)",
    ],
)
def test_the_function_of_a_script_cannot_be_chosen(site: Site, index: str) -> None:
    answer = request(site.server, "GET", f"{POLLING}&j={index}", headers=OWN)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/javascript")
    name, _, rest = answer.text.partition("](")
    assert name.startswith("___eio[")
    assert name[len("___eio[") :].isdigit()
    assert json.loads(rest[:-2]).partition(":")[2].startswith('0{"sid"')
    assert "x-injected" not in answer.headers


def test_what_others_say_stays_a_string_in_a_script(site: Site) -> None:
    client = Earlier(site, j="3")
    client.get()
    text = '");alert(1);//\u2028\u2029</script><script>alert(2)</script>'
    packet = "421" + json.dumps(["echo", text])
    body = f"{len(packet)}:{packet}".replace("\\n", "\\\\n")
    assert client.post(b"d=" + b"".join(b"%%%02x" % b for b in body.encode())).text == "ok"
    script = client.get().text
    assert "</" not in script
    assert not {"\u2028", "\u2029"} & set(script)
    payload = json.loads(script[len("___eio[3](") : -2])
    assert json.loads(payload.partition(":")[2][3:]) == [text]


@pytest.mark.parametrize("referer", [None, "http://evil.example/", "about:blank"])
def test_pages_of_others_load_no_scripts(site: Site, referer: str | None) -> None:
    headers: dict[str, Any] = {"Cookie": "user=ada", "Referer": referer}
    if referer is None:
        del headers["Referer"]
    answer = request(site.server, "GET", f"{POLLING}&j=0", headers=headers)
    assert answer.status == 403
    assert "___eio" not in answer.text


def test_pings_of_a_client_that_reads_no_pong(site: Site) -> None:
    """What waits for it has an end; then it is disconnected."""
    client = WebSocket(site.server, query="EIO=3&transport=websocket", receive_buffer=4096)
    flood = text_frame("2") * 20_000
    before = site.sessions

    def gone() -> bool:
        client.wire.send_what_fits(flood, 0.2)
        return site.sessions < before

    try:
        wait_until(gone, what="the end of a client that floods", patience=60)
    except ConnectionError:
        site.wait_sessions(before - 1)
    finally:
        client.close()


@pytest.mark.parametrize("eio", ["4", "2", "03", "", "abc"])
def test_a_session_stays_of_its_revision(site: Site, eio: str) -> None:
    client = Earlier(site, b64="1")
    query = f"EIO={eio}&transport=polling&sid={client.sid}"
    assert request(site.server, "POST", query, body=b"40").status == 400
    with WebSocket(site.server, query=query.replace("polling", "websocket"), sid="") as websocket:
        assert websocket.answer.status == 400
    assert client.post(b"1:6").status == 200
