// A client that speaks as the admin UI does.

"use strict";

const assert = require("node:assert").strict;

const EVERYTHING = [
  "EMIT",
  "JOIN",
  "LEAVE",
  "DISCONNECT",
  "MJOIN",
  "MLEAVE",
  "MDISCONNECT",
  "AGGREGATED_EVENTS",
  "ALL_EVENTS",
];
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** An admin, and all it hears from the first moment: [event, ...args]. */
async function admin(t, auth = t.options.credentials) {
  const socket = t.connect("/admin", { auth });
  const heard = [];
  socket.onAny((event, ...args) => heard.push([event, ...args]));
  socket.heard = heard;
  /** Waits for what `test` says yes to; everything before it has been heard then too. */
  socket.hears = async (what, test) => {
    const found = () => heard.find(([event, ...args]) => event === what && test(...args));
    await t.until(found, `${what}, heard: ${JSON.stringify(heard)}`);
    return found().slice(1);
  };
  const refused = new Promise((_, reject) => socket.once("connect_error", reject));
  refused.catch(() => {});
  await Promise.race([t.next(socket, "connect"), refused]);
  return socket;
}

/** What was heard about a connection while it was there, but for its upgrade. */
function about(socket, id) {
  return socket.heard.filter(
    ([event, ...args]) =>
      !["all_sockets", "server_stats", "socket_updated"].includes(event) &&
      args.some((arg) => arg === id || (arg && arg.id === id))
  );
}

async function refused(t, auth, message) {
  await assert.rejects(admin(t, auth), { message });
}

exports.logs_in = async (t) => {
  const socket = await admin(t);
  await socket.hears("all_sockets", () => true);
  const names = socket.heard.map(([event]) => event);
  assert.deepEqual(names.slice(0, 5), [
    "session",
    "room_joined",
    "socket_connected",
    "config",
    "all_sockets",
  ]);
  const [session] = await socket.hears("session", () => true);
  assert.match(session, /^[0-9a-f]{16,}$/);
  assert.deepEqual(await socket.hears("config", () => true), [{ supportedFeatures: EVERYTHING }]);

  const again = await admin(t, { sessionId: session });
  await again.hears("all_sockets", (list) => list.some(({ id }) => id === again.id));
  assert.equal(again.heard[0][0], "room_joined");
};

exports.refuses = async (t) => {
  const { username, password } = t.options.credentials;
  await refused(t, {}, "invalid credentials");
  await refused(t, { sessionId: "0123456789abcdef" }, "invalid credentials");
  await refused(t, { username, password: { $ne: 1 } }, "invalid credentials");
  await refused(t, { username, password: password + "x" }, "invalid credentials");
  await refused(t, { username: username + "x", password }, "invalid credentials");
  for (let attempt = 2; attempt < 5; attempt++) {
    await refused(t, { username, password: "guess" }, "invalid credentials");
  }
  await refused(t, { username, password: "guess" }, "too many attempts, try again in a minute");
};

exports.describes = async (t) => {
  const early = await t.connected("/", { query: { foo: "bar" } });
  const socket = await admin(t);
  const [list] = await socket.hears("all_sockets", () => true);
  const found = list.find(({ id }) => id === early.id);
  assert.ok(list.some(({ id, nsp }) => id === socket.id && nsp === "/admin"));
  const { issued, time, url, headers, query, ...handshake } = found.handshake;
  assert.deepEqual(handshake, { address: "127.0.0.1", secure: false, xdomain: false });
  assert.equal(query.foo, "bar");
  assert.match(url, /^\/socket\.io\/\?.*foo=bar/);
  assert.ok(Math.abs(issued - Date.now()) < 3600e3);
  assert.ok(Math.abs(Date.parse(time) - issued) < 1001, time);
  assert.equal(typeof headers, "object");
  delete found.handshake;
  assert.deepEqual(found, {
    id: early.id,
    clientId: early.io.engine.id.slice(0, 12),
    transport: early.io.engine.transport.name,
    nsp: "/",
    data: {},
    rooms: [early.id],
  });
};

exports.watches = async (t) => {
  const socket = await admin(t);
  const client = await t.connected();
  await client.emitWithAck("enter", "red");
  client.emit("reflect", "blob", { data: Buffer.from([1, 2, 3]) });
  await t.next(client, "blob");
  await client.emitWithAck("exit", "red");
  await client.emitWithAck("enter", "blue");
  const id = client.id;
  client.disconnect();
  await socket.hears("room_left", (nsp, room, who) => who === id && room === id);

  const seen = about(socket, id);
  for (const news of seen) {
    assert.match(news.pop(), TIMESTAMP, news[0]);
  }
  const connected = seen.find(([event]) => event === "socket_connected");
  assert.deepEqual(connected[1].rooms, [id]);
  connected[1] = { id };
  const left = seen.splice(-2).sort();
  assert.deepEqual(
    seen,
    [
      ["room_joined", "/", id, id],
      ["socket_connected", { id }],
      ["event_received", "/", id, ["enter", "red"]],
      ["room_joined", "/", "red", id],
      ["event_received", "/", id, ["reflect", "blob", { data: Buffer.from([1, 2, 3]) }]],
      ["event_sent", "/", id, ["blob", { data: Buffer.from([1, 2, 3]) }]],
      ["event_received", "/", id, ["exit", "red"]],
      ["room_left", "/", "red", id],
      ["event_received", "/", id, ["enter", "blue"]],
      ["room_joined", "/", "blue", id],
      ["socket_disconnected", "/", id, t.options.goodbye || "client namespace disconnect"],
    ]
  );
  assert.deepEqual(left, [["room_left", "/", "blue", id], ["room_left", "/", id, id]].sort());
};

