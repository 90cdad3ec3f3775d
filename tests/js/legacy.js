// Runs scenarios of ./legacy_scenarios: node legacy.js <url> <transport> <scenario>
// or keeps a client connected and says what happens to it: ... reconnect

"use strict";

const io = require("socket.io-client-0.9");
const { run } = require("./legacy_scenarios");

const [url, transport, name, key] = process.argv.slice(2);

function reconnect() {
  io.transports = [transport];
  const socket = io.connect(`${url}/?key=${key}`, { "reconnection delay": 100 });
  const chat = io.connect(`${url}/chat`);
  socket.on("connect", () => console.log("main connects"));
  chat.on("connect", () => chat.emit("echo", "in chat", (text) => console.log(`answer ${text}`)));
  socket.on("disconnect", (reason) => {
    // Buffered: sent before the namespace is connected again.
    chat.emit("echo", "buffered", (text) => console.log(`answer ${text}`));
    console.log(`disconnect ${reason}`);
  });
}

if (name === "reconnect") {
  reconnect();
} else {
  run(io, name, url, transport, key).then(
    // It leaves timers behind that would keep the process alive.
    () => setTimeout(() => process.exit(0), 50),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
}
