// Clients of one server that lose their connection and come back, while others speak to them.
//
//     node returning.js URL LISTENERS SPEAKERS
//
// Commands on standard input, one answer in JSON for each:
//   speak         every speaker says one number after the other to the room of the listeners
//   break N       every listener loses its connection N times, and comes back each time
//   hush          ... they say no more; what listeners have missed, or got twice, or out of order

"use strict";

const { createInterface } = require("node:readline");
const { io } = require("socket.io-client");

const [url, listening, speaking] = process.argv.slice(2);
const KINDS = [["polling"], ["websocket"], ["polling", "websocket"]];
const PATIENCE = 60000;
const reasons = {};
let speak = false;

function connect(index) {
  const socket = io(url, {
    transports: KINDS[index % KINDS.length],
    forceNew: true,
    reconnectionDelay: 50,
    reconnectionDelayMax: 500,
  });
  const client = { socket, returns: 0, recovered: 0, moved: 0, tag: "" };
  socket.on("connect", () => {
    const tag = socket.io.engine.id.slice(0, 2);
    if (client.tag) {
      client.returns += 1;
      client.recovered += socket.recovered ? 1 : 0;
      client.moved += tag === client.tag ? 0 : 1;
    }
    client.tag = tag;
  });
  socket.on("disconnect", (reason) => {
    reasons[reason] = (reasons[reason] || 0) + 1;
    // What came in the very moment of the end, the official client keeps without having looked at
    // it, and hands it out once it is back: beside what the server has sent again.
    setImmediate(() => socket.receiveBuffer.splice(0));
  });
  return client;
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function until(condition, what) {
  const end = Date.now() + PATIENCE;
  while (!condition()) {
    if (Date.now() > end) {
      throw new Error(`waited in vain for ${what}`);
    }
    await sleep(10);
  }
}

const listeners = [];
const speakers = [];
for (let index = 0; index < Number(listening); index += 1) {
  const client = connect(index);
  client.heard = [];
  client.socket.on("said", (speaker, number) => client.heard.push([speaker, number]));
  listeners.push(client);
}
for (let index = 0; index < Number(speaking); index += 1) {
  speakers.push({ ...connect(index), sure: [], next: 0 });
}

async function talk(speaker, index) {
  while (speak) {
    const number = speaker.next;
    speaker.next += 1;
    try {
      await speaker.socket.timeout(PATIENCE).emitWithAck("pass", "listeners", "said", index, number);
      speaker.sure.push(number);
    } catch (error) {
      // Nobody knows whether that was said: its connection was lost.
      await until(() => speaker.socket.connected, "a speaker to be back");
    }
    await sleep(5);
  }
}

async function lose(client, times) {
  for (let index = 0; index < times; index += 1) {
    const { returns } = client;
    await sleep(Math.random() * 200);
    client.socket.io.engine.close();
    await until(() => client.returns > returns && client.socket.connected, "a return");
  }
}

function compare(client) {
  const wrong = { missed: 0, twice: 0, disordered: 0 };
  speakers.forEach((speaker, index) => {
    const heard = client.heard.filter(([who]) => who === index).map(([, number]) => number);
    const once = new Set(heard);
    wrong.missed += speaker.sure.filter((number) => !once.has(number)).length;
    wrong.twice += heard.length - once.size;
    wrong.disordered += heard.filter((number, at) => at && number < heard[at - 1]).length;
  });
  return wrong;
}

function sum(list, key) {
  return list.reduce((total, one) => total + one[key], 0);
}

const commands = {
  async speak() {
    speak = true;
    speakers.forEach((speaker, index) => (speaker.talk = talk(speaker, index)));
    return {};
  },

  async break(times) {
    await Promise.all(listeners.map((client) => lose(client, times)));
    return {};
  },

  async hush() {
    speak = false;
    await Promise.all(speakers.map((speaker) => speaker.talk));
    const said = speakers.reduce((total, speaker) => total + speaker.sure.length, 0);
    const complete = () => listeners.every((client) => compare(client).missed === 0);
    await until(complete, "all to hear all").catch(() => {});
    const wrong = listeners.map(compare);
    return {
      said,
      missed: sum(wrong, "missed"),
      twice: sum(wrong, "twice"),
      disordered: sum(wrong, "disordered"),
      returns: sum(listeners, "returns"),
      recovered: sum(listeners, "recovered"),
      moved: sum(listeners, "moved"),
      reasons,
    };
  },
};

async function begin() {
  const everybody = [...listeners, ...speakers];
  await until(() => everybody.every(({ socket }) => socket.connected), "everybody");
  const enter = (client) => client.socket.timeout(PATIENCE).emitWithAck("enter", "listeners");
  await Promise.all(listeners.map(enter));
  return { connected: everybody.length };
}

begin()
  .catch((error) => ({ error: String(error) }))
  .then((answer) => console.log(JSON.stringify(answer)));

createInterface({ input: process.stdin }).on("line", async (line) => {
  const [command, number] = line.split(" ");
  try {
    console.log(JSON.stringify(await commands[command](Number(number))));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error), reasons }));
  }
});