exports.sees_what_on_connect_does = async (t) => {
  const socket = await admin(t);
  const client = await t.connected("/welcome");
  await assert.rejects(t.connected("/silent"), { message: "not today" });
  await socket.hears("event_sent", (nsp, id, [, what]) => id === client.id && what === 3);
  const seen = about(socket, client.id).map(([event, ...args]) => [event, args[1]]);
  assert.deepEqual(seen[0], ["room_joined", client.id]);
  assert.deepEqual(seen[1], ["room_joined", "porch"]);
  assert.equal(seen[2][0], "socket_connected");
  assert.ok(seen.slice(3).every(([event]) => event === "event_sent"));
  const [connected] = await socket.hears("socket_connected", ({ id }) => id === client.id);
  assert.deepEqual(connected.rooms, [client.id, "porch"]);
  assert.ok(!socket.heard.some(([, first]) => first === "/silent" || first.nsp === "/silent"));
};

exports.sees_data = async (t) => {
  const socket = await admin(t);
  const client = await t.connected("/counter");
  await client.emitWithAck("add", 1);
  await client.emitWithAck("add", 41);
  const [news] = await socket.hears("socket_updated", ({ data }) => data && data.count === 42);
  assert.deepEqual(news, { id: client.id, nsp: "/counter", data: { count: 42, what: "<bytes>" } });
  const [connected] = await socket.hears("socket_connected", ({ id }) => id === client.id);
  assert.deepEqual(connected.data, { count: 0, what: "<bytes>" });
};

exports.sees_upgrade = async (t) => {
  const socket = await admin(t);
  const client = await t.connected();
  const [news] = await socket.hears("socket_updated", ({ id }) => id === client.id);
  assert.deepEqual(news, { id: client.id, nsp: "/", transport: "websocket" });
};

exports.counts = async (t) => {
  const socket = await admin(t);
  await socket.hears("server_stats", () => true);
  const client = await t.connected();
  await client.emitWithAck("one", "é".repeat(1000));
  client.disconnect();
  const sums = () => {
    const total = {};
    for (const [, stats] of socket.heard.filter(([event]) => event === "server_stats")) {
      for (const { type, count, timestamp } of stats.aggregatedEvents) {
        assert.equal(timestamp % 1000, 0);
        total[type] = (total[type] || 0) + count;
      }
    }
    return total;
  };
  const ended = ([event, stats]) =>
    event === "server_stats" &&
    stats.aggregatedEvents.some(({ subType }) => subType === t.options.goodbye);
  const complete = ({ bytesIn, bytesOut, rawConnection }) =>
    rawConnection >= 1 && bytesIn > 2000 && bytesOut > 2000;
  await t.until(() => socket.heard.some(ended) && complete(sums()), "counts");
  assert.ok(sums().packetsIn >= 2 && sums().packetsOut >= 2, JSON.stringify(sums()));
  const [stats] = await socket.hears("server_stats", () => true);
  const { uptime, hostname, pid, serverId, clientsCount, namespaces } = stats;
  assert.ok(uptime > 0 && hostname && pid > 0);
  assert.equal(serverId, t.options.serverId);
  assert.ok(clientsCount >= 1);
  assert.ok(namespaces.some(({ name, socketsCount }) => name === "/admin" && socketsCount >= 1));
  await t.until(() => socket.heard.filter(([e]) => e === "server_stats").length >= 3, "more");
};

exports.steers = async (t) => {
  const socket = await admin(t);
  const [a, b] = [await t.connected(), await t.connected()];
  const room = `room ${t.key}`;

  socket.emit("join", "/", room, a.id);
  await socket.hears("room_joined", (nsp, name, id) => name === room && id === a.id);
  socket.emit("emit", "/", room, "news", 1, Buffer.from([7]));
  assert.deepEqual(await t.next(a, "news"), [1, Buffer.from([7])]);
  socket.emit("emit", "/", null, "to all", 2);
  assert.deepEqual(await t.next(b, "to all"), [2]);
  socket.emit("leave", "/", room);
  await socket.hears("room_left", (nsp, name, id) => name === room && id === a.id);

  const gone = t.next(a, "disconnect");
  socket.emit("_disconnect", "/", false, a.id);
  assert.equal((await gone)[0], "io server disconnect");
  await socket.hears("socket_disconnected", (nsp, id, reason) => {
    return id === a.id || reason === "server namespace disconnect";
  });
  const closed = t.next(b, "disconnect");
  socket.emit("join", "/", room, b.id);
  socket.emit("_disconnect", "/", true, room);
  await closed;
  assert.ok(socket.connected);
};

exports.commands_that_do_not_fit = async (t) => {
  const socket = await admin(t);
  const answer = (...args) => socket.timeout(5000).emitWithAck(...args);
  assert.deepEqual(await answer("join", "/made-up", "x"), { error: "no such namespace" });
  assert.match((await answer("join", "/", 7)).error, /argument 'room'/);
  assert.match((await answer("emit", "/", null, "disconnect")).error, /reserved/);
  assert.match((await answer("_disconnect", {})).error, /argument 'nsp'/);
};

exports.only_looks_at_statistics = async (t) => {
  const socket = await admin(t);
  const client = await t.connected();
  const news = [];
  client.onAny((event) => news.push(event));
  socket.emit("emit", "/", null, "news");
  socket.emit("_disconnect", "/", true);
  await client.emitWithAck("enter", "red");
  await t.until(() => socket.heard.filter(([e]) => e === "server_stats").length >= 2, "stats");
  assert.equal(socket.heard[0][0], "session");
  assert.deepEqual(socket.heard[1], ["config", { supportedFeatures: ["AGGREGATED_EVENTS"] }]);
  assert.ok(socket.heard.slice(2).every(([event]) => event === "server_stats"));
  assert.ok(client.connected);
  assert.deepEqual(news, []);
};
