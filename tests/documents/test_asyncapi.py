"""The document is one by AsyncAPI's own schema, and says what is so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyramid_sio.documents.asyncapi import to_asyncapi
from pyramid_sio.documents.contract import Contract, read_contract
from pyramid_sio.sockets.server import Definition
from tests.documents import sample
from tests.support import Node


@pytest.fixture(scope="module")
def document(contracts: list[Contract]) -> dict[str, Any]:
    return to_asyncapi(contracts, title="Games", version="1.2")


def payload_of(document: dict[str, Any], channel: str, message: str) -> Any:
    return document["channels"][channel]["messages"][message]["payload"]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def test_is_valid(document: dict[str, Any], node: Node, tmp_path: Path) -> None:
    """By the specification's schema; and each payload by what it has to let in and to refuse."""
    samples = {
        "game receive.move": [
            [[{"x": 1}], [{"x": 7, "y": 2}, 0.5]],
            [[], [{"x": 8}], [{"x": 1}, "fast"], [{"x": 1}, 1, 1], [1], [{}]],
        ],
        "game receive.move.answer": [[[{}], [{"reason": None}]], [[], [1], [{"legal": 1}]]],
        "game receive.rooms": [[["a"], ["a", "b", "c"]], [[], ["a", 1]]],
        "game receive.pair": [[[]], [[1]]],
        "game receive.pair.answer": [[[1, "a"]], [[], [1], ["a", 1], [1, "a", 1]]],
        "game receive.many.answer": [[[], [1, 2]], [["a"]]],
        "game receive.maybe.answer": [[[], ["a"]], [[1], ["a", "b"]]],
        "game receive.named.answer": [[[], [1, 2, "a"]], [{}]],
        "game receive.draw_offer": [
            [["black", [1, 2]], ["white", [1, 2], {}]],
            [["red", [1, 2]], ["black", [1]], ["black", [1, 2, 3]], ["black"]],
        ],
        "game receive.place": [
            [
                [{"type": "Pawn", "at": {"x": 1}}],
                [{"type": "Queen", "at": {"x": 1}, "moves": 1, "properties": [True, "x"]}],
            ],
            [
                [{"type": "Queen", "at": {"x": 1}}],
                [{"type": "Queen", "at": {"x": 1}, "moves": 1, "properties": [1, "x"]}],
                [{"type": "Queen", "at": {"x": 1}, "moves": 1, "discriminator": [1]}],
            ],
        ],
        "game send.moved": [
            [
                [
                    {"name": "a", "colour": "black", "rating": 1},
                    {"type": "Queen", "at": {"x": 1}, "moves": 1},
                ]
            ],
            [[{"name": "a"}, {"type": "Pawn", "at": {"x": 1}}], []],
        ],
        "game send.ask.answer": [[["yes"]], [[], [1]]],
        "game send.time_left": [[[1], [1, 2.5, 3]], [[], [1, "a"]]],
        "game error": [[[{"error": "x", "argument": "to", "path": "$"}]], [[], [{}]]],
    }
    file = tmp_path / "asyncapi.json"
    file.write_text(json.dumps({"document": document, "samples": samples}), encoding="utf-8")

    assert json.loads(node("asyncapi.js", file)) == {
        "document": [],
        "wrong": [],
        "tried": sum(len(good) + len(bad) for good, bad in samples.values()),
    }


def test_references_lead_somewhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert len(found) > 20
    for reference in found:
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert place


def test_channels(document: dict[str, Any]) -> None:
    channels = document["channels"]
    assert {id: channel["address"] for id, channel in channels.items()} == {
        "main": "/",
        "doc__id_": "/doc/{id}",
        "game": "/game",
        "file__name__w__": None,
    }
    assert channels["doc__id_"]["parameters"] == {"id": {}}
    assert r"/file/{name:\w+}" in channels["file__name__w__"]["description"]
    assert channels["game"]["x-permission"] == "play"
    assert channels["game"]["description"] == "A game of chess.\n\nTwo can play it."


def test_ids_are_used_once() -> None:
    definitions = [Definition(path, sample.File) for path in ("/a b", "/a-b", "/a_b", "/a~b")]
    contracts = [read_contract(definition) for definition in definitions]

    channels = to_asyncapi(contracts, title="", version="")["channels"]

    assert {id: channel["address"] for id, channel in channels.items()} == {
        "a_b": "/a b",
        "a-b": "/a-b",
        "a_b-2": "/a_b",
        "a_b-3": "/a~b",
    }


def test_operations(document: dict[str, Any]) -> None:
    operations = document["operations"]
    channel = {"$ref": "#/channels/game"}
    messages = "#/channels/game/messages"
    assert operations["game.receive.draw_offer"] == {
        "action": "receive",
        "channel": channel,
        "messages": [{"$ref": f"{messages}/receive.draw_offer"}],
        "x-permission": "draw",
        "reply": {
            "channel": channel,
            "messages": [
                {"$ref": f"{messages}/receive.draw_offer.answer"},
                {"$ref": f"{messages}/error"},
            ],
        },
    }
    assert operations["game.send.ask"]["reply"]["messages"] == [
        {"$ref": f"{messages}/send.ask.answer"}
    ]
    assert "reply" not in operations["game.send.moved"]
    named = document["channels"]["game"]["messages"]["receive.draw_offer"]
    assert named["name"] == "draw offer"


def test_bytes_are_attachments(document: dict[str, Any]) -> None:
    assert payload_of(document, "game", "receive.upload")["items"] == [
        {"title": "data", "type": "string", "format": "binary"}
    ]
