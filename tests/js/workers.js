// Many clients of one server that is several processes.
//
//     node workers.js URL POLLING WEBSOCKET [UPGRADING]
//
// Commands on standard input, one answer in JSON for each:
//   echo N        every client sends N events, one after the other, and compares the answers
//   tell N        the first client tells everybody N events; who got what, in which order
//   load          every client goes on echoing, whatever happens, until:
//   rest          ... it ends; how many answers came, and what was lost
//   status        who is connected, who was disconnected how often and why, what failed

"use strict";

const { createInterface } = require("node:readline");
const { io } = require("socket.io-client");

const [url, ...counts] = process.argv.slice(2);
const KINDS = [["polling"], ["websocket"], ["polling", "websocket"]];
const PATIENCE = 60000;

const clients = [];
const errors = {};
const reasons = {};
let loaded = false;

function count(table, key) {
  table[key] = (table[key] || 0) + 1;
}

function connect(transports) {
  const socket = io(url, {
    transports,
    forceNew: true,
    reconnectionDelay: 100,
    reconnectionDelayMax: 1000,
  });
  const client = { socket, got: [], answers: 0, lost: 0, disconnects: 0, connects: 0 };
  socket.on("connect", () => {
    client.connects += 1;
    socket.emit("enter", "all", () => (client.entered = true));
  });
  socket.on("connect_error", (error) =>
    count(errors, `${error.message} ${error.context?.status ?? ""} ${error.description?.message ?? ""}`),
  );
  socket.on("disconnect", (reason) => {
    client.entered = false;
    client.disconnects += 1;
    count(reasons, reason);
  });
  socket.on("news", (number) => client.got.push(number));
  return client;
}

async function until(condition, what) {
  const end = Date.now() + PATIENCE;
  while (!condition()) {
    if (Date.now() > end) {
      throw new Error(`waited in vain for ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function status() {
  const sum = (key) => clients.reduce((total, client) => total + client[key], 0);
  return {
    connected: clients.filter((client) => client.entered).length,
    connects: sum("connects"),
    disconnected: clients.filter((client) => client.disconnects).length,
    reasons,
    errors,
  };
}

async function echo(client, number) {
  for (let index = 0; index < number; index += 1) {
    const answer = await client.socket.timeout(PATIENCE).emitWithAck("echo", index);
    if (answer !== index) {
      throw new Error(`got ${answer} for ${index}`);
    }
    client.answers += 1;
  }
}

async function load(client) {
  while (loaded) {
    const number = client.answers;
    try {
      await client.socket.timeout(PATIENCE).emitWithAck("echo", number);
      client.answers += 1;
    } catch (error) {
      client.lost += 1;
    }
  }
}

const commands = {
  async echo(number) {
    const started = Date.now();
    await Promise.all(clients.map((client) => echo(client, number)));
    return { answers: clients.length * number, seconds: (Date.now() - started) / 1000 };
  },

  async tell(number) {
    clients.forEach((client) => (client.got = []));
    for (let index = 0; index < number; index += 1) {
      clients[index % clients.length].socket.emit("tell_all", { to: ["all"] }, "news", index);
    }
    const all = () => clients.every((client) => client.got.length >= number);
    await until(all, `${number} events at everybody`).catch(() => {});
    const whole = clients.filter((client) => new Set(client.got).size === number);
    return { complete: whole.length, heard: clients.reduce((sum, one) => sum + one.got.length, 0) };
  },

  async load() {
    loaded = true;
    clients.forEach((client) => (client.loading = load(client)));
    return {};
  },

  async rest() {
    loaded = false;
    const answers = clients.reduce((sum, client) => sum + client.answers, 0);
    await until(() => clients.every((client) => client.entered), "everybody to be back");
    return { answers, ...status() };
  },

  async status() {
    return status();
  },
};

counts.forEach((number, kind) => {
  for (let index = 0; index < Number(number); index += 1) {
    clients.push(connect(KINDS[kind]));
  }
});

until(() => clients.every((client) => client.entered), "everybody to be connected")
  .catch(() => {})
  .then(() => console.log(JSON.stringify(status())));

createInterface({ input: process.stdin }).on("line", async (line) => {
  const [command, number] = line.split(" ");
  try {
    console.log(JSON.stringify(await commands[command](Number(number))));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error), ...status() }));
  }
});
