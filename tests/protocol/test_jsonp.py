from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_sio.protocol.jsonp import decode_form, encode_script


class TestScript:
    def test_sample(self) -> None:
        payload = '19:4a"b\\c\n\u2028\u2029</script>€'
        script = encode_script("0", payload.encode()).decode()
        assert script == '___eio[0]("19:4a\\"b\\\\c\\n\\u2028\\u2029<\\/script>€");'

    @pytest.mark.parametrize("index", ["7", "121"])
    def test_index(self, index: str) -> None:
        assert encode_script(index, b"1:6") == f'___eio[{index}]("1:6");'.encode()

    @given(st.text())
    def test_is_a_string_of_json_that_ends_nothing_around_it(self, payload: str) -> None:
        script = encode_script("3", payload.encode()).decode()
        assert script.startswith('___eio[3]("')
        assert script.endswith('");')
        literal = script[len("___eio[3](") : -2]
        assert json.loads(literal) == payload
        assert not {"\u2028", "\u2029", "\n", "\r"} & set(script)
        assert "</" not in script


class TestForm:
    @pytest.mark.parametrize(
        ("form", "payload"),
        [
            (b"d=6%3A4hello", "6:4hello"),
            (b"d=4%3A4a%5Cnb", "4:4a\nb"),
            (b"d=5%3A4a%5C%5Cnb", "5:4a\\nb"),
            (b"d=2%3A4%E2%82%AC", "2:4€"),
            (b"d=a+b%2B", "a b+"),
            (b"x=1&d=2%3A4a&d=other", "2:4a"),
            (b"d", ""),
            (b"d=%ff%5C%5C", "\ufffd\\\\"),
            (b"d=%", "%"),
            (b"d=a=b", "a=b"),
        ],
    )
    def test_samples(self, form: bytes, payload: str) -> None:
        assert decode_form(form) == payload.encode()

    @pytest.mark.parametrize("form", [b"", b"6:4hello", b"D=1", b"x=d", b"dd=1"])
    def test_no_such_field(self, form: bytes) -> None:
        assert decode_form(form) is None

    def test_only_so_many_fields_are_looked_at(self) -> None:
        assert decode_form(b"x&" * 99 + b"d=a") == b"a"
        assert decode_form(b"x&" * 100 + b"d=a") is None

    @given(st.text(alphabet=st.characters(codec="utf-8")))
    def test_what_a_client_makes_of_a_payload(self, payload: str) -> None:
        escaped = payload.replace("\\n", "\\\\n").replace("\n", "\\n")
        if "\\\\\\n" not in escaped:  # which the client's own way of escaping cannot tell apart
            assert decode_form(urlencode({"d": escaped}).encode()) == payload.encode()

    @given(st.binary())
    def test_takes_anything(self, form: bytes) -> None:
        payload = decode_form(form)
        assert payload is None or payload.decode() is not None
