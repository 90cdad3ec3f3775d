from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_sio.errors import (
    BadHandshakeMethod,
    BadRequest,
    RequestRefused,
    UnknownTransport,
    UnsupportedVersion,
    http_answer,
)
from pyramid_sio.protocol.request import EngineRequest, parse_query, parse_request

BOTH = ("polling", "websocket")


def parse(
    query: str,
    method: str = "GET",
    *,
    upgrade: bool = False,
    transports: tuple[str, ...] = BOTH,
    revisions: tuple[int, ...] = (4,),
) -> EngineRequest:
    return parse_request(
        method=method,
        query_string=query,
        upgrade=upgrade,
        transports=transports,
        revisions=revisions,
    )


class TestAccepted:
    def test_new_polling_session(self) -> None:
        request = parse("EIO=4&transport=polling&t=37lg6k1z")
        assert request == EngineRequest("polling", None, 4, "GET", False)

    def test_new_websocket_session(self) -> None:
        request = parse("EIO=4&transport=websocket", upgrade=True)
        assert request == EngineRequest("websocket", None, 4, "GET", True)

    def test_poll_and_post(self) -> None:
        query = "EIO=4&transport=polling&sid=abc"
        assert parse(query) == EngineRequest("polling", "abc", 4, "GET", False)
        assert parse(query, "POST") == EngineRequest("polling", "abc", 4, "POST", False)

    def test_empty_sid_opens_a_session(self) -> None:
        assert parse("EIO=4&transport=polling&sid=").sid is None

    def test_names_are_decoded_and_the_last_one_wins(self) -> None:
        request = parse("%45IO=3&EIO=4&transport=x&transport=%70olling&sid=a&sid=b%20c")
        assert request == EngineRequest("polling", "b c", 4, "GET", False)

    @pytest.mark.parametrize(
        "query",
        [
            "EIO=04&transport=polling&sid=a",
            "EIO=2&transport=polling&sid=a",
        ],
    )
    def test_with_sid_an_odd_revision_is_left_to_the_caller(self, query: str) -> None:
        assert parse(query).revision == 0
        assert parse("EIO=3&transport=polling&sid=a").revision == 3
        assert parse("transport=polling&sid=a").revision == 3

    @pytest.mark.parametrize("method", ["PUT", "HEAD", "OPTIONS", "get"])
    def test_with_sid_the_method_is_left_to_the_caller(self, method: str) -> None:
        assert parse("EIO=4&transport=polling&sid=a", method).method == method

    def test_with_sid_an_upgrade_that_never_came_is_left_to_the_caller(self) -> None:
        request = parse("EIO=4&transport=websocket&sid=a")
        assert request == EngineRequest("websocket", "a", 4, "GET", False)


