// Namespaces that were written for gevent-socketio, used by a client of today.

"use strict";

const assert = require("node:assert").strict;

const ask = (socket, ...args) =>
  new Promise((resolve) => socket.emit(...args, (...answer) => resolve(answer)));

exports.events_and_acks = async (t) => {
  const socket = t.connect("/chat");
  assert.deepEqual(await t.next(socket, "welcome"), ["/chat", ["Chat", "Counted"]]);
  assert.deepEqual(await ask(socket, "nick", "Ada 😀"), [["nick", "Ada 😀"]]);
  assert.deepEqual(await ask(socket, "join", t.key), ["joined", [`/chat_${t.key}`]]);
  assert.deepEqual(await ask(socket, "leave", t.key), [null]);
  assert.deepEqual(await ask(socket, "user message", 1, [2]), [
    { type: "event", name: "user message", args: [1, [2]], endpoint: "/chat", ack: "data" },
  ]);
  const said = t.next(socket, "message");
  assert.deepEqual(await new Promise((done) => socket.send("hi", (...args) => done(args))), ["heard"]);
  assert.deepEqual(await said, ["heard hi"]);
  assert.deepEqual(await ask(socket, "message", { a: 1 }), [{ heard: { a: 1 } }]);
  socket.once("question", (question, answer) => answer(question, 42));
  socket.emit("ask", "what?");
  assert.deepEqual(await t.next(socket, "answered"), ["what?", 42]);
  socket.emit("later", "on");
  assert.deepEqual(await t.next(socket, "later"), ["on"]);
  assert.deepEqual(await ask(socket, "request"), [t.options.request]);
};

exports.rooms_and_broadcasts = async (t) => {
  const [first, second, outside] = await Promise.all([
    t.connected("/chat"),
    t.connected("/chat"),
    t.connected("/"),
  ]);
  const seen = t.record(first, "said", "shouted", "left");
  const elsewhere = t.record(outside, "said", "shouted", "left");
  await ask(first, "join", t.key);
  await ask(second, "join", t.key);
  await ask(second, "nick", "Bob");
  await ask(second, "say", t.key, "hello 😀");
  await ask(second, "shout", t.key);
  const heard = () => seen.filter(([, , text]) => text !== undefined);
  await t.until(() => heard().length === 1, "what was said");
  await ask(first, "leave", t.key);
  await ask(second, "say", t.key, "nobody hears this");
  second.disconnect();
  await t.until(() => seen.some(([event, who]) => event === "left" && who === "Bob"), "Bob to leave");
  assert.deepEqual(heard(), [["said", "Bob", "hello 😀"]]);
  assert.ok(seen.some(([event, text]) => event === "shouted" && text === t.key));
  assert.deepEqual(await ask(outside, "neighbours"), [[""]]);
  assert.deepEqual(elsewhere.filter(([event]) => event !== "left"), []);
};

exports.faults = async (t) => {
  const socket = await t.connected("/chat");
  const errors = t.record(socket, "error");
  socket.emit("nothing like that");
  socket.emit("a-b");
  socket.emit("nick", 1, 2, 3);
  socket.emit("fail");
  assert.deepEqual(await ask(socket, "nick", "still here"), [["nick", "still here"]]);
  assert.deepEqual(
    errors.map(([, name]) => name),
    ["no_such_method", "unallowed_event_name", "invalid_method_args"],
  );
  assert.deepEqual(errors[0][2], "nothing here handles the event 'nothing like that'");
};

exports.access = async (t) => {
  const socket = await t.connected("/guarded");
  const errors = t.record(socket, "error");
  assert.deepEqual(await ask(socket, "treasure"), [null]);
  assert.deepEqual(errors, [
    ["error", "method_access_denied", "the event 'treasure' is not open to you"],
  ]);
  assert.deepEqual(await ask(socket, "open", "x"), [false]);
  assert.deepEqual(await ask(socket, "open", "sesame"), [true]);
  assert.deepEqual(await ask(socket, "treasure"), ["gold"]);
};

exports.refusals = async (t) => {
  const unknown = t.connect("/unknown");
  assert.equal((await t.next(unknown, "connect_error"))[0].message, "Invalid namespace");
  const refused = t.connect("/guarded", { query: { refuse: "1" } });
  assert.equal((await t.next(refused, "connect_error"))[0].message, "not you");
};

exports.goodbye = async (t) => {
  const [socket, other] = await Promise.all([t.connected("/chat"), t.connected("/chat")]);
  const seen = t.record(other, "left", "came");
  await ask(socket, "nick", t.key);
  socket.emit("bye");
  assert.equal((await t.next(socket, "disconnect"))[0], "io server disconnect");
  socket.connect();
  await t.next(socket, "connect");
  await ask(socket, "nick", t.key);
  socket.io.engine.close();
  await t.until(() => seen.some(([, who]) => who === t.key), "the news");
  // Who ends by disconnect() says goodbye in there, or not at all.
  assert.equal(seen.filter(([, who]) => who === t.key).length, 1);
};

exports.news = async (t) => {
  const socket = await t.connected("/chat");
  const heard = t.next(socket, "news");
  await fetch(`${t.url}/news`);
  assert.deepEqual(await heard, ["from a page"]);
};

exports.elsewhere = async (t) => {
  const path = t.options.path ?? "/socket.io/";
  const socket = await t.connected("/chat", { path });
  assert.deepEqual(await ask(socket, "nick", "Ada"), [["nick", "Ada"]]);
};
