// Connections that break, and clients that come back as if they had not.

"use strict";

const assert = require("node:assert").strict;

const bytes = Buffer.from([0, 1, 254, 255]);

/** A socket that comes back when it is told to, and not by itself. */
function enter(t, namespace = "/", extra = {}) {
  return t.connected(namespace, { reconnection: false, ...extra });
}

/** Break a connection without a word. */
async function cut(t, socket) {
  const { engine } = socket.io;
  await t.until(() => engine.transport.writable && engine.writeBuffer.length === 0, "quiet");
  const gone = t.next(socket, "disconnect");
  if (engine.transport.name === "websocket") {
    engine.transport.ws._socket.destroy();
  } else {
    engine.transport.pollXhr.abort();
    engine.transport.onError("cut off");
  }
  await gone;
}

async function noticed(t, count = 1) {
  const ends = () => t.journal(0).then((all) => all.filter(([what]) => what === "disconnect"));
  for (let entries = await ends(); entries.length < count; entries = await ends()) {
    await t.pause(5);
  }
}

async function back(t, socket) {
  const connected = t.next(socket, "connect");
  socket.connect();
  await connected;
}

/** Emit from a page of the server's. */
async function emit(t, words, event, ...args) {
  const body = JSON.stringify({ namespace: "/", words, event, args });
  const answer = await fetch(`${t.url}/emit`, { method: "POST", body });
  assert.equal(answer.status, 200);
}

/** What came, without the offset at its end. */
function came(seen) {
  return seen.map((entry) => {
    assert.equal(typeof entry.at(-1), "string");
    return entry.slice(0, -1);
  });
}

exports.missed_in_order = async (t) => {
  const socket = await enter(t);
  const friend = await enter(t, "/", { auth: { key: "nobody" } });
  const id = socket.id;
  const [a, b, c] = ["a", "b", "c"].map((room) => `${t.key} ${room}`);
  const news = `news ${t.key}`;
  await socket.emitWithAck("enter", a, b);
  await friend.emitWithAck("enter", a, b, c);
  const seen = t.record(socket, news);
  socket.emit("reflect", news, "before");
  await t.until(() => seen.length === 1, "the first event");
  for (const round of [1, 2]) {
    seen.length = 0;
    await cut(t, socket);
    await noticed(t, round);
    await emit(t, { to: [a] }, news, 1, "to a room");
    await emit(t, { to: [c] }, news, 2, "to a room it is not in");
    friend.emit("reflect", news, 3, "to somebody else");
    await emit(t, { to: [a, b] }, news, 4, "to both rooms, once");
    await emit(t, { except_: [b] }, news, 5, "to all but its room");
    await emit(t, { to: [a], volatile: true }, news, 6, "volatile");
    await emit(t, {}, news, 7, { to: "all" });
    await emit(t, { to: [id] }, news, 8, "to it alone");
    await back(t, socket);
    assert.equal(socket.recovered, true);
    assert.equal(socket.id, id);
    const about = await socket.emitWithAck("about");
    assert.deepEqual(about, {
      recovered: true,
      rooms: [a, b],
      session: { visits: round + 1 },
      sid: id,
    });
    await emit(t, { to: [b] }, news, 9, "again here");
    await t.until(() => seen.length >= 5, "what was missed, and more");
    assert.deepEqual(
      came(seen).map(([, number]) => number),
      [1, 4, 7, 8, 9],
    );
  }
  assert.equal(friend.connected, true);
};

exports.missed_binary = async (t) => {
  const socket = await enter(t);
  const friend = await enter(t, "/", { auth: { key: "nobody" } });
  await socket.emitWithAck("enter", t.key);
  const seen = t.record(socket, "blob");
  await cut(t, socket);
  await noticed(t);
  await friend.emitWithAck("pass", t.key, "blob", bytes, { deep: [bytes, 1] });
  await friend.emitWithAck("pass", t.key, "blob", "text");
  await friend.emitWithAck("pass", t.key, "blob", bytes);
  await back(t, socket);
  assert.equal(socket.recovered, true);
  await t.until(() => seen.length === 3, "all three");
  assert.deepEqual(came(seen), [
    ["blob", bytes, { deep: [bytes, 1] }],
    ["blob", "text"],
    ["blob", bytes],
  ]);
};

