// A member of a cluster, or a crowd of clients, that does what the lines it reads say.
//
// Arguments: an adapter (classic, sharded, streams, or none for clients only), the port of Redis,
// and options as JSON. Each line is {"id": ..., "code": "..."}, the body of an asynchronous
// function; each answer a line DONE {"id": ..., "value": ...} or {"id": ..., "error": ...}.

"use strict";

const { createServer } = require("node:http");
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

const scope = { clients: {}, log: {}, shown, sleep, answers: {} };

/** A client whose events are kept in log[name]; what answers[name] says is its acknowledgement. */
scope.join = (name, url, extra = {}) =>
  new Promise((resolve, reject) => {
    const socket = connect(url, { forceNew: true, transports: ["websocket"], ...extra });
    scope.clients[name] = socket;
    scope.log[name] = [];
    socket.onAny((...args) => {
      const reply = typeof args.at(-1) === "function" ? args.pop() : null;
      if (args[0] === "settled?") scope.log[name].settled = args[1];
      else scope.log[name].push(shown(args));
      if (reply && name in scope.answers) reply(...scope.answers[name]);
    });
    socket.on("disconnect", (reason) => scope.log[name].push(["disconnect", reason]));
    socket.once("connect", () => resolve(socket.id));
    socket.once("connect_error", reject);
  });

/** What came for clients since the last time, by name. */
scope.take = () =>
  Object.fromEntries(
    Object.keys(scope.log).map((name) => [name, scope.log[name].splice(0)])
  );

async function makeAdapter() {
  const { createAdapter, createShardedAdapter } = require("@socket.io/redis-adapter");
  const { Redis } = require("ioredis");
  const pub = new Redis(Number(redisPort), "127.0.0.1", { maxRetriesPerRequest: null });
  const sub = pub.duplicate();
  pub.on("error", () => {});
  sub.on("error", () => {});
  const given = options.adapter || {};
  if (adapter === "classic") return createAdapter(pub, sub, { requestsTimeout: 5000, ...given });
  if (adapter === "sharded") return createShardedAdapter(pub, sub, given);
  return require("@socket.io/redis-streams-adapter").createAdapter(pub, given);
}

async function serve() {
  const { Server } = require("socket.io");
  const server = createServer();
  const io = new Server(server, { adapter: await makeAdapter(), ...(options.server || {}) });
  scope.io = io;
  scope.heard = [];
  io.on("connection", (socket) => {
    socket.data.user = socket.handshake.auth.user;
    socket.on("join", (room, done) => {
      socket.join(room);
      done(true);
    });
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
