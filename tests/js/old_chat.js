// Clients of all generations in one room of a chat that was written for gevent-socketio, the one of
// 0.9 in the lead: node old_chat.js <url> <its transport>

"use strict";

const assert = require("node:assert").strict;
const old = require("socket.io-client-0.9");
const { io } = require("socket.io-client");

const [url, transport] = process.argv.slice(2);

const next = (socket, event) =>
  new Promise((resolve) => socket.once(event, (...args) => resolve(args)));
const ask = (socket, ...args) =>
  new Promise((resolve) => socket.emit(...args, (...answer) => resolve(answer)));

async function main() {
  old.transports = [transport];
  const chat = old.connect(`${url}/chat?color=blue`);
  // It is in the main namespace too, and a connection has one session for both.
  const [name, initialized] = await next(chat, "welcome");
  assert.equal(name, "/chat");
  assert.deepEqual(initialized, ["Chat", "Counted", "Chat", "Counted"]);
  assert.deepEqual(await ask(chat, "nick", "old 😀"), [["nick", "old 😀"]]);
  assert.deepEqual(await ask(chat, "join", "both"), ["joined", ["/chat_both"]]);
  const packet = { type: "event", name: "user message", args: [1], endpoint: "/chat", ack: "data" };
  assert.deepEqual(await ask(chat, "user message", 1), [packet]);

  const heard = next(chat, "message");
  chat.send("hi");
  assert.deepEqual(await heard, ["heard hi"]);
  const object = next(chat, "message");
  chat.json.send({ a: "😀" });
  assert.deepEqual(await object, [{ json: { a: "😀" } }]);

  chat.once("question", (question, answer) => answer(question, 42));
  const answered = next(chat, "answered");
  chat.emit("ask", "what?");
  assert.deepEqual(await answered, ["what?", 42]);

  const errors = [];
  chat.on("error", (...args) => errors.push(args[0]));
  chat.emit("nothing like that");
  chat.emit("nick", 1, 2, 3);
  chat.emit("fail");
  assert.deepEqual(await ask(chat, "nick", "old 😀"), [["nick", "old 😀"]]);
  assert.deepEqual(errors, ["no_such_method", "invalid_method_args"]);

  const today = io(`${url}/chat`, { forceNew: true });
  await next(today, "connect");
  await ask(today, "nick", "new ☃");
  await ask(today, "join", "both");
  const atToday = next(today, "said");
  chat.emit("say", "both", "from old 😀");
  assert.deepEqual(await atToday, ["old 😀", "from old 😀"]);
  const atOld = next(chat, "said");
  today.emit("say", "both", "from new 😀");
  assert.deepEqual(await atOld, ["new ☃", "from new 😀"]);

  const others = ["1", "2", "3"].map((generation) =>
    require(`socket.io-client-${generation}`)(`${url}/chat`, { forceNew: true }),
  );
  await Promise.all(others.map((other) => next(other, "welcome")));
  for (const [index, other] of others.entries()) {
    assert.deepEqual(await ask(other, "nick", `client ${index + 1}`), [["nick", `client ${index + 1}`]]);
    assert.deepEqual(await ask(other, "join", "both"), ["joined", ["/chat_both"]]);
  }
  const all = [chat, today, ...others];
  for (const speaker of all) {
    const rest = all.filter((socket) => socket !== speaker);
    const hearing = rest.map((socket) => next(socket, "said"));
    speaker.emit("say", "both", "to all 😀☃");
    for (const [, text] of await Promise.all(hearing)) {
      assert.equal(text, "to all 😀☃");
    }
  }
  others.forEach((other) => other.disconnect());

  const guarded = old.connect(`${url}/guarded`);
  await next(guarded, "connect");
  assert.deepEqual(await ask(guarded, "treasure"), [null]);
  assert.deepEqual(await ask(guarded, "open", "sesame"), [true]);
  assert.deepEqual(await ask(guarded, "treasure"), ["gold"]);

  const left = new Promise((resolve) => chat.on("left", (who) => who === "new ☃" && resolve()));
  today.disconnect();
  await left;
  const booted = next(chat, "disconnect");
  chat.emit("bye");
  await booted;
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
