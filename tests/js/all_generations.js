// One room with official clients of every generation, on every transport each has in Node.js:
// node all_generations.js <url>. Each says something; all others must hear exactly that.

"use strict";

const assert = require("node:assert").strict;
const legacy = require("socket.io-client-0.9");

const url = process.argv[2];
const ROOM = "everybody";
const TEXT = "h€llo é 日本 😀👩‍👩‍👧 \u2028 \\n \n </script> \ufffd";
const BLOB = Buffer.from([0, 1, 4, 30, 127, 128, 255]);
const CLIENTS = {
  0.9: legacy,
  1: require("socket.io-client-1"),
  2: require("socket.io-client-2"),
  3: require("socket.io-client-3"),
  4: require("socket.io-client"),
};

/** Everybody: [name, socket]. */
function connectAll() {
  const sockets = [];
  for (const transport of ["websocket", "xhr-polling"]) {
    legacy.transports = [transport];
    sockets.push([`0.9 ${transport}`, legacy.connect(url, { "force new connection": true })]);
  }
  for (const version of [1, 2, 3, 4]) {
    for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
      const socket = CLIENTS[version](url, { forceNew: true, transports });
      sockets.push([`${version} ${transports.join("+")}`, socket]);
    }
  }
  return sockets;
}

const next = (socket, event) =>
  new Promise((resolve) => socket.once(event, (...args) => resolve(args)));
const ask = (socket, ...args) =>
  new Promise((resolve) => socket.emit(...args, (...answer) => resolve(answer)));

function check([from, text, nested, blob], sender, receiver) {
  const where = `from ${sender} to ${receiver}`;
  assert.equal(from, sender, where);
  assert.equal(text, TEXT, where);
  assert.deepEqual(nested, { list: [TEXT, 1.5, null, true] }, where);
  if (sender.startsWith("0.9")) {
    assert.equal(blob, undefined, where);
  } else if (receiver.startsWith("0.9")) {
    // It has no binary: it gets base64.
    assert.equal(blob, BLOB.toString("base64"), where);
  } else {
    assert.deepEqual(Buffer.from(blob), BLOB, where);
  }
}

async function main() {
  const sockets = connectAll();
  await Promise.all(sockets.map(([, socket]) => next(socket, "connect")));
  await Promise.all(sockets.map(([, socket]) => ask(socket, "enter", ROOM)));
  const heard = new Map(sockets.map(([name]) => [name, []]));
  for (const [name, socket] of sockets) {
    socket.on("said", (...args) => heard.get(name).push(args));
  }
  for (const [sender, socket] of sockets) {
    const others = sockets.filter(([name]) => name !== sender);
    const blob = sender.startsWith("0.9") ? [] : [BLOB];
    const args = [sender, TEXT, { list: [TEXT, 1.5, null, true] }, ...blob];
    const arrived = others.map(([, other]) => next(other, "said"));
    socket.emit("tell", { to: [ROOM] }, "said", ...args);
    (await Promise.all(arrived)).forEach((said, index) => check(said, sender, others[index][0]));
  }
  // Each has heard everybody else once, and nobody itself.
  for (const [name, said] of heard) {
    const senders = said.map(([sender]) => sender);
    assert.deepEqual(senders, [...heard.keys()].filter((sender) => sender !== name), name);
  }
  console.log(`${sockets.length} clients`);
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