class TestRefused:
    @pytest.mark.parametrize(
        "query",
        [
            "",
            "EIO=4",
            "EIO=3",
            "EIO=4&transport=",
            "EIO=4&transport=Polling",
            "EIO=4&Transport=polling",
            "EIO=4&transport=constructor",
            "EIO=4&transport=__proto__",
            "EIO=4&transport=webtransport",
            "EIO=4&transport=polling,websocket",
            "EIO=4&transport=tarnsport&sid=unknown",
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_transport_comes_first(self, query: str, method: str) -> None:
        with pytest.raises(UnknownTransport) as caught:
            parse(query, method)
        assert http_answer(caught.value) == (400, {"code": 0, "message": "Transport unknown"})

    def test_disabled_transport(self) -> None:
        with pytest.raises(UnknownTransport, match="Transport unknown") as caught:
            parse("EIO=4&transport=websocket", upgrade=True, transports=("polling",))
        assert caught.value.detail == "transport='websocket'"

    @pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "HEAD", "DELETE", "get", ""])
    @pytest.mark.parametrize("query", ["EIO=4&transport=polling", "EIO=9&transport=websocket"])
    def test_only_get_opens_a_session(self, method: str, query: str) -> None:
        with pytest.raises(BadHandshakeMethod) as caught:
            parse(query, method)
        assert http_answer(caught.value) == (400, {"code": 2, "message": "Bad handshake method"})

    @pytest.mark.parametrize(
        ("transport", "upgrade", "detail"),
        [
            ("websocket", False, "transport=websocket, but the request asks for no upgrade"),
            ("polling", True, "transport=polling, but the request asks for an upgrade"),
        ],
    )
    @pytest.mark.parametrize("eio", ["4", "3"])
    def test_transport_and_upgrade_disagree(
        self, transport: str, upgrade: bool, detail: str, eio: str
    ) -> None:
        with pytest.raises(BadRequest) as caught:
            parse(f"EIO={eio}&transport={transport}", upgrade=upgrade)
        assert http_answer(caught.value) == (400, {"code": 3, "message": "Bad request"})
        assert caught.value.detail == detail

    @pytest.mark.parametrize(
        ("query", "eio", "who"),
        [
            ("transport=polling", "None", "no EIO is sent by some clients for Socket.IO 1 and 2"),
            ("EIO=&transport=polling", "''", "no Socket.IO client sends"),
            ("EIO=1&transport=polling", "'1'", "older than 0.7"),
            ("EIO=2&transport=polling", "'2'", "older than 1.0"),
            ("EIO=3&transport=polling", "'3'", "clients of version 1 and 2"),
            ("EIO=04&transport=polling", "'04'", "no Socket.IO client sends"),
            ("EIO=5&transport=polling", "'5'", "no Socket.IO client sends"),
            ("EIO=%D9%A4&transport=polling", "'\u0664'", "no Socket.IO client sends"),
            ("EIO=%204&transport=polling", "' 4'", "no Socket.IO client sends"),
        ],
    )
    def test_revision(self, query: str, eio: str, who: str) -> None:
        with pytest.raises(UnsupportedVersion) as caught:
            parse(query)
        status, body = http_answer(caught.value)
        assert (status, body["code"]) == (400, 5)
        assert body["message"].startswith("Unsupported protocol version: ")
        for text in (body["message"], caught.value.detail):
            assert who in text
            assert "use a Socket.IO client of version 3 or 4" in text
        assert caught.value.detail.startswith(f"EIO={eio}: ")

    @pytest.mark.parametrize("query", ["EIO=3&transport=polling", "transport=polling"])
    def test_who_would_be_served_is_told_by_which_setting(self, query: str) -> None:
        with pytest.raises(UnsupportedVersion) as caught:
            parse(query)
        assert "set sio.allow_eio3 = true on the server" in caught.value.message
        assert "set sio.allow_eio3 = true on the server" in caught.value.detail

    def test_what_the_peer_said_is_not_said_back(self) -> None:
        with pytest.raises(UnsupportedVersion) as caught:
            parse("EIO=<script>&transport=polling")
        assert "script" not in caught.value.message

    def test_what_the_peer_said_is_logged_short_and_on_one_line(self) -> None:
        for query in (f"EIO=%0A{'9' * 5000}&transport=polling", f"transport=%0A{'x' * 5000}"):
            with pytest.raises(RequestRefused) as caught:
                parse(query)
            assert "\n" not in caught.value.detail
            assert len(caught.value.detail) < 200


