// Chains, bulk verbs, middleware, namespaces of patterns, hooks on requests.

"use strict";

const assert = require("node:assert").strict;

/** Three clients named a, b, c; a and b are in one room, b and c in another. */
async function three(t) {
  const [red, blue] = [`red ${t.key}`, `blue ${t.key}`];
  const sockets = {};
  const heard = [];
  for (const name of ["a", "b", "c"]) {
    const socket = await t.connected("/", { auth: { name }, query: { who: name } });
    socket.on("news", () => heard.push(name));
    socket.on("who", (respond) => respond(name, "a second argument"));
    sockets[name] = socket;
  }
  const { a, b, c } = sockets;
  await a.emitWithAck("enter", red);
  await b.emitWithAck("enter", red, blue);
  await c.emitWithAck("enter", blue);
  const names = async () => {
    await Promise.all([a, b, c].map((s) => s.connected && s.emitWithAck("others")));
    return heard.splice(0).sort().join("");
  };
  return { a, b, c, red, blue, names };
}

exports.chains = async (t) => {
  const { a, c, red, blue, names } = await three(t);
  // A poll may just have ended, and what is volatile is then dropped.
  const volatile = t.options.transport === "polling" ? {} : { volatile: true };
  const cases = [
    ["socket", { to: [red] }, "b"],
    ["socket", { to: [red], in_: [blue] }, "bc"],
    ["socket", { in_: [red, blue], except_: [c.id] }, "b"],
    ["socket", { except_: [blue], to: [red, blue] }, ""],
    ["socket", { ...volatile, to: [red], compress: false, local: true, timeout: 5 }, "b"],
    ["socket", { compress: false }, "a"],
    ["nsp", { local: true, to: [red] }, "ab"],
    ["server", { compress: true, in_: [red], ...volatile }, "ab"],
    ["/", { to: [red, blue], except_: [red] }, "c"],
  ];
  for (const [where, words, expected] of cases) {
    await a.emitWithAck("emit", where, words, "news");
    assert.equal(await names(), expected, `${where} ${JSON.stringify(words)}`);
  }
};

exports.asking_many = async (t) => {
  const { a, b, c, red, blue } = await three(t);
  const both = { to: [red, blue] };
  assert.deepEqual((await a.emitWithAck("call", "server", both, "who")).answer.sort(), ["a", "b", "c"]);
  assert.deepEqual((await a.emitWithAck("call", "socket", both, "who")).answer.sort(), ["b", "c"]);
  assert.deepEqual(await a.emitWithAck("call", "nsp", { to: ["nobody"] }, "who"), { answer: [] });

  let called = t.next(a, "called back");
  a.emit("callback", "nsp", both, "who");
  const [error, answers] = await called;
  assert.equal(error, null);
  assert.deepEqual(answers.sort(), ["a", "b", "c"]);

  c.off("who");
  const [late, some] = await t.withLongerTimeouts(
    (timeout) => {
      called = t.next(a, "called back");
      a.emit("callback", "nsp", { ...both, timeout }, "who");
      return called;
    },
    ([, answers]) => answers.length === 2,
  );
  assert.match(late, /1 of 3/);
  assert.deepEqual(some.sort(), ["a", "b"]);

  // Who leaves is not waited for.
  b.once("who", () => c.disconnect());
  const start = Date.now();
  const left = await a.emitWithAck("call", "nsp", { ...both, timeout: 60 }, "who");
  assert.deepEqual(left.answer.sort(), ["a", "b"]);
  assert.ok(Date.now() - start < 30000, "did not wait for the time-out");

  // A time-out of nothing is one; an answer on this machine could still come within it.
  a.off("who");
  b.off("who");
  const none = await a.emitWithAck("call", "nsp", { ...both, timeout: 0 }, "who");
  assert.deepEqual(none.answer, []);
  assert.match(none.error, /2 of 2/);
};

