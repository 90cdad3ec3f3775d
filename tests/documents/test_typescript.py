"""The types are what the compiler and the official client want."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from pyramid_sio.documents.contract import Contract, read_contract
from pyramid_sio.documents.typescript import to_typescript
from pyramid_sio.sockets.namespace import Namespace
from pyramid_sio.sockets.server import Definition

HEAD = """\
import { io, type Socket } from "socket.io-client";
import type { Document, Game, Main, Square, Verdict } from "./events";

const game: Socket<Game.ServerToClientEvents, Game.ClientToServerEvents> = io("/game");
const main: Socket<Main.ServerToClientEvents, Main.ClientToServerEvents> = io("/");
const doc: Socket<Document.ServerToClientEvents, Document.ClientToServerEvents> = io("/doc/1");
"""

#: Each has to compile.
GOOD = """\
game.emit("move", { x: 1 }, (answer: Verdict) => answer.legal);
game.emit("move", { x: 1, y: 2 }, 0.5, (answer) => answer.reason === null);
const verdict: Promise<Verdict> = game.emitWithAck("move", { x: 1 }, 2);
game.emit("upload", new ArrayBuffer(3));
game.emit("upload", new Uint8Array(3), () => undefined);
game.emit("rooms", "a", (rooms) => rooms.length);
game.emit("rooms", "a", "b", "c", (rooms: string[]) => rooms);
game.emit("pair", (number: number, text: string) => text.repeat(number));
game.emit("many", (...numbers: number[]) => numbers);
game.emit("maybe", null, (answer?: string | null) => answer);
game.emit("maybe", { any: ["thing"] }, () => undefined);
game.emit("either", (answer) => answer && ("points" in answer ? answer.points.Ann : answer.legal));
game.emit("named", 1);
game.emit("named", 1, (...answers) => answers);
game.emit("place", { type: "Queen", at: { x: 1 }, moves: 2, properties: [true, new Uint8Array()] });
game.emit("place", { type: "Pawn", at: { x: 1 } }, () => undefined);
game.emit("plain", Symbol.iterator);
game.emit("spread", 1, "2", null);
game.emit("draw offer", "black", [1, 2], (agreed: boolean) => agreed);
game.emit("draw offer", "white", [1, 2], { any: "thing" }, (agreed: boolean) => agreed);
game.on("moved", (player, piece) => {
  const colour: "black" | "white" = player.colour;
  const square: Square = piece.at;
  player.rating.toFixed();
  return piece.type === "Queen" ? piece.moves : [colour, square];
});
game.on("ask", (question: string, choices: string[], callback) => callback(choices[0] + question));
game.on("time left", (seconds, ...more) => [seconds, ...more].map((each) => each.toFixed()));
game.on("picture", (data, kind) => kind === "png" && data.byteLength);
doc.on("ask", (question: boolean) => question);
doc.on("moved", (player) => player.name);
main.emit("whatever", 1, 2, 3);
"""

#: None may compile.
BAD = """\
game.emit("nothing of that name");
game.emit("move", { x: "1" }, () => undefined);
game.emit("move", 1, () => undefined);
game.emit("move", { x: 1 });
game.emit("move", { x: 1 }, "fast", () => undefined);
game.emit("move", { x: 1 }, 1, (answer: string) => answer);
game.emitWithAck("move", { x: 1 }, "fast");
game.emit("upload", "text");
game.emit("rooms", (rooms) => rooms);
game.emit("rooms", "a", 1, (rooms: string[]) => rooms);
game.emit("pair", (text: string, number: number) => text);
game.emit("either", (answer?: Verdict) => answer);
game.emit("place", { type: "Rook", at: { x: 1 } });
game.emit("place", { type: "Queen", at: { x: 1 } });
game.emit("draw offer", "red", [1, 2], () => undefined);
game.emit("draw offer", "black", [1], () => undefined);
game.on("nothing of that name", () => undefined);
game.on("moved", (player: string) => player);
game.on("ask", (question, choices, callback) => callback(1));
game.on("picture", (data, kind) => kind === "jpeg");
game.on("_private", () => undefined);
doc.on("ask", (question: string) => question);
"""


def test_compiles_with_the_client(contracts: list[Contract], tsc: Callable[..., str]) -> None:
    complaints = tsc(events=to_typescript(contracts), good=HEAD + GOOD, bad=HEAD + BAD)

    head = HEAD.count("\n")
    wrong = {int(line) for line in re.findall(r"bad\.ts\((\d+),", complaints)}
    rest = [line for line in complaints.splitlines() if re.match(r"\S*(?<!bad)\.ts\(", line)]
    assert rest == []
    assert wrong == set(range(head + 1, head + 1 + BAD.count("\n"))), complaints


def test_words(contracts: list[Contract]) -> None:
    text = to_typescript(contracts)

    assert "export interface Square {\n  /** From the left. */\n  x: number;\n  y?: number;" in text
    assert "\n * Somebody who plays.\n *\n * Only the server makes one.\n */\n" in text
    assert "/** A field of the board. * / */" in text
    assert " * Namespace /game\n *\n * A game of chess.\n */" in text
    assert "    /** A piece has moved. */\n    moved: (player: Player, piece: Pawn | Queen)" in text
    assert "is not told" not in text
    assert "switch_: number" in text
    assert text.count("type Binary = ") == 1
    assert "Namespaces like /doc/{id}" in text


def test_names_are_used_once() -> None:
    class Chat(Namespace):
        pass

    text = to_typescript([read_contract(Definition(path, Chat)) for path in ("/a", "/b", "/c")])

    assert re.findall(r"export namespace (\w+)", text) == ["Chat", "Chat2", "Chat3"]
    assert "Binary" not in text


def test_declaration_that_no_packet_carries() -> None:
    class Wrong(Namespace):
        class ServerToClient:
            def event(self, value: complex) -> None: ...

    with pytest.raises(TypeError, match=r"ServerToClient\.event: argument 'value' .*complex"):
        read_contract(Definition("/", Wrong))
