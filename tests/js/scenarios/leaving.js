// Ends, from both sides, and the reason each side gives.

"use strict";

const assert = require("node:assert").strict;

async function reasonOnServer(t, namespace = "/") {
  const entries = await t.journal(2);
  const [what, where, reason] = entries.find(([entry]) => entry === "disconnect");
  assert.deepEqual([what, where], ["disconnect", namespace]);
  return reason;
}

exports.by_client = async (t) => {
  const socket = await t.connected();
  const gone = t.next(socket, "disconnect");
  socket.emit("note", "sent just before");
  socket.disconnect();
  assert.equal((await gone)[0], "io client disconnect");
  const entries = await t.journal(3);
  assert.deepEqual(entries[1], ["note", "sent just before"]);
  assert.deepEqual(entries[2], ["disconnect", "/", "client namespace disconnect"]);
};

exports.by_server = async (t) => {
  const socket = await t.connected();
  const seen = t.record(socket, "last words", "disconnect");
  socket.emit("quit");
  await t.until(() => seen.length >= 2, "the end");
  assert.deepEqual(
    seen.map(([event, reason]) => [event, reason]),
    [
      ["last words", undefined],
      ["disconnect", "io server disconnect"],
    ],
  );
  assert.equal(socket.active, false);
  assert.equal(await reasonOnServer(t), "server namespace disconnect");
  socket.connect();
  await t.next(socket, "connect");
  assert.equal(await socket.emitWithAck("one", 1), 1);
};

exports.by_server_from_one_namespace = async (t) => {
  const main = await t.connected();
  const other = main.io.socket("/other", { auth: { key: t.key } });
  await t.next(other, "connect");
  const gone = t.next(other, "disconnect");
  other.emit("quit");
  assert.equal((await gone)[0], "io server disconnect");
  assert.equal(await main.emitWithAck("one", "stays"), "stays");
};

exports.by_server_wholly = async (t) => {
  const main = await t.connected();
  const other = main.io.socket("/other", { auth: { key: t.key } });
  await t.next(other, "connect");
  const gone = Promise.all([t.next(main, "disconnect"), t.next(other, "disconnect")]);
  const closed = t.next(main.io.engine, "close");
  main.emit("quit", true);
  const reasons = (await gone).map(([reason]) => reason);
  assert.deepEqual(reasons, ["io server disconnect", "io server disconnect"]);
  await closed;
  const ends = (await t.journal(4)).filter(([what]) => what === "disconnect");
  assert.deepEqual(ends.sort(), [
    ["disconnect", "/", "server namespace disconnect"],
    ["disconnect", "/other", "server namespace disconnect"],
  ]);
};

exports.connection_closed_by_client = async (t) => {
  const socket = await t.connected("/", { reconnection: false });
  const gone = t.next(socket, "disconnect");
  socket.io.engine.close();
  assert.equal((await gone)[0], "forced close");
  assert.equal(await reasonOnServer(t), "transport close");
};

exports.connection_lost = async (t) => {
  const socket = await t.connected();
  const { engine } = socket.io;
  await t.until(() => engine.transport.writable && engine.writeBuffer.length === 0, "quiet");
  const gone = t.next(socket, "disconnect");
  const back = t.next(socket, "connect");
  const first = socket.id;
  if (engine.transport.name === "websocket") {
    engine.transport.ws._socket.destroy();
  } else {
    engine.transport.pollXhr.abort();
    engine.transport.onError("cut off");
  }
  assert.match((await gone)[0], /^transport (close|error)$/);
  assert.match(await reasonOnServer(t), /^transport (close|error)$/);
  await back;
  assert.notEqual(socket.id, first);
  assert.equal(await socket.emitWithAck("one", "again"), "again");
};

exports.spawned_work_ends_too = async (t) => {
  const socket = await t.connected();
  socket.emit("work", "endless");
  assert.deepEqual((await t.journal(2))[1], ["work", "endless"]);
  socket.disconnect();
  const entries = (await t.journal(4)).slice(2).map(([what]) => what);
  assert.deepEqual(entries.sort(), ["disconnect", "work ended"]);
};

exports.handler_ends_before_on_disconnect = async (t) => {
  const socket = await t.connected();
  socket.emit("nap", 0.3, "short");
  await t.journal(2);
  socket.disconnect();
  const entries = (await t.journal(4)).slice(1).map(([what]) => what);
  assert.deepEqual(entries, ["begin", "end", "disconnect"]);
};