exports.what_on_connect_says_comes_after = async (t) => {
  const socket = t.connect("/greeted", { reconnection: false });
  const seen = t.record(socket, "greeting", "connect");
  await t.until(() => seen.length === 2, "the first greeting");
  await cut(t, socket);
  await noticed(t);
  seen.length = 0;
  await back(t, socket);
  await t.until(() => seen.length >= 2, "the greeting");
  assert.equal(socket.recovered, true);
  assert.deepEqual(seen[0], ["connect"]);
  assert.equal(seen[1][1], "from a middleware");
};

exports.greeted_the_first_time = async (t) => {
  const socket = t.connect("/greeted", { reconnection: false });
  const [text] = await t.next(socket, "greeting");
  assert.equal(text, "from a middleware");
};

exports.never_got_anything = async (t) => {
  const socket = await enter(t);
  const event = `first ${t.key}`;
  const seen = t.record(socket, event);
  await cut(t, socket);
  await noticed(t);
  await emit(t, {}, event, 1);
  await emit(t, {}, event, 2);
  await back(t, socket);
  assert.equal(socket.recovered, true);
  await t.until(() => seen.length === 2, "both");
};

exports.nothing_was_missed = async (t) => {
  const socket = await enter(t);
  for (const round of [1, 2, 3]) {
    await cut(t, socket);
    await noticed(t, round);
    await back(t, socket);
    assert.equal(socket.recovered, true);
  }
};

exports.strings_at_the_end = async (t) => {
  const socket = await enter(t);
  const seen = t.record(socket, "word", "none", "passing");
  socket.emit("reflect", "word", "a string");
  socket.emit("reflect", "none");
  await t.until(() => seen.length === 2, "both");
  while (!seen.some(([event]) => event === "passing")) {
    await socket.emitWithAck("reflect_if_ready", "passing", "another string");
  }
  await cut(t, socket);
  await noticed(t);
  await back(t, socket);
  assert.equal(socket.recovered, true);
  await socket.emitWithAck("about");
  assert.equal(seen.filter(([event]) => event !== "passing").length, 2);
};

exports.lost_on_the_way = async (t) => {
  const socket = await enter(t);
  const event = `lost ${t.key}`;
  const seen = t.record(socket, event);
  await emit(t, {}, event, 1);
  await t.until(() => seen.length === 1, "the first");
  // From here on nothing arrives, and neither side notices.
  socket.io.engine.transport.onPacket = () => {};
  await emit(t, {}, event, 2);
  await emit(t, {}, event, 3);
  await cut(t, socket);
  await noticed(t);
  await back(t, socket);
  assert.equal(socket.recovered, true);
  await t.until(() => seen.length >= 3, "the other two");
  assert.deepEqual(came(seen), [1, 2, 3].map((number) => [event, number]));
};

exports.server_has_not_noticed = async (t) => {
  const socket = await enter(t);
  const { id } = socket;
  await socket.emitWithAck("enter", "somewhere");
  const gone = t.next(socket, "disconnect");
  const auth = { pid: socket._pid, offset: socket._lastOffset };
  const other = await enter(t, "/", { auth });
  await gone;
  assert.equal(other.id, id);
  assert.deepEqual((await other.emitWithAck("about")).rooms, ["somewhere"]);
  const entries = await t.journal(3);
  assert.deepEqual(entries, [
    ["connect", false],
    ["disconnect", "/", "transport close"],
    ["connect", true],
  ]);
};

