// Who is there, by user: what clients are told about each other.

"use strict";

const assert = require("node:assert").strict;

/** A client that the server believes to be `user`, in these rooms. */
async function person(t, user, ...rooms) {
  const socket = await t.connected("/", { extraHeaders: user ? { "X-User": user } : {} });
  await socket.emitWithAck("enter", ...rooms);
  return socket;
}

/** A client that watches a room, and what it is told. */
async function watcher(t, room) {
  const socket = await person(t, "watcher");
  const seen = [];
  socket.on("presence", (news) => seen.push(news));
  const there = await socket.emitWithAck("watch", room);
  return { socket, seen, there };
}

const came = (room, user) => ({ room, user, joined: true });
const went = (room, user) => ({ room, user, joined: false });

exports.two_tabs = async (t) => {
  const room = `room ${t.key}`;
  const { socket, seen, there } = await watcher(t, room);
  assert.deepEqual(there, []);
  const first = await person(t, "ann", room);
  const second = await person(t, "ann", room);
  const other = await person(t, "bob", room);
  await person(t, null, room);
  assert.deepEqual(await socket.emitWithAck("who", room), ["ann", "bob"]);
  const page = await fetch(`${t.url}/who?room=${encodeURIComponent(room)}`);
  assert.deepEqual(await page.json(), ["ann", "bob"]);

  first.disconnect();
  other.disconnect();
  await t.until(() => seen.length === 3, "bob's leaving");
  assert.deepEqual(await socket.emitWithAck("who", room), ["ann"]);
  second.disconnect();
  await t.until(() => seen.length === 4, "ann's leaving");
  assert.deepEqual(seen, [
    came(room, "ann"),
    came(room, "bob"),
    went(room, "bob"),
    went(room, "ann"),
  ]);
  assert.deepEqual(await socket.emitWithAck("who", room), []);
};

const WAYS_OUT = {
  disconnect: async (t, socket) => socket.disconnect(),
  exit: async (t, socket, room) => socket.emit("exit", room),
  close: async (t, socket) => socket.io.engine.close(),
  cut: async (t, socket) => {
    const { engine } = socket.io;
    await t.until(() => engine.transport.writable && engine.writeBuffer.length === 0, "quiet");
    if (engine.transport.name === "websocket") {
      engine.transport.ws._socket.destroy();
    } else {
      engine.transport.pollXhr.abort();
      engine.transport.onError("cut off");
    }
  },
  // A client that answers no ping any more.
  freeze: async (t, socket) => {
    socket.io.engine._sendPacket = () => {};
  },
  kick_leave: async (t, socket, room, by) => by.emit("kick", room, "leave"),
  kick_disconnect: async (t, socket, room, by) => by.emit("kick", room, "disconnect"),
  kick_close: async (t, socket, room, by) => by.emit("kick", room, "close"),
};

for (const [name, go] of Object.entries(WAYS_OUT)) {
  exports[`out_by_${name}`] = async (t) => {
    const room = `room ${t.key}`;
    const { socket, seen } = await watcher(t, room);
    const ann = await person(t, "ann", room);
    ann.io.reconnection(false);
    await t.until(() => seen.length === 1, "ann's coming");
    await go(t, ann, room, socket);
    await t.until(() => seen.length === 2, "ann's leaving");
    assert.deepEqual(seen, [came(room, "ann"), went(room, "ann")]);
    assert.deepEqual(await socket.emitWithAck("who", room), []);
  };
}

/** The handler of the one who is gone still runs; nobody waits for it. */
exports.out_while_a_handler_runs = async (t) => {
  const room = `room ${t.key}`;
  const { socket, seen } = await watcher(t, room);
  const ann = await person(t, "ann", room);
  ann.emit("block", `release ${t.key}`);
  await t.journal(3);
  ann.disconnect();
  ann.io._close();
  await t.until(() => seen.length === 2, "ann's leaving");
  assert.deepEqual(seen, [came(room, "ann"), went(room, "ann")]);
  assert.deepEqual(await socket.emitWithAck("who", room), []);
  await fetch(`${t.url}/release/${encodeURIComponent(`release ${t.key}`)}`);
};

exports.changes_of_name = async (t) => {
  const room = `room ${t.key}`;
  const guest = await person(t, null, room);
  const { socket, seen, there } = await watcher(t, room);
  assert.deepEqual(there, []);
  await guest.emitWithAck("call me", "guest 7");
  await guest.emitWithAck("call me", "ann");
  assert.deepEqual(await socket.emitWithAck("who", room), ["ann"]);
  assert.deepEqual(seen, [came(room, "guest 7"), went(room, "guest 7"), came(room, "ann")]);
};

exports.asked_for_no_more = async (t) => {
  const room = `room ${t.key}`;
  const { socket, seen } = await watcher(t, room);
  const ann = await person(t, "ann");
  await socket.emitWithAck("bring", ann.id, room);
  await t.until(() => seen.length === 1, "ann's coming");
  await socket.emitWithAck("unwatch", room);
  await socket.emitWithAck("kick", room, "leave");
  assert.deepEqual(await socket.emitWithAck("who", room), []);
  assert.deepEqual(seen, [came(room, "ann")]);
};

exports.whole_namespace = async (t) => {
  const name = `ann ${t.key}`;
  const { socket, seen } = await watcher(t, null);
  const first = await person(t, name);
  const other = t.connect("/other", { extraHeaders: { "X-User": name } });
  await t.next(other, "connect");
  assert.ok((await socket.emitWithAck("who")).includes(name));
  assert.deepEqual(await other.emitWithAck("who"), [name]);
  first.disconnect();
  const about = () => seen.filter(({ user }) => user === name);
  await t.until(() => about().length === 2, "ann's leaving");
  assert.deepEqual(about(), [came(null, name), went(null, name)]);
  assert.deepEqual(await other.emitWithAck("who"), [name]);
};

exports.python_hook = async (t) => {
  const name = `ann ${t.key}`;
  const ann = await person(t, name, "observed");
  ann.disconnect();
  const about = async (count) => {
    const answer = await fetch(`${t.url}/journal/observed?count=${count}`);
    return (await answer.json()).filter(([, user]) => user === name);
  };
  let told = [];
  for (let count = 1; told.length < 2; count += 1) {
    told = await about(count);
  }
  assert.deepEqual(told, [["observed", name, true], ["observed", name, false]]);
};
