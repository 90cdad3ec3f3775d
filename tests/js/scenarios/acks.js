// Acknowledgements in both directions.

"use strict";

const assert = require("node:assert").strict;

exports.by_callback = async (t) => {
  const socket = await t.connected();
  const ask = (...args) =>
    new Promise((resolve) => socket.emit(...args, (...answer) => resolve(answer)));
  assert.deepEqual(await ask("nothing"), []);
  assert.deepEqual(await ask("one", "x"), ["x"]);
  assert.deepEqual(await ask("echo"), []);
  assert.deepEqual(await ask("echo", 1, [2], { three: 3 }), [1, [2], { three: 3 }]);
  assert.deepEqual(await ask("one", [1, 2]), [[1, 2]]);
};

exports.by_promise = async (t) => {
  const socket = await t.connected();
  assert.equal(await socket.emitWithAck("one", "x"), "x");
  assert.equal(await socket.timeout(10000).emitWithAck("echo", "a", "b"), "a");
  assert.equal(await socket.emitWithAck("nothing"), undefined);
};

exports.client_gives_up = async (t) => {
  const socket = await t.connected();
  await assert.rejects(socket.timeout(50).emitWithAck("nap", 0.3, "late"), /timed out/);
  assert.equal(await socket.emitWithAck("one", "after"), "after");
};

exports.server_asks = async (t) => {
  const socket = await t.connected();
  socket.on("sum", (a, b, respond) => respond(a + b));
  socket.on("several", (respond) => respond(1, "two", null));
  socket.on("none", (respond) => respond());
  socket.on("later", (respond) => setTimeout(respond, 50, "finally"));
  assert.deepEqual(await socket.emitWithAck("ask", "sum", [2, 3], 10), { answer: 5 });
  assert.deepEqual(await socket.emitWithAck("ask", "several", [], 10), { answer: [1, "two", null] });
  assert.deepEqual(await socket.emitWithAck("ask", "none", [], 10), { answer: null });
  assert.deepEqual(await socket.emitWithAck("ask", "later", [], 10), { answer: "finally" });
};

exports.server_gives_up = async (t) => {
  const socket = await t.connected();
  const held = t.next(socket, "ignored");
  const answer = await socket.emitWithAck("ask", "ignored", [1], 0.1);
  assert.deepEqual(answer, { error: "operation has timed out" });
  const [, respond] = await held;
  respond("too late");
  assert.equal(await socket.emitWithAck("one", "after"), "after");
};

exports.server_asks_by_callback = async (t) => {
  const socket = await t.connected();
  socket.on("double", (value, respond) => respond(value * 2, "done"));
  const answered = t.next(socket, "answered");
  socket.emit("ask back", "double", 21);
  assert.deepEqual(await answered, [42, "done"]);
};

exports.both_at_once = async (t) => {
  const socket = await t.connected();
  socket.on("double", (value, respond) => respond(value * 2));
  const asked = [];
  for (let index = 0; index < 20; index++) {
    asked.push(socket.emitWithAck("ask", "double", [index], 10));
    asked.push(socket.emitWithAck("one", index));
  }
  const answers = await Promise.all(asked);
  answers.forEach((answer, position) => {
    const index = position >> 1;
    assert.deepEqual(answer, position % 2 ? index : { answer: 2 * index });
  });
};

/** A small packet right behind another must not wait for the kernel: 40 ms each time. */
exports.questions_take_no_time = async (t) => {
  const socket = await t.connected();
  socket.on("double", (value, respond) => respond(value * 2));
  let best = Infinity;
  for (let round = 0; round < 25 && best > 400; round++) {
    const start = Date.now();
    const asked = Array.from({ length: 20 }, (_, i) => socket.emitWithAck("ask", "double", [i], 10));
    await Promise.all(asked);
    best = Math.min(best, Date.now() - start);
  }
  assert.ok(best <= 400, `20 questions took ${best} ms`);
};

exports.everybody_is_asked = async (t) => {
  const room = t.key;
  const sockets = await Promise.all([t.connected(), t.connected(), t.connected()]);
  for (const [index, socket] of sockets.entries()) {
    socket.on("who", (respond) => respond(`client ${index}`, "a second argument"));
    await socket.emitWithAck("enter", room);
  }
  const words = { to: [room], timeout: 10 };
  const { answers } = await sockets[0].emitWithAck("ask all", words, "who");
  assert.deepEqual(answers.sort(), ["client 0", "client 1", "client 2"]);

  sockets[2].off("who");
  const late = await t.withLongerTimeouts(
    (timeout) => sockets[0].emitWithAck("ask all", { to: [room], timeout }, "who"),
    ({ answers }) => answers.length === 2,
  );
  assert.match(late.error, /1 of 3/);
  assert.deepEqual(late.answers.sort(), ["client 0", "client 1"]);

  const nobody = { to: [`${room} empty`], timeout: 10 };
  assert.deepEqual(await sockets[0].emitWithAck("ask all", nobody, "who"), { answers: [] });
};

exports.retries = async (t) => {
  const socket = await t.connected("/", { retries: 5, ackTimeout: 5000 });
  const seen = [];
  const answers = [];
  for (let index = 0; index < 20; index++) {
    answers.push(socket.emitWithAck("one", index).then((value) => seen.push(value)));
  }
  await Promise.all(answers);
  assert.deepEqual(seen, Array.from({ length: 20 }, (_, index) => index));
};

exports.retries_until_answered = async (t) => {
  const socket = await t.connected("/", { retries: 20, ackTimeout: 300 });
  const first = socket.emitWithAck("stumble", 0.7);
  const second = socket.emitWithAck("one", "next");
  assert.ok((await first) > 1, "answered although the first attempt was slow");
  assert.equal(await second, "next");
};
