// What is under way while the transport changes.

"use strict";

const assert = require("node:assert").strict;
const { NodeWebSocket, NodeXHR } = require("engine.io-client");

/** A WebSocket that does not open before `ready` is fulfilled. */
function lateWebSocket(ready) {
  return class extends NodeWebSocket {
    doOpen() {
      ready.then(() => super.doOpen());
    }
  };
}

/** A socket that soon begins to upgrade, so that there is something under way on polling. */
async function connectedByPolling(t) {
  let open;
  const ready = new Promise((resolve) => (open = resolve));
  const socket = t.connect("/", { transports: [NodeXHR, lateWebSocket(ready)] });
  await t.next(socket, "connect");
  assert.equal(socket.io.engine.transport.name, "polling");
  setTimeout(open, 60);
  return socket;
}

/** Numbers go both ways from the first moment until well after the change. */
exports.numbers_both_ways = async (t) => {
  const socket = await connectedByPolling(t);
  const ticks = t.record(socket, "tick");
  const end = t.next(socket, "ticked");
  const answers = [];
  socket.emit("tick", "tick");
  let after = 0;
  while (answers.length < 50 || ticks.length < 50 || after < 10) {
    answers.push(socket.emitWithAck("one", answers.length));
    await t.pause(2);
    after += socket.io.engine.transport.name === "websocket";
  }
  socket.emit("stop");
  const echoed = await Promise.all(answers);
  const [sent] = await end;
  assert.deepEqual(echoed, Array.from(echoed.keys()));
  const expected = Array.from({ length: sent }, (_, index) => index);
  assert.deepEqual(ticks.map(([, index]) => index), expected);
};

/** The header of a packet may go over one transport and its attachments over the next. */
exports.blobs_both_ways = async (t) => {
  const socket = await connectedByPolling(t);
  const answers = [];
  let after = 0;
  while (answers.length < 50 || after < 5) {
    answers.push(socket.emitWithAck("one", [Buffer.alloc(200, answers.length), "and", Buffer.alloc(1)]));
    await t.pause(2);
    after += socket.io.engine.transport.name === "websocket";
  }
  const echoed = await Promise.all(answers);
  const expected = answers.map((_, index) => [Buffer.alloc(200, index), "and", Buffer.alloc(1)]);
  assert.deepEqual(echoed, expected);
};

/** Sent in one go at once, before the change has begun: 300 KB each way among it. */
exports.much_at_once = async (t) => {
  const socket = await connectedByPolling(t);
  const big = "x".repeat(300000);
  const answers = [socket.emitWithAck("one", big)];
  for (let index = 0; index < 50; index++) {
    answers.push(socket.emitWithAck("one", index));
  }
  const [first, ...rest] = await Promise.all(answers);
  assert.equal(first, big);
  assert.deepEqual(rest, Array.from(rest.keys()));
  await t.upgraded(socket);
  assert.equal(await socket.emitWithAck("one", big), big);
};
