// Official clients of several generations; `generation` in the options says which.

"use strict";

const assert = require("node:assert").strict;

/** `io` of each; 4 is the client that the server serves. */
const CLIENTS = {
  1: require("socket.io-client-1"),
  2: require("socket.io-client-2"),
  3: require("socket.io-client-3"),
  4: require("socket.io-client"),
};

const TEXT = "h€llo é 日本 😀 \u2028 \\n \n </script>";
const BLOB = Buffer.from([0, 1, 4, 30, 127, 128, 255]);

/** A socket that begins to connect, and ends with the scenario. */
function open(t, namespace = "/", extra = {}) {
  const { generation, transport } = { ...t.options, ...extra };
  const socket = CLIENTS[generation](t.url + namespace, {
    forceNew: true,
    reconnectionDelay: 50,
    reconnectionDelayMax: 200,
    transports: transport === "upgrade" ? ["polling", "websocket"] : [transport],
    ...t.options.client,
    ...extra,
  });
  t.atEnd(() => socket.close());
  return socket;
}

async function opened(t, namespace = "/", extra = {}) {
  const socket = open(t, namespace, extra);
  await t.next(socket, "connect");
  if ({ ...t.options, ...extra }.transport === "upgrade") {
    await t.upgraded(socket);
  }
  return socket;
}

/** All that the server acknowledges with. */
function ask(socket, ...args) {
  return new Promise((resolve) => socket.emit(...args, (...answer) => resolve(answer)));
}

/** What a client calls the event of a refusal, and what it says. */
async function refusal(t, socket) {
  if (t.options.generation < 3) {
    return (await t.next(socket, "error"))[0];
  }
  const [error] = await t.next(socket, "connect_error");
  return error.data ?? error.message;
}

exports.events_and_acks = async (t) => {
  const socket = await opened(t);
  assert.deepEqual(await ask(socket, "echo", TEXT, 1, null, { a: [TEXT] }), [
    TEXT,
    1,
    null,
    { a: [TEXT] },
  ]);
  assert.deepEqual(await ask(socket, "nothing"), []);
  const back = t.next(socket, "back");
  socket.emit("reflect", "back", TEXT, true);
  assert.deepEqual(await back, [TEXT, true]);
  socket.on("question", (text, answer) => answer(text + TEXT, 2));
  assert.deepEqual(await ask(socket, "ask", "question", [TEXT], 10), [
    { answer: [TEXT + TEXT, 2] },
  ]);
  const transport = t.options.transport === "polling" ? "polling" : "websocket";
  const [about] = await ask(socket, "about");
  assert.equal(about.transport, transport);
  assert.equal(about.protocol, t.options.generation < 3 ? 3 : 4);
};

exports.binary = async (t) => {
  const socket = await opened(t);
  const [blob, text, nested] = await ask(socket, "echo", BLOB, TEXT, { deep: [BLOB, TEXT] });
  assert.deepEqual(Buffer.from(blob), BLOB);
  assert.equal(text, TEXT);
  assert.deepEqual(Buffer.from(nested.deep[0]), BLOB);
  assert.equal(nested.deep[1], TEXT);
  const back = t.next(socket, "back");
  socket.emit("reflect", "back", TEXT, BLOB, Buffer.alloc(0), Buffer.alloc(70000, 7));
  const [first, ...blobs] = await back;
  assert.equal(first, TEXT);
  assert.deepEqual(blobs.map((value) => value.length ?? value.byteLength), [7, 0, 70000]);
  socket.on("question", (given, answer) => answer({ given }));
  const [{ answer }] = await ask(socket, "ask", "question", [TEXT], 10);
  assert.deepEqual(answer, { given: TEXT });
  socket.on("blob question", (given, reply) => reply(given));
  socket.emit("reflect", "later", BLOB);
  const [given] = await t.next(socket, "later");
  assert.deepEqual(Buffer.from((await ask(socket, "one", given))[0]), BLOB);
};

/** Many and large events keep their order, and none is lost, also while transports change. */
exports.many = async (t) => {
  const socket = open(t);
  const seen = [];
  socket.on("back", (number, text) => seen.push(number) && assert.equal(text, TEXT));
  await t.next(socket, "connect");
  for (let number = 0; number < 200; number += 1) {
    socket.emit("reflect", "back", number, TEXT);
    if (number % 20 === 0) {
      await t.pause(1);
    }
  }
  const large = TEXT.repeat(2000);
  assert.deepEqual(await ask(socket, "one", large), [large]);
  assert.deepEqual(seen, [...Array(200).keys()]);
};

