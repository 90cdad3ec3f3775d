// A member of a cluster, or a crowd of clients, that does what the lines it reads say.
//
// Arguments: an adapter (classic, sharded, streams, old-streams, or none for clients only), the port
// of Redis, and options as JSON: "client" is the library that speaks to Redis, "adapter" and "server"
// are passed on. Each line is {"id": ..., "code": "..."}, the body of an asynchronous function; each
// answer a line DONE {"id": ..., "value": ...} or {"id": ..., "error": ...}.

"use strict";

const { createServer } = require("node:http");
const { createRequire } = require("node:module");
const readline = require("node:readline");
const { io: connect } = require("socket.io-client");

const [adapter, redisPort, optionsText] = process.argv.slice(2);
const options = JSON.parse(optionsText || "{}");
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Binary data and dates as JSON can show them. */
const shown = (value) => {
  if (Buffer.isBuffer(value) || value instanceof Uint8Array || value instanceof ArrayBuffer) {
    return { hex: Buffer.from(value).toString("hex") };
  }
  if (Array.isArray(value)) return value.map(shown);
  if (value instanceof Date) return { date: value.toISOString() };
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shown(item)]));
  }
  return value === undefined ? null : value;
};

/** A value from how tests/functional/interop/values.py spells it: what kind it is, and of what. */
const revived = ([kind, content]) =>
  ({
    value: () => content,
    number: () => Number(content),
    binary: () => Buffer.from(content, "hex"),
    date: () => new Date(content),
    list: () => content.map(revived),
    map: () => Object.fromEntries(content.map(([key, item]) => [key, revived(item)])),
  })[kind]();

const scope = { require, clients: {}, log: {}, shown, revived, sleep, answers: {}, kept: {} };
/** Clients that are none of the above; they leave when new ones are gathered. */
scope.others = [];

/** What one server says to others, from the bytes that are in Redis. */
scope.read = (kind, hex) => {
  const bytes = Buffer.from(hex, "hex");
  if (bytes[0] === "{".charCodeAt(0)) return JSON.parse(bytes);
  if (kind === "streams") return require("@msgpack/msgpack").decode(bytes);
  return createRequire(require.resolve("@socket.io/redis-adapter"))("notepack.io").decode(bytes);
};

/** A client whose events are kept in log[name]; what answers[name] says is its acknowledgement. */
scope.join = (name, url, extra = {}) =>
  new Promise((resolve, reject) => {
    const socket = connect(url, { forceNew: true, transports: ["websocket"], ...extra });
    scope.clients[name] = socket;
    scope.log[name] = [];
    socket.onAny((...args) => {
      const reply = typeof args.at(-1) === "function" ? args.pop() : null;
      if (args[0] === "settled?") (scope.log[name].marks ??= []).push(args[1]);
      else scope.log[name].push(shown(args));
      if (reply && name in scope.answers) reply(...scope.answers[name]);
    });
    socket.on("disconnect", (reason) => scope.log[name].push(["disconnect", reason]));
    socket.once("connect", () => resolve(socket.id));
    socket.once("connect_error", reject);
  });

/** Waits until clients have all of these marks, and with them what was sent before. */
scope.settle = async (marks) => {
  const has = (name) => marks.every((mark) => scope.log[name].marks?.includes(mark));
  while (!Object.keys(scope.log).every((name) => !scope.clients[name].connected || has(name))) {
    await sleep(1);
  }
};

/** What came for clients since the last time, by name. */
scope.take = () =>
  Object.fromEntries(
    Object.keys(scope.log).map((name) => [name, scope.log[name].splice(0)])
  );

/** A connection to Redis, made by the library that was asked for. */
async function connectToRedis(port = redisPort) {
  const host = "127.0.0.1";
  if (options.client === "redis") {
    const client = require("redis").createClient({ socket: { host, port: Number(port) } });
    client.on("error", () => {});
    return client.connect();
  }
  const { Redis } = require("ioredis");
  const client = new Redis(Number(port), host, { maxRetriesPerRequest: null });
  client.on("error", () => {});
  return client;
}

scope.connectToRedis = connectToRedis;

/** The official emitter; for streams, one that writes what its documentation says. */
scope.newEmitter = async (kind, port) => {
  const client = await connectToRedis(port);
  if (kind === "streams") return new (require("./streams_emitter.js").StreamsEmitter)(client);
  return new (require("@socket.io/redis-emitter").Emitter)(client);
};

let subscribed = async () => {};

async function makeAdapter() {
  const { createAdapter, createShardedAdapter } = require("@socket.io/redis-adapter");
  const pub = await connectToRedis();
  const given = options.adapter || {};
  if (adapter === "streams") {
    return require("@socket.io/redis-streams-adapter").createAdapter(pub, given);
  }
  if (adapter === "old-streams") {
    return require("socket.io-redis-streams-adapter-0.2").createAdapter(pub, given);
  }
  const sub = await connectToRedis();
  // Answers come in the order of commands: what was subscribed to before is heard then.
  subscribed = () => sub.ping();
  if (adapter === "sharded") return createShardedAdapter(pub, sub, given);
  return createAdapter(pub, sub, { requestsTimeout: 5000, ...given });
}

async function serve() {
  const { Server } = require("socket.io");
  const server = createServer();
  const given = { allowEIO3: true, ...options.server };
  const io = new Server(server, { adapter: await makeAdapter(), ...given });
  scope.io = io;
  scope.heard = [];
  io.on("connection", (socket) => {
    socket.data.user = socket.handshake.auth.user;
    socket.on("join", async (room, done) => {
      socket.join(room);
      await subscribed();
      done(true);
    });
    socket.on("say", (room, ...args) => io.to(room).emit(...args));
    socket.on("recovered?", (done) => done(socket.recovered));
  });
  io.on("sse", (...args) => {
    const reply = typeof args.at(-1) === "function" ? args.pop() : null;
    scope.heard.push(shown(args));
    if (reply) reply(options.name || "node");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  console.log(`READY ${server.address().port}`);
}

async function run(code) {
  const names = Object.keys(scope);
  const body = new Function(...names, `return (async () => { ${code} })()`);
  return body(...names.map((name) => scope[name]));
}

process.on("uncaughtException", (error) => {
  console.log(`DIED ${error.stack.replaceAll("\n", " | ")}`);
  process.exit(1);
});

if (adapter === "none") console.log("READY 0");
else serve();

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const { id, code } = JSON.parse(line);
  let answer;
  try {
    answer = { id, value: shown(await run(code)) };
  } catch (error) {
    answer = { id, error: String(error), responses: shown(error.responses || []) };
  }
  console.log(`DONE ${JSON.stringify(answer)}`);
});
