// The server of Node.js, with the namespaces of tests/differential/echo.py, for comparison.
//
// node reference.js PORT

"use strict";

const { Server } = require("socket.io");

const io = new Server(Number(process.argv[2]), { allowEIO3: true, serveClient: false });

function serve(socket) {
  socket.on("echo", (...args) => {
    const answer = args.pop();
    if (typeof answer === "function") {
      answer(...args);
    }
  });
  socket.on("reflect", (...args) => socket.emit("back", ...args));
  socket.on("leave", (close) => socket.disconnect(close === true));
}

io.on("connection", serve);
io.of("/other").on("connection", serve);
io.httpServer.on("listening", () => console.log("listening"));