exports.rooms = async (t) => {
  const room = t.key;
  const [one, two, outside] = await Promise.all([opened(t), opened(t), opened(t)]);
  await ask(one, "enter", room);
  await ask(two, "enter", room);
  const heard = t.record(outside, "news");
  const both = [t.next(one, "news"), t.next(two, "news")];
  outside.emit("tell", { to: [room] }, "news", TEXT, BLOB);
  for (const [text, blob] of await Promise.all(both)) {
    assert.equal(text, TEXT);
    assert.deepEqual(Buffer.from(blob), BLOB);
  }
  // A client's own room goes by the id it knows itself by.
  const alone = t.next(two, "alone");
  one.emit("tell", { to: [two.id] }, "alone", 1);
  assert.deepEqual(await alone, [1]);
  await ask(outside, "nothing");
  assert.deepEqual(heard, []);
};

/** On a server that hides ids: what others learn is not the secret that a client polls with. */
exports.hidden_ids = async (t) => {
  const [one, two] = await Promise.all([opened(t), opened(t)]);
  const [{ sid }] = await ask(two, "about");
  assert.notEqual(sid, two.id);
  const query = `EIO=3&transport=polling&sid=${encodeURIComponent(sid)}`;
  const answer = await fetch(`${t.url}/socket.io/?${query}`);
  assert.deepEqual([answer.status, (await answer.json()).code], [400, 1]);
  const alone = t.next(two, "alone");
  one.emit("tell", { to: [sid] }, "alone", TEXT);
  assert.deepEqual(await alone, [TEXT]);
  assert.deepEqual(await ask(two, "one", "still here"), ["still here"]);
};

exports.namespaces = async (t) => {
  const { generation } = t.options;
  const other = await opened(t, "/other");
  assert.deepEqual(await ask(other, "echo", TEXT), [TEXT]);
  if (generation < 3) {
    assert.match(other.id, generation === 2 ? /^\/other#[\w-]{20}$/ : /^[\w-]{20}$/);
  }
  // Clients of Socket.IO 1 have no way to say anything to a namespace that they connect to.
  if (generation > 1) {
    const how = generation === 2 ? ["?token=sesame"] : ["", { auth: { token: "sesame" } }];
    const guarded = await opened(t, `/guarded${how[0]}`, how[1]);
    assert.deepEqual(await ask(guarded, "echo", BLOB.length), [7]);
  }
  assert.deepEqual(await refusal(t, open(t, "/guarded")), { code: 42, hint: ["sesame", null] });
  assert.equal(await refusal(t, open(t, "/silent")), "not today");
  const message = "Invalid namespace";
  assert.deepEqual(await refusal(t, open(t, "/nowhere")), generation < 3 ? { message } : message);
  // Two namespaces on one connection.
  const main = await opened(t);
  const beside = main.io.socket("/other");
  await t.next(beside, "connect");
  const gone = t.next(beside, "disconnect");
  beside.emit("quit");
  assert.deepEqual((await gone)[0], "io server disconnect");
  assert.deepEqual(await ask(main, "one", "still here"), ["still here"]);
};

exports.leaving = async (t) => {
  const thrown = await opened(t);
  const reasons = Promise.all([t.next(thrown, "last words"), t.next(thrown, "disconnect")]);
  thrown.emit("quit", true);
  assert.equal((await reasons)[1][0], "io server disconnect");
  const leaving = await opened(t, "/other");
  const left = t.next(leaving, "disconnect");
  leaving.disconnect();
  assert.equal((await left)[0], "io client disconnect");
};

/** On a server whose heartbeat is quick: clients of all generations on all transports. */
exports.idle_but_alive = async (t) => {
  const idle = Object.keys(CLIENTS).flatMap((generation) =>
    ["polling", "websocket", "upgrade"].map(async (transport) => {
      const socket = await opened(t, "/", { generation, transport });
      const seen = t.record(socket, "disconnect");
      await t.pause(2500);
      assert.deepEqual(seen, [], `${generation} ${transport}`);
      assert.deepEqual(await ask(socket, "one", "alive"), ["alive"]);
    }),
  );
  await Promise.all(idle);
  return idle.length;
};

/** The test restarts the server in the middle. */
exports.server_restarts = async (t) => {
  const socket = await opened(t);
  const gone = t.next(socket, "disconnect");
  t.say("connected");
  await gone;
  const back = t.next(socket, "connect");
  t.say("disconnected");
  await t.heard("restarted");
  await back;
  if (t.options.transport === "upgrade") {
    await t.upgraded(socket);
  }
  assert.deepEqual(await ask(socket, "echo", TEXT), [TEXT]);
  const [about] = await ask(socket, "about");
  assert.equal(about.transport, t.options.transport === "polling" ? "polling" : "websocket");
};

exports.not_served = async (t) => {
  const socket = open(t);
  const [error] = await t.next(socket, "connect_error");
  assert.ok(error);
};
