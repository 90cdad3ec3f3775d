// Handlers that say what their arguments are.

"use strict";

const assert = require("node:assert").strict;

const AUTH = { auth: { name: "Ann" } };

exports.fitting = async (t) => {
  const socket = await t.connected("/", AUTH);
  assert.equal(await socket.emitWithAck("move", { x: 1, y: 2 }), "to 1,2 at 1.0");
  assert.equal(await socket.emitWithAck("move", { x: 1, y: 2, z: 3 }, 2), "to 1,2 at 2.0");
  assert.deepEqual(await socket.emitWithAck("upload", Buffer.from([1, 2])), ["bytes", 2, "png"]);
  assert.equal(await socket.emitWithAck("sum"), 0);
  assert.equal(await socket.emitWithAck("sum", 1, 2, 3), 6);
  assert.deepEqual(await socket.emitWithAck("anything", "x", { y: 1 }), ["x", { y: 1 }]);
  assert.deepEqual(await socket.emitWithAck("errors"), []);
};

exports.misfits = async (t) => {
  const socket = await t.connected("/", AUTH);
  for (const [event, args, argument, path, words] of [
    ["move", [{ x: "1", y: 2 }], "to", "$.x", /Expected `int`, got `str`/],
    ["move", [{ x: 8, y: 2 }], "to", "$.x", /Expected `int` <= 7/],
    ["move", [{ x: 1 }], "to", "$", /missing required field `y`/],
    ["move", [null], "to", "$", /Expected `object`, got `null`/],
    ["move", [{ x: 1, y: 2 }, "fast"], "speed", "$", /Expected `float`, got `str`/],
    ["upload", ["AAAA"], "data", "$", /Expected `bytes`, got `str`/],
    ["sum", [1, 2, "3"], "numbers", "$[2]", /Expected `int`, got `str`/],
  ]) {
    const answer = await socket.emitWithAck(event, ...args);
    assert.equal(answer.argument, argument);
    assert.equal(answer.path, path);
    assert.match(answer.error, words);
    assert.match(answer.error, new RegExp(`argument '${argument}'`));
  }
  // Without an acknowledgement too, and nothing of it ends the connection.
  socket.emit("move", 5);
  const errors = await socket.emitWithAck("errors");
  assert.equal(errors.length, 8);
  assert.deepEqual(errors[0], ["move", "ArgumentError", "to"]);
  assert.deepEqual(errors[7], ["move", "ArgumentError", "to"]);
  assert.equal(await socket.emitWithAck("sum", 1, 2), 3);
};

exports.secret = async (t) => {
  const socket = await t.connected("/", AUTH);
  const answer = await socket.emitWithAck("upload", Buffer.from([1]), "a secret kind");
  assert.equal(answer.argument, "kind");
};

exports.auth = async (t) => {
  const socket = t.connect("/", { auth: { key: 1, name: 2 } });
  const [error] = await t.next(socket, "connect_error");
  assert.match(error.message, /argument 'auth' at \$\.name: Expected `str`, got `int`/);
  assert.deepEqual(error.data, { argument: "auth", path: "$.name" });
  socket.auth = { name: "Ann" };
  socket.connect();
  await t.next(socket, "connect");
};