class TestRevision3:
    @pytest.mark.parametrize("query", ["EIO=3&transport=polling", "transport=polling"])
    def test_served(self, query: str) -> None:
        request = parse(query, revisions=(4, 3))
        assert request == EngineRequest("polling", None, 3, "GET", False)

    @pytest.mark.parametrize("eio", ["", "2", "03", "5"])
    def test_nothing_else_is(self, eio: str) -> None:
        with pytest.raises(UnsupportedVersion):
            parse(f"EIO={eio}&transport=polling", revisions=(4, 3))

    @pytest.mark.parametrize(
        ("text", "binary"), [("", True), ("b64", True), ("b64=1", False), ("b64=true", False)]
    )
    @pytest.mark.parametrize("eio", ["3", "4"])
    def test_clients_that_take_no_binary_say_so(self, text: str, binary: bool, eio: str) -> None:
        query = f"EIO={eio}&transport=polling&{text}"
        assert parse(query, revisions=(4, 3)).binary is binary

    @pytest.mark.parametrize(
        ("text", "digits"),
        [("0", "0"), ("12", "12"), ("007", "007"), ("12abc;alert(1)", "121"), ("\u0664a1", "1")],
    )
    def test_of_the_number_of_a_function_digits_are_taken(self, text: str, digits: str) -> None:
        request = parse(f"EIO=3&transport=polling&sid=a&j={text.encode().decode('latin-1')}")
        assert request.jsonp == digits

    @pytest.mark.parametrize("text", ["", "x", "\u0664", "1234567890", "-"])
    def test_what_is_no_number(self, text: str) -> None:
        with pytest.raises(BadRequest) as caught:
            parse(f"EIO=3&transport=polling&sid=a&j={text.encode().decode('latin-1')}")
        assert "JSONP function" in caught.value.detail

    @pytest.mark.parametrize("query", ["EIO=4&transport=polling", "EIO=4&transport=polling&sid=a"])
    def test_no_other_revision_has_jsonp(self, query: str) -> None:
        with pytest.raises(BadRequest) as caught:
            parse(f"{query}&j=0")
        assert caught.value.detail == "JSONP is for clients of revision 3 only"


class TestQuery:
    def test_blank_values_are_kept(self) -> None:
        assert parse_query("a=&b&c=1") == {"a": "", "b": "", "c": "1"}

    def test_nothing(self) -> None:
        assert parse_query("") == {}
        assert parse_query("&&") == {}

    def test_decoding(self) -> None:
        assert parse_query("a%20b=c+d%26&e=%C3%A9&f=%ff") == {
            "a b": "c d&",
            "e": "é",
            "f": "\ufffd",
        }

    def test_utf8_that_was_not_quoted(self) -> None:
        assert parse_query("a=é".encode().decode("latin-1")) == {"a": "é"}
        assert parse_query("a=\xff") == {"a": "\ufffd"}
        assert parse_query("a=\u20ac") == {"a": "?"}

    def test_number_of_fields_is_limited(self) -> None:
        assert len(parse_query("&".join(f"a{n}=1" for n in range(100)))) == 100
        for field in ("a", "a%20b", "é"):
            with pytest.raises(BadRequest) as caught:
                parse_query("&".join(field for _ in range(101)))
            assert caught.value.detail == "more than 100 fields in the query string"
        with pytest.raises(BadRequest):
            parse_query("a&b&c", max_fields=2)

    @given(st.text())
    def test_nothing_but_text_comes_of_it(self, query: str) -> None:
        fields = parse_query(query)
        for text in (*fields, *fields.values()):
            text.encode()


@given(
    method=st.sampled_from(["GET", "POST", "HEAD"]) | st.text(max_size=3),
    query=st.lists(
        st.tuples(
            st.sampled_from(["EIO", "transport", "sid", "t", "j"]) | st.text(max_size=3),
            st.sampled_from(["4", "3", "polling", "websocket", ""]) | st.text(max_size=9),
        ).map("=".join)
    ).map("&".join),
    upgrade=st.booleans(),
)
def test_nothing_but_refusals(method: str, query: str, upgrade: bool) -> None:
    refusal: RequestRefused | None = None
    try:
        request = parse(query, method, upgrade=upgrade)
    except RequestRefused as exc:
        refusal = exc
    if refusal is not None:
        assert refusal.code in (0, 2, 3, 5)
    else:
        assert request.transport in BOTH
        assert request.sid or (method == "GET" and request.revision == 4)
