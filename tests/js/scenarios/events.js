// Events in both directions.

"use strict";

const assert = require("node:assert").strict;

const VALUES = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e-7,
  Number.MAX_SAFE_INTEGER,
  Number.MIN_SAFE_INTEGER,
  "",
  "plain",
  'quotes " and \\ backslashes / slashes',
  "line\nfeed, tab\t, zero \u0000, separator \u001e, line \u2028 paragraph \u2029",
  "häßlich, 日本語, עברית, 👩‍👩‍👧, \ud83d\ude00",
  [],
  {},
  [[[[[]]]]],
  { a: { b: { c: [1, { d: null }] } } },
  { "": "empty key", "with space": 1, __class__: "x", toString: "y", constructor: null },
  { _placeholder: true, num: 0 },
  ["_placeholder", { _placeholder: "true", num: -1 }],
  Array.from({ length: 300 }, (_, index) => index),
];

exports.values_come_back = async (t) => {
  const socket = await t.connected();
  for (const value of VALUES) {
    assert.deepEqual(await socket.emitWithAck("echo", value), value);
  }
  const back = t.next(socket, "back");
  socket.emit("reflect", "back", ...VALUES);
  assert.deepEqual(await back, VALUES);
};

exports.what_json_lacks = async (t) => {
  const socket = await t.connected();
  const back = t.next(socket, "back");
  const date = new Date(1234567890123);
  socket.emit("reflect", "back", undefined, NaN, Infinity, date, { a: undefined, b: 1 });
  assert.deepEqual(await back, [null, null, null, date.toISOString(), { b: 1 }]);
};

/** A text that was cut within a character is JSON of its own kind. */
exports.half_a_character = async (t) => {
  const socket = await t.connected();
  const cut = "to be continued 👩".slice(0, -1);
  const whole = "to be continued \ufffd";
  const answer = await socket.emitWithAck("echo", [cut, { [cut]: "👩" }]);
  assert.deepEqual(answer, [whole, { [whole]: "👩" }]);
};

exports.types_of_arguments = async (t) => {
  const socket = await t.connected();
  const answer = await new Promise((resolve) =>
    socket.emit("outline", 1, 1.5, "x", null, true, [1, { a: "b" }], (...args) => resolve(args)),
  );
  const expected = ["int", "float", "str", "NoneType", "bool", ["int", { a: "str" }]];
  assert.deepEqual(answer, expected);
};

exports.thousand_in_order = async (t) => {
  const socket = await t.connected();
  const seen = t.record(socket, "number");
  socket.emit("count", "number", 1000);
  const sent = [];
  for (let index = 0; index < 1000; index++) {
    sent.push(socket.emitWithAck("one", index));
  }
  assert.deepEqual(await Promise.all(sent), Array.from({ length: 1000 }, (_, index) => index));
  await t.until(() => seen.length >= 1000, "a thousand events");
  assert.deepEqual(
    seen.map(([, index]) => index),
    Array.from({ length: 1000 }, (_, index) => index),
  );
};

exports.names = async (t) => {
  const socket = await t.connected("/odd");
  assert.equal(await socket.emitWithAck("with space", "a"), "marked a");
  assert.equal(await socket.emitWithAck("two words", "b"), "two words b");
  assert.equal(await socket.emitWithAck("two-words", "c"), "two words c");
  assert.equal(await socket.emitWithAck(7, "d"), "seven d");
  for (const name of ["", "error", "message", "on_connect", "__class__", "日本", 8, 1.5]) {
    assert.deepEqual(await socket.emitWithAck(name, "e"), [name, "e"]);
  }
};

exports.slow_handlers_keep_the_order = async (t) => {
  const socket = await t.connected();
  const order = [];
  const answered = ["slow", "fast", "faster"].map(async (label, index) => {
    await socket.emitWithAck("nap", index === 0 ? 0.2 : 0, label);
    order.push(label);
  });
  await Promise.all(answered);
  assert.deepEqual(order, ["slow", "fast", "faster"]);
  const notes = (await t.journal(7)).slice(1).map((entry) => entry.join(" "));
  assert.deepEqual(notes, [
    "begin slow",
    "end slow",
    "begin fast",
    "end fast",
    "begin faster",
    "end faster",
  ]);
};

exports.one_client_does_not_hold_up_another = async (t) => {
  const [one, other] = await Promise.all([t.connected(), t.connected()]);
  const held = one.emitWithAck("hold", t.key);
  assert.equal(await other.emitWithAck("one", 1), 1);
  other.emit("open", t.key);
  assert.equal(await held, true);
};

exports.unordered_events_run_beside = async (t) => {
  const socket = await t.connected();
  const held = socket.emitWithAck("hold beside", t.key);
  assert.equal(await socket.emitWithAck("one", 1), 1);
  socket.emit("open", t.key);
  assert.equal(await held, true);
};

exports.failing_handler = async (t) => {
  const socket = await t.connected();
  socket.emit("fail");
  assert.equal(await socket.emitWithAck("one", "still here"), "still here");
  assert.deepEqual((await t.journal(2))[1], ["error", "fail", "failed on purpose"]);
  assert.equal(socket.connected, true);
};

exports.wrong_number_of_arguments = async (t) => {
  const socket = await t.connected();
  const answer = await socket.emitWithAck("one", 1, 2, 3);
  assert.match(answer.error, /takes 1 arguments, not 3/);
  socket.emit("one");
  assert.equal(await socket.emitWithAck("one", 1), 1);
  const [, first, second] = await t.journal(3);
  assert.deepEqual(first.slice(0, 2), ["error", "one"]);
  assert.deepEqual(second.slice(0, 2), ["error", "one"]);
};

exports.event_without_handler = async (t) => {
  const socket = await t.connected();
  socket.emit("nobody listens", 1);
  await assert.rejects(socket.timeout(100).emitWithAck("nobody listens", 2));
  assert.equal(await socket.emitWithAck("one", 1), 1);
};

exports.volatile = async (t) => {
  const socket = await t.connected();
  // The answer to the POST that carried CONNECT may come behind the poll that answers it.
  await t.until(() => socket.io.engine.transport.writable, "the connection to be ready");
  socket.volatile.emit("note", "volatile");
  assert.deepEqual((await t.journal(2))[1], ["note", "volatile"]);
  await t.until(() => socket.io.engine.transport.writable, "a quiet connection");
  // A poll has to wait before anything volatile can take it; so ask until one does.
  const seen = t.record(socket, "now or never");
  await t.until(() => {
    socket.emit("tell", { volatile: true }, "now or never", Buffer.from([1, 2]));
    return seen.length > 0;
  }, "a volatile event");
  assert.deepEqual(seen[0], ["now or never", Buffer.from([1, 2])]);
};

exports.large = async (t) => {
  const socket = await t.connected();
  const text = "0123456789 äöü ".repeat(20000);
  const rows = Array.from({ length: 10000 }, (_, index) => ({ index, name: `row ${index}` }));
  const bytes = Buffer.alloc(300000);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = (index * 31) % 251;
  }
  assert.equal(await socket.emitWithAck("one", text), text);
  assert.deepEqual(await socket.emitWithAck("one", rows), rows);
  assert.deepEqual(await socket.emitWithAck("one", bytes), bytes);
  const back = t.next(socket, "back");
  socket.emit("reflect", "back", { bytes }, rows, bytes);
  assert.deepEqual(await back, [{ bytes }, rows, bytes]);
};
