"""What people may type: names and texts, brought into one spelling or refused."""

from __future__ import annotations

import hmac
import unicodedata

#: Unicode's control characters, and halves of surrogate pairs, which no encoder takes.
BARRED = ("Cc", "Cs")


class Refusal(Exception):
    """An action that is not done.

    :param code: for the program, such as ``"nick_taken"``
    :param message: for the person, a whole sentence
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def clean_name(name: object, limit: int, what: str = "nick", marks: str = " -_.'") -> str:
    """A name in its one spelling: letters and digits of any script, and a few marks.

    :param limit: the greatest length, in characters
    :param what: "nick" or "room name"; the refusal's code is ``"bad_"`` and its first word
    """
    code = f"bad_{what.split()[0]}"
    # Normalising costs time and can lengthen a text, so what is far too long never gets there.
    if not isinstance(name, str) or len(name) > 8 * limit:
        raise Refusal(code, f"A {what} is a text of at most {limit} characters.")
    words = " ".join(unicodedata.normalize("NFKC", name).split())
    if not words:
        raise Refusal(code, f"A {what} needs at least one letter.")
    if len(words) > limit:
        raise Refusal(code, f"A {what} has at most {limit} characters.")
    if not all(mark in marks or unicodedata.category(mark)[0] in "LMN" for mark in words):
        raise Refusal(code, f"A {what} is made of letters, digits and {' '.join(marks.strip())}")
    if unicodedata.category(words[0])[0] not in "LN":
        raise Refusal(code, f"A {what} begins with a letter or a digit.")
    return words


def clean_room(name: object, limit: int) -> str:
    """A room's name: small letters, with dashes for spaces and no ``#`` in front."""
    if isinstance(name, str) and len(name) <= 8 * limit:
        name = unicodedata.normalize("NFKC", name).casefold().strip().lstrip("#")
    return clean_name(name, limit, what="room name", marks=" -_.").replace(" ", "-")


def clean_text(text: object, limit: int, what: str = "message") -> str:
    """What somebody wrote, without control characters and without blank ends."""
    if not isinstance(text, str):
        raise Refusal("bad_text", f"A {what} has to be text.")
    if len(text) > limit:
        raise Refusal("bad_text", f"A {what} has at most {limit} characters.")
    kept = (mark for mark in text if mark in "\n\t" or unicodedata.category(mark) not in BARRED)
    return "".join(kept).strip()


def same(token: str, claimed: object) -> bool:
    """Whether a claimed token is the right one; takes equally long either way."""
    if not isinstance(claimed, str):
        return False
    return hmac.compare_digest(token.encode(), claimed.encode("utf-8", "replace"))