exports.asking_one = async (t) => {
  const socket = await t.connected();
  socket.on("who", (respond) => respond("me", "myself"));
  const asked = async (words, event) => {
    const called = t.next(socket, "called back");
    socket.emit("callback", "socket", words, event);
    return called;
  };
  assert.deepEqual(await asked({}, "who"), ["me", "myself"]);
  assert.deepEqual(await asked({ timeout: 10 }, "who"), [null, "me", "myself"]);
  const held = t.next(socket, "silence");
  assert.deepEqual(await asked({ timeout: 0.1 }, "silence"), ["operation has timed out"]);
  const late = t.record(socket, "called back");
  (await held)[0]("too late");
  assert.deepEqual(await socket.emitWithAck("others"), []);
  assert.deepEqual(late, []);
};

exports.bulk = async (t) => {
  const { a, b, c, red, blue } = await three(t);
  const green = `green ${t.key}`;
  const fetched = await a.emitWithAck("fetch", "server", { to: [red] });
  const expected = [
    { sid: a.id, rooms: [red], data: { name: "a" }, query: "a" },
    { sid: b.id, rooms: [blue, red].sort(), data: { name: "b" }, query: "b" },
  ];
  const byId = (one, other) => (one.sid < other.sid ? -1 : 1);
  assert.deepEqual(fetched.sort(byId), expected.sort(byId));

  await a.emitWithAck("do", "nsp", { to: [red, blue] }, "join", green);
  await a.emitWithAck("do", "socket", { to: [blue] }, "leave", blue, "never entered");
  const rooms = Object.fromEntries(
    (await a.emitWithAck("fetch", "/", { to: [green] })).map((one) => [one.data.name, one.rooms]),
  );
  assert.deepEqual(rooms, { a: [red, green].sort(), b: [red, green].sort(), c: [green] });

  const [bGone, cGone] = [t.record(b, "farewell", "disconnect"), t.record(c, "farewell", "disconnect")];
  await a.emitWithAck("farewell", "socket", { to: [green] }, true);
  for (const gone of [bGone, cGone]) {
    await t.until(() => gone.length === 2, "farewell and disconnect");
    assert.deepEqual(gone.map(([event]) => event), ["farewell", "disconnect"]);
    assert.equal(gone[1][1], "io server disconnect");
  }
  assert.deepEqual((await a.emitWithAck("fetch", "/", { to: [green] })).map((one) => one.sid), [a.id]);
  assert.deepEqual(await a.emitWithAck("others"), []);
};

exports.disconnecting_one_namespace = async (t) => {
  const main = await t.connected();
  const name = `/doc/${t.key}`;
  const other = main.io.socket(name);
  await t.next(other, "connect");
  const gone = t.next(other, "disconnect");
  await main.emitWithAck("farewell", name, {}, false);
  assert.equal((await gone)[0], "io server disconnect");
  assert.deepEqual(await main.emitWithAck("others"), []);
};

exports.filters = async (t) => {
  const socket = await t.connected("/filtered");
  const echoed = t.next(socket, "echo");
  assert.equal(await socket.emitWithAck("shouted", "HELLO"), "hello");
  assert.deepEqual(await echoed, ["hello", Buffer.from([1])]);
  await assert.rejects(socket.timeout(200).emitWithAck("swallowed"), /timed out/);
  assert.deepEqual(await socket.emitWithAck("forbidden"), { error: "not for you" });
  const { heard, said } = await socket.emitWithAck("report");
  assert.deepEqual(heard, ["shouted", "swallowed", "forbidden", "report"]);
  assert.deepEqual(said, [["echo", "hello", Buffer.from([1])], ["to room", "hello"]]);
};

