// Who sends too much: errors first, then the end.

"use strict";

const assert = require("node:assert").strict;

const refused = (limit) => ({ error: "rate limit exceeded", limit });

async function ask(socket, count, event = "echo", ...args) {
  const answers = [];
  for (let number = 0; number < count; number += 1) {
    answers.push(await socket.emitWithAck(event, ...args));
  }
  return answers;
}

/** The server allows a connection five events. */
exports.connection = async (t) => {
  const socket = await t.connected();
  const other = await t.connected();
  assert.deepEqual(await ask(socket, 7, "echo", "hi"), [
    ...Array(5).fill("hi"),
    refused("connection"),
    refused("connection"),
  ]);
  assert.deepEqual(await ask(other, 1, "echo", "hi"), ["hi"]);
  const entries = await t.journal(4);
  assert.deepEqual(entries.slice(2), Array(2).fill(["error", "echo", "rate limit exceeded"]));
};

exports.binary = async (t) => {
  const socket = await t.connected();
  const blob = Buffer.from([1, 2, 3]);
  assert.deepEqual(await ask(socket, 6, "echo", blob), [
    ...Array(5).fill(blob),
    refused("connection"),
  ]);
};

exports.acknowledgements_are_free = async (t) => {
  const socket = await t.connected();
  socket.on("question", (number, answer) => answer(number));
  const numbers = [...Array(20).keys()];
  assert.deepEqual(await ask(socket, 2, "ask me", 20), [numbers, numbers]);
  assert.deepEqual(await ask(socket, 4), [undefined, undefined, undefined, refused("connection")]);
};

/** After five events it refuses three, and then has enough. */
exports.flood = async (t) => {
  const socket = await t.connected();
  const gone = t.next(socket, "disconnect");
  for (let number = 0; number < 500; number += 1) {
    socket.emit("echo", number);
  }
  assert.deepEqual((await gone)[0], "io server disconnect");
  assert.equal(socket.active, false);
  const entries = await t.journal(5);
  assert.deepEqual(entries.filter(([what]) => what === "disconnect"), [
    ["disconnect", "/", "rate limited"],
  ]);
};

/** The event allows two, whatever else is sent. */
exports.event = async (t) => {
  const socket = await t.connected();
  assert.deepEqual(await ask(socket, 4, "seldom"), [
    "done",
    "done",
    refused("event"),
    refused("event"),
  ]);
  assert.deepEqual(await ask(socket, 20, "echo", 1), Array(20).fill(1));
  assert.deepEqual(await ask(await t.connected(), 1, "seldom"), ["done"]);
};

/** The server allows a user five events, over all connections. */
exports.user = async (t) => {
  const extraHeaders = { "X-User": `ann ${t.key}` };
  const first = await t.connected("/", { extraHeaders });
  const second = await t.connected("/", { extraHeaders });
  const stranger = await t.connected("/", { extraHeaders: { "X-User": `bob ${t.key}` } });
  assert.deepEqual(await ask(first, 3, "echo", 1), [1, 1, 1]);
  assert.deepEqual(await ask(second, 3, "echo", 2), [2, 2, refused("user")]);
  first.disconnect();
  const again = await t.connected("/", { extraHeaders });
  assert.deepEqual(await ask(again, 1, "echo", 3), [refused("user")]);
  assert.deepEqual(await ask(stranger, 5, "echo", 4), Array(5).fill(4));
  const nobody = await t.connected();
  assert.deepEqual(await ask(nobody, 9, "echo", 5), Array(9).fill(5));
};
