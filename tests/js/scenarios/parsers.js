// What another parser carries that JSON does not, and what it carries differently.

"use strict";

const assert = require("node:assert").strict;


exports.values_of_msgpack = async (t) => {
  const socket = await t.connected();
  const date = new Date("2026-02-03T04:05:06.789Z");
  const values = [date, undefined, 1.5, 2 ** 40, -(2 ** 40), Number.NaN, "text", null, true];
  const seen = t.record(socket, "back");
  socket.emit("reflect", "back", ...values);
  await t.until(() => seen.length, "the answer");
  const expected = values.map((value) => (value === undefined ? null : value));
  assert.deepEqual(seen[0].slice(1), expected);
  socket.emit("reflect", "back", { date, list: [date, { date }] });
  await t.until(() => seen.length > 1, "the second answer");
  assert.deepEqual(seen[1].slice(1), [{ date, list: [date, { date }] }]);
};

exports.kinds_of_values = async (t) => {
  const socket = await t.connected();
  const outline = (value) => socket.emitWithAck("outline", value);
  assert.equal(await outline(new Date()), "datetime");
  assert.equal(await outline(undefined), "NoneType");
  assert.equal(await outline(new Date(8e15)), "NoneType");
  assert.equal(await outline(Buffer.alloc(8)), "bytes");
  assert.equal(await outline(1.5), "float");
  assert.equal(await outline(2 ** 40), "int");
  for (const size of [0, 1, 2, 4, 7, 8, 16, 300, 70000]) {
    const value = new Uint8Array(size).fill(size % 256);
    assert.equal(await outline(value.buffer), "bytes");
    assert.deepEqual(await socket.emitWithAck("one", value.buffer), Buffer.from(value));
  }
};

exports.one_message_for_each_packet = async (t) => {
  const socket = await t.connected();
  const seen = [];
  socket.io.engine.on("data", (data) => seen.push(data));
  await socket.emitWithAck("echo", { nested: [Buffer.from("abc"), "x"] }, Buffer.from("def"));
  assert.equal(seen.length, 1);
  assert(Buffer.isBuffer(seen[0]));
};

exports.refused_text = async (t) => {
  const socket = await t.connected("/", { reconnection: false });
  const gone = t.next(socket, "disconnect");
  socket.io.engine.write('2["echo"]');
  assert.match((await gone)[0], /^transport close$/);
};

exports.same_parser_needed = async (t) => {
  const socket = t.connect("/", { reconnection: false, parser: require("socket.io-parser") });
  const closed = t.next(socket.io, "close");
  await closed;
  assert.equal(socket.connected, false);
};
