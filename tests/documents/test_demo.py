"""The demo's types, as a page written in TypeScript would use them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from pyramid_sio.scripts.psio import main
from tests.support import ROOT

PAGE = """\
import { Manager, type Socket } from "socket.io-client";
import type { Chat, Entry, Load, Picture, Refused, Said } from "./events";

const manager = new Manager();
const chat: Socket<Chat.ServerToClientEvents, Chat.ClientToServerEvents> = manager.socket("/chat");
const load: Socket<Load.ServerToClientEvents, Load.ClientToServerEvents> = manager.socket("/load");

const rooms = new Map<string, Picture>();
chat.on("welcome", (welcome) => welcome.rooms.forEach((room) => rooms.set(room.name, room)));
chat.on("entry", (entry: Entry) => rooms.get(entry.room)?.backlog.push(entry));
chat.on("typing", (room, nick, active) => active && rooms.get(room)?.typing.push(nick));
chat.on("listing", ({ name, people }) => name.repeat(people));
chat.on("gone", (names) => names.forEach((name) => rooms.delete(name)));
chat.on("displaced", () => rooms.clear());
load.on("sample", (sample) => sample.cpu.toFixed(1));

export async function say(room: string, text: string): Promise<Entry> {
  const answer: Said | Refused = await chat.timeout(1000).emitWithAck("say", room, text, "1");
  if ("error" in answer) throw new Error(answer.message);
  return answer.entry;
}
load.emit("echo", () => undefined);
"""

WRONG = """\
import type { Socket } from "socket.io-client";
import type { Chat } from "./events";

export function wrong(chat: Socket<Chat.ServerToClientEvents, Chat.ClientToServerEvents>) {
  chat.emit("say", "lobby", 5, "1", () => undefined);
}
"""


def test_types_compile(tsc: Callable[..., str], tmp_path: Path) -> None:
    events = tmp_path / "generated.ts"
    assert main(["psio", "typescript", str(ROOT / "development.ini"), "-o", str(events)]) == 0

    complaints = tsc(events=events.read_text(encoding="utf-8"), page=PAGE, wrong=WRONG)

    (complaint,) = complaints.splitlines()
    assert re.search(r"\bwrong\.ts\(5,\d+\): error TS2345: .*'number'", complaint)
