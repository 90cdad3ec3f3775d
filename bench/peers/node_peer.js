// The Node.js server that pyramid_sio is measured against: the handlers of bench/server.py.
// usage: node node_peer.js PORT
const http = require("node:http");
const { Server } = require("socket.io");

const web = http.createServer();
const io = new Server(web, { serveClient: false, allowEIO3: true });

io.on("connection", (socket) => {
  socket.on("echo", (text, acknowledge) => acknowledge(text));
  socket.on("broadcast", (text) => io.emit("message", text));
  socket.on("ask", (text, acknowledge) => {
    io.timeout(60000).emit("message", text, (error, answers) => acknowledge(answers.length));
  });
});

web.listen({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 4096 });
