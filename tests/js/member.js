// A server of a cluster, as Node.js has them, with one client of its own.
//
//   node member.js <redis url> <adapter: redis, redis-sharded or redis-streams>
//
// Prints "ready", then a line of JSON for what its client and its server hear. Takes a line of
// JavaScript for each thing to do, with `io`, `client`, `emitter` (the official one) and `say`.

"use strict";

const { createServer } = require("node:http");
const { createInterface } = require("node:readline");
const { createClient } = require("redis");
const { Server } = require("socket.io");
const { io: connect } = require("socket.io-client");

const [, , url, kind] = process.argv;
const say = (value) => process.stdout.write(`${typeof value === "string" ? value : JSON.stringify(value)}\n`);

function plain(value) {
  if (Buffer.isBuffer(value)) {
    return { hex: value.toString("hex") };
  }
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  }
  return value;
}

async function makeAdapter() {
  const client = createClient({ url });
  await client.connect();
  if (kind === "redis-streams") {
    return require("@socket.io/redis-streams-adapter").createAdapter(client);
  }
  const subscriber = client.duplicate();
  await subscriber.connect();
  const { createAdapter, createShardedAdapter } = require("@socket.io/redis-adapter");
  return kind === "redis" ? createAdapter(client, subscriber) : createShardedAdapter(client, subscriber);
}

async function makeEmitter() {
  const client = createClient({ url });
  await client.connect();
  const { Emitter } = require("@socket.io/redis-emitter");
  return new Emitter(client);
}

async function main() {
  const http = createServer();
  const io = new Server(http, { adapter: await makeAdapter() });
  const emitter = await makeEmitter();
  for (const name of ["/", "/chat"]) {
    io.of(name).on("connection", (socket) => socket.join(["everybody", "node"]));
    io.of(name).on("told", (...args) => say({ server: name, args: plain(args) }));
  }
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  const client = connect(`http://127.0.0.1:${http.address().port}/chat`, {
    transports: ["websocket"],
    reconnection: false,
  });
  client.onAny((event, ...args) => say({ client: event, args: plain(args) }));
  client.on("disconnect", (reason) => say({ gone: reason }));
  await new Promise((resolve) => client.on("connect", resolve));
  say("ready");
  createInterface({ input: process.stdin }).on("line", (line) => {
    new Function("io", "client", "emitter", "say", line)(io, client, emitter, say);
  });
}

main();
