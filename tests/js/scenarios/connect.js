// Getting in, or not.

"use strict";

const assert = require("node:assert").strict;

exports.facts = async (t) => {
  const socket = await t.connected("/", { query: { color: "blue & green" }, auth: { a: [1] } });
  const about = await socket.emitWithAck("about");
  const { transport } = t.options;
  assert.equal(about.transport, transport === "upgrade" ? "websocket" : transport);
  assert.deepEqual(about.auth, { key: t.key, a: [1] });
  assert.equal(about.query.color, "blue & green");
  assert.equal(about.query.EIO, "4");
  assert.equal(about.sid, socket.id);
  assert.deepEqual(about.rooms, [socket.id]);
  assert.notEqual(socket.id, socket.io.engine.id);
};

exports.auth_by_function = async (t) => {
  const socket = await t.connected("/guarded", { auth: (give) => give({ token: "sesame" }) });
  assert.equal(await socket.emitWithAck("echo", 1), 1);
};

exports.refused_with_data = async (t) => {
  const socket = t.connect("/guarded", { auth: { token: "wrong" } });
  const [error] = await t.next(socket, "connect_error");
  assert.equal(error.message, "wrong token");
  assert.deepEqual(error.data, { code: 42, hint: ["sesame", null] });
  assert.equal(socket.connected, false);

  socket.auth = { token: "sesame" };
  socket.connect();
  await t.next(socket, "connect");
  assert.equal(await socket.emitWithAck("echo", "in"), "in");
};

exports.refused_without_data = async (t) => {
  const [error] = await t.next(t.connect("/silent"), "connect_error");
  assert.equal(error.message, "not today");
  assert.equal(error.data, undefined);
};

exports.disconnected_in_on_connect = async (t) => {
  const main = await t.connected();
  const undecided = main.io.socket("/undecided");
  const [error] = await t.next(undecided, "connect_error");
  assert.match(error.message, /disconnected/);
  assert.equal(await main.emitWithAck("one", "stays"), "stays");
};

exports.failing_on_connect = async (t) => {
  const [error] = await t.next(t.connect("/broken"), "connect_error");
  assert.equal(error.message, "Internal server error");
  assert.equal(error.data, undefined);
};

exports.unknown_namespace = async (t) => {
  const [error] = await t.next(t.connect("/nowhere"), "connect_error");
  assert.equal(error.message, "Invalid namespace");
};

exports.several_namespaces = async (t) => {
  const main = await t.connected();
  const other = main.io.socket("/other", { auth: { key: t.key } });
  const odd = main.io.socket("/odd", { auth: { key: t.key } });
  const nowhere = main.io.socket("/nowhere");
  await Promise.all([
    t.next(other, "connect"),
    t.next(odd, "connect"),
    t.next(nowhere, "connect_error"),
  ]);
  assert.equal(new Set([main.id, other.id, odd.id, main.io.engine.id]).size, 4);
  assert.equal(await main.emitWithAck("one", 1), 1);
  assert.equal(await other.emitWithAck("echo", 2), 2);
  assert.deepEqual(await odd.emitWithAck("echo!", 3), ["echo!", 3]);

  const left = t.next(other, "disconnect");
  other.disconnect();
  await left;
  assert.equal(await main.emitWithAck("one", 4), 4);
  other.connect();
  await t.next(other, "connect");
  assert.equal(await other.emitWithAck("echo", 5), 5);
};

exports.emitted_in_on_connect = async (t) => {
  const socket = t.connect("/welcome");
  const seen = t.record(socket, "connect", "early");
  await t.until(() => seen.length >= 4, "three events and connect");
  assert.deepEqual(seen, [
    ["connect"],
    ["early", 1, Buffer.from([1, 2])],
    ["early", 2],
    ["early", 3],
  ]);
};

exports.buffered_until_connected = async (t) => {
  const socket = t.connect();
  const answers = [1, 2, 3].map((value) => socket.emitWithAck("one", value));
  assert.equal(socket.connected, false);
  assert.deepEqual(await Promise.all(answers), [1, 2, 3]);
};

exports.same_namespace_twice = async (t) => {
  const [one, other] = await Promise.all([t.connected(), t.connected()]);
  assert.notEqual(one.id, other.id);
  assert.notEqual(one.io.engine.id, other.io.engine.id);
};

/** A client that names subprotocols goes away if it gets none of them. */
exports.subprotocols = async (t) => {
  const socket = await t.connected("/", { protocols: ["first", "second"] });
  assert.equal(socket.io.engine.transport.ws.protocol, "first");
  assert.equal(await socket.emitWithAck("one", 1), 1);
};
