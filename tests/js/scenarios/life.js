// Heartbeats, time-outs, restarts.

"use strict";

const assert = require("node:assert").strict;
const { Socket: Engine } = require("engine.io-client");

exports.idle_but_alive = async (t) => {
  const socket = await t.connected();
  let pings = 0;
  socket.io.on("ping", () => (pings += 1));
  const seen = t.record(socket, "disconnect");
  await t.until(() => pings >= 4, "four heartbeats");
  assert.deepEqual(seen, []);
  assert.equal(await socket.emitWithAck("one", "alive"), "alive");
};

exports.busy_client_is_alive = async (t) => {
  const socket = await t.connected();
  let pings = 0;
  socket.io.on("ping", () => (pings += 1));
  const seen = t.record(socket, "disconnect");
  while (pings < 3) {
    await socket.emitWithAck("one", "x".repeat(50000));
  }
  assert.deepEqual(seen, []);
};

/** An engine that enters no namespace. */
exports.never_enters = async (t) => {
  const { transport } = t.options;
  const engine = new Engine(t.url, { path: "/socket.io/", transports: [transport] });
  const closed = t.next(engine, "close");
  await t.next(engine, "open");
  assert.equal((await closed)[0], "transport close");
};

exports.refused_is_not_entered = async (t) => {
  const { transport } = t.options;
  const engine = new Engine(t.url, { path: "/socket.io/", transports: [transport] });
  const closed = t.next(engine, "close");
  await t.next(engine, "open");
  const answer = t.next(engine, "message");
  engine.send("0/silent,");
  assert.match((await answer)[0], /^4\/silent,/);
  assert.equal((await closed)[0], "transport close");
};

exports.entered_stays = async (t) => {
  const socket = await t.connected();
  const seen = t.record(socket, "disconnect");
  await t.pause(1800);
  assert.deepEqual(seen, []);
  assert.equal(await socket.emitWithAck("one", 1), 1);
};

/** The test restarts the server in the middle. */
exports.server_restarts = async (t) => {
  const socket = await t.connected();
  const first = socket.id;
  const gone = t.next(socket, "disconnect");
  t.say("connected");
  const [reason] = await gone;
  t.say("disconnected");
  assert.match(reason, /^transport (close|error)$/);
  const kept = socket.emitWithAck("one", "emitted while away");
  await t.heard("restarted");
  await t.next(socket, "connect");
  assert.notEqual(socket.id, first);
  assert.equal(await kept, "emitted while away");
  if (t.options.transport === "upgrade") {
    await t.upgraded(socket);
  }
  assert.equal(await socket.emitWithAck("one", "again"), "again");
};
