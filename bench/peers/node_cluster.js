// The Node.js server of bench/peers/node_peer.js as a member of a cluster.
// usage: node node_cluster.js PORT REDIS-PORT classic|sharded|streams
const http = require("node:http");
const { Server } = require("socket.io");
const { Redis } = require("ioredis");

const [port, redisPort, kind] = process.argv.slice(2);
const pub = new Redis(Number(redisPort), "127.0.0.1");

function adapter() {
  if (kind === "streams") return require("@socket.io/redis-streams-adapter").createAdapter(pub);
  const { createAdapter, createShardedAdapter } = require("@socket.io/redis-adapter");
  return (kind === "sharded" ? createShardedAdapter : createAdapter)(pub, pub.duplicate());
}

const web = http.createServer();
const io = new Server(web, { serveClient: false, adapter: adapter() });
io.on("connection", (socket) => {
  socket.on("broadcast", (text) => io.emit("message", text));
});
web.listen({ host: "127.0.0.1", port: Number(port), backlog: 4096 }, () => console.log("Serving on"));