exports.gates = async (t) => {
  const socket = await t.connected("/gated", { auth: { ticket: 1, name: "x" } });
  const [{ data }] = await socket.emitWithAck("fetch", "nsp", { to: [socket.id] });
  assert.deepEqual(data, { gates: ["first", "second"], name: "x" });

  const refused = t.connect("/gated", { auth: { ticket: 2 } });
  const [error] = await t.next(refused, "connect_error");
  assert.equal(error.message, "no ticket");
  assert.deepEqual(error.data, { price: 5 });
  assert.equal((await socket.emitWithAck("fetch", "nsp", {})).length, 1);

  // Middleware of one namespace does not run for another.
  await t.connected("/");
};

exports.patterns = async (t) => {
  const [one, again, two] = await Promise.all([
    t.connected("/doc/1"),
    t.connected("/doc/1"),
    t.connected("/doc/2"),
  ]);
  assert.deepEqual(await one.emitWithAck("where"), { name: "/doc/1", matchdict: { id: "1" } });
  assert.deepEqual(await two.emitWithAck("where"), { name: "/doc/2", matchdict: { id: "2" } });
  const team = await t.connected("/team-12");
  assert.deepEqual((await team.emitWithAck("where")).matchdict, { number: "12" });
  const owned = await t.connected("/of-ann", { auth: { owner: "ann" } });
  assert.deepEqual((await owned.emitWithAck("where")).matchdict, { owner: "ann" });

  const strangers = [["/of-ann", { owner: "bob" }], ["/team-x", {}], ["/team-12/more", {}]];
  for (const [name, auth] of strangers) {
    const [error] = await t.next(t.connect(name, { auth }), "connect_error");
    assert.equal(error.message, "Invalid namespace", name);
  }

  const heard = { one: [], again: [], two: [] };
  for (const [name, socket] of Object.entries({ one, again, two })) {
    socket.on("news", (text) => heard[name].push(text));
  }
  await one.emitWithAck("emit", "socket", { broadcast: true }, "news", "others");
  await one.emitWithAck("emit", "/doc/2", {}, "news", "second");
  await one.emitWithAck("emit", "/doc/{id}", {}, "news", "family");
  await Promise.all([one, again, two].map((socket) => socket.emitWithAck("where")));
  assert.deepEqual(heard, { one: ["family"], again: ["others", "family"], two: ["second", "family"] });
};

exports.patterns_vanish = async (t) => {
  const name = `/doc/${t.key}`;
  const watcher = await t.connected("/team-99");
  const living = async () => (await watcher.emitWithAck("living")).living.includes(name);
  const [one, two] = await Promise.all([t.connected(name), t.connected(name)]);
  assert.ok(await living());
  one.disconnect();
  await two.emitWithAck("where");
  assert.ok(await living());
  two.disconnect();
  for (let round = 0; round < 500 && (await living()); round++) {
    await t.pause(10);
  }
  assert.equal(await living(), false);
  await t.connected(name);
  assert.ok(await living());
  const { created } = await watcher.emitWithAck("living");
  assert.equal(created.filter((other) => other === name).length, 2, "once for each time it came");
};

exports.request_hooks = async (t) => {
  const socket = await t.connected("/", { query: { key: t.key } });
  const { transport } = t.options;
  const seen = await (await fetch(`${t.url}/requests/${t.key}`)).json();
  assert.equal(seen.includes("upgrade"), transport !== "polling");
  assert.equal(seen.includes("POST"), transport !== "websocket");
  assert.equal(seen[0], transport === "websocket" ? "upgrade" : "GET");

  const refused = t.connect("/", { query: { token: "wrong" }, reconnection: false });
  const [error] = await t.next(refused, "connect_error");
  assert.match(error.message, transport === "websocket" ? /websocket error/ : /xhr poll error/);
  assert.ok(socket.connected);
};

exports.path = async (t) => {
  const { path } = t.options;
  const addTrailingSlash = path.endsWith("/");
  const socket = await t.connected("/", { path, addTrailingSlash });
  assert.deepEqual(await socket.emitWithAck("others"), []);
  assert.equal(socket.io.engine.transport.uri?.().includes("/socket.io?") ?? false, !addTrailingSlash);
};