exports.handler_still_runs = async (t) => {
  const socket = await enter(t);
  socket.emit("nap", 0.4);
  await t.journal(2);
  await cut(t, socket);
  await back(t, socket);
  assert.equal(socket.recovered, true);
  assert.equal((await socket.emitWithAck("about")).session.rested, true);
  const entries = await t.journal(4);
  assert.deepEqual(entries.slice(2), [
    ["disconnect", "/", entries[2][2]],
    ["connect", true],
  ]);
};

exports.one_of_many = async (t) => {
  const socket = await enter(t);
  const { id } = socket;
  await cut(t, socket);
  await noticed(t);
  const auth = { pid: socket._pid, offset: socket._lastOffset };
  const others = [1, 2, 3].map(() => t.connect("/", { reconnection: false, auth }));
  await Promise.all(others.map((other) => t.next(other, "connect")));
  await t.pause(20);
  const heirs = others.filter((other) => other.connected && other.id === id);
  assert.equal(heirs.length, 1);
};

exports.left_on_purpose = async (t) => {
  const socket = await enter(t);
  const { id } = socket;
  socket.disconnect();
  await noticed(t);
  await back(t, socket);
  assert.equal(socket.recovered, false);
  assert.notEqual(socket.id, id);
  const gone = t.next(socket, "disconnect");
  socket.emit("quit", t.options.transport === "polling");
  await gone;
  await noticed(t, 2);
  const second = socket.id;
  await back(t, socket);
  assert.equal(socket.recovered, false);
  assert.notEqual(socket.id, second);
};

exports.not_recovered = async (t) => {
  const socket = await enter(t);
  const { id } = socket;
  await cut(t, socket);
  await noticed(t);
  for (let index = 0; index < t.options.flood; index++) {
    await emit(t, {}, `flood ${t.key}`, "x".repeat(3000));
  }
  await t.pause(t.options.pause);
  await back(t, socket);
  assert(!socket.recovered);
  assert.notEqual(socket.id, id);
  assert.deepEqual((await socket.emitWithAck("about")).session, { visits: 1 });
};

exports.made_up = async (t) => {
  const socket = await enter(t);
  for (const auth of [
    { pid: "no such", offset: "x" },
    { pid: 5, offset: null },
    { pid: {}, offset: {} },
    { offset: "only" },
    { pid: `${socket._pid}x`, offset: "a.-1" },
  ]) {
    const other = await enter(t, "/", { auth });
    assert.equal((await other.emitWithAck("about")).recovered, false);
  }
  const elsewhere = await enter(t, "/doc/1", { auth: { pid: socket._pid } });
  assert.equal((await elsewhere.emitWithAck("about")).recovered, false);
  assert.equal(socket.connected, true);
};

exports.from_a_pattern = async (t) => {
  const name = `/doc/${t.key}`;
  const socket = await enter(t, name);
  await socket.emitWithAck("enter", "reading");
  const seen = t.record(socket, "note");
  await cut(t, socket);
  await noticed(t);
  const body = JSON.stringify({
    // Not the pattern as a whole: this may reach a process that has none of its namespaces.
    namespace: name,
    words: { to: ["reading"] },
    event: "note",
    args: [1],
  });
  await fetch(`${t.url}/emit`, { method: "POST", body });
  await back(t, socket);
  assert.equal(socket.recovered, true);
  await t.until(() => seen.length === 1, "the note");
};

exports.checked_again = async (t) => {
  const socket = await enter(t, "/once");
  await cut(t, socket);
  await noticed(t);
  const refused = t.next(socket, "connect_error");
  socket.connect();
  assert.equal((await refused)[0].message, "only once");
  await back(t, socket);
  assert.equal(socket.recovered, false);
};

exports.several_namespaces = async (t) => {
  const main = await enter(t);
  const document = main.io.socket(`/doc/${t.key}`, { auth: { key: t.key } });
  await t.next(document, "connect");
  const ids = [main.id, document.id];
  await cut(t, main);
  await noticed(t, 2);
  const second = t.next(document, "connect");
  await back(t, main);
  await second;
  assert.deepEqual([main.recovered, document.recovered], [true, true]);
  assert.deepEqual([main.id, document.id], ids);
};
