// The chat of docs/migration.rst, used by a client of today and one that is `old` or `new`:
// node migration.js <url> <old|new>, or what namespaces answer: ... hello <namespace>...

"use strict";

const assert = require("node:assert").strict;
const { io } = require("socket.io-client");
const old = require("socket.io-client-0.9");

const [url, what, ...names] = process.argv.slice(2);
const next = (socket, event) =>
  new Promise((resolve) => socket.once(event, (...args) => resolve(args)));
const ask = (socket, ...args) => new Promise((resolve) => socket.emit(...args, resolve));

async function talk() {
  const first = io(`${url}/chat`);
  await next(first, "connect");
  const came = next(first, "announcement");
  const second = what === "old" ? old.connect(`${url}/chat`) : io(`${url}/chat`, { forceNew: true });
  assert.deepEqual(await came, ["somebody came"]);
  assert.equal(await ask(second, "nick", "Ada"), "hello Ada");
  assert.equal(await ask(second, "join", "r"), true);
  assert.equal(await ask(first, "join", "r"), true);
  const heard = next(first, "msg_to_room");
  second.emit("user message", "r", "hi 😀");
  assert.deepEqual(await heard, ["Ada", "hi 😀"]);
}

async function hello() {
  const answers = [];
  for (const name of names) {
    answers.push(await ask(io(url + name), "hello", "you"));
  }
  console.log(JSON.stringify(answers));
}

(what === "hello" ? hello() : talk()).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
