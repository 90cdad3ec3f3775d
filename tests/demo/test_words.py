"""Names and texts: what is accepted comes out in one spelling, the rest is refused."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.words import Refusal, clean_name, clean_room, clean_text, same


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Ada", "Ada"),
        ("  Ada \t Lovelace ", "Ada Lovelace"),
        ("O'Neill-Smith Jr.", "O'Neill-Smith Jr."),
        ("Ａｄａ", "Ada"),  # wide letters are the same nick, not a look-alike of it
        ("Zoe\u0308", "Zoë"),
        ("नमस्ते", "नमस्ते"),
        ("42", "42"),
    ],
)
def test_nick(typed: str, name: str) -> None:
    assert clean_name(typed, 24) == name


@pytest.mark.parametrize(
    "typed",
    [None, 7, ["Ada"], "", "   ", "x" * 25, "-Ada", "<b>", "Ada\u202e", "Ada\x00", "\ud800", "🙂"],
)
def test_bad_nick(typed: object) -> None:
    with pytest.raises(Refusal) as refusal:
        clean_name(typed, 24)
    assert refusal.value.code == "bad_nick"
    assert str(refusal.value).startswith("A nick ")


@pytest.mark.parametrize(
    ("typed", "name"),
    [("Python", "python"), ("# night train ", "night-train"), ("#ÉTÉ", "été"), ("ℌ", "h")],
)
def test_room(typed: str, name: str) -> None:
    assert clean_room(typed, 32) == name


@pytest.mark.parametrize("typed", [None, "", "#", "!!", "it's", "x" * 33, "x" * 10_000])
def test_bad_room(typed: object) -> None:
    with pytest.raises(Refusal) as refusal:
        clean_room(typed, 32)
    assert refusal.value.code == "bad_room"


@given(st.text(max_size=40))
def test_a_room_has_one_spelling(typed: str) -> None:
    try:
        name = clean_room(typed, 32)
    except Refusal:
        return
    assert clean_room(name, 32) == name
    assert clean_room(f" #{name} ", 32) == name
    assert 0 < len(name) <= 32


def test_text_keeps_lines_and_loses_controls() -> None:
    assert clean_text("  two\n\tlines\x07\x1b[2J\ud800 \n", 100) == "two\n\tlines[2J"


def test_text_keeps_what_joins_an_emoji() -> None:
    family = "👩\u200d👩\u200d👧"
    assert clean_text(family, 100) == family


@given(st.text(st.characters(codec=None), max_size=60))
def test_text_can_always_be_sent(typed: str) -> None:
    text = clean_text(typed, 100)
    text.encode()
    assert text == text.strip()
    assert not {"Cc", "Cs"} & {unicodedata.category(mark) for mark in text if mark not in "\n\t"}


@pytest.mark.parametrize("typed", [None, 5, {}, "x" * 101])
def test_bad_text(typed: object) -> None:
    with pytest.raises(Refusal) as refusal:
        clean_text(typed, 100)
    assert refusal.value.code == "bad_text"


@pytest.mark.parametrize(
    ("claimed", "right"),
    [
        ("secret", True),
        ("Secret", False),
        ("", False),
        (None, False),
        (7, False),
        ("\ud800", False),
    ],
)
def test_token(claimed: object, right: bool) -> None:
    assert same("secret", claimed) is right
