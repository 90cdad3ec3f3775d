// An emitter for servers with the streams adapter, as programs have one that serve nothing.
//
// The official one is not in npm's registry; this writes the entries that it writes: all of them
// into the stream, those for servers too, under the name "emitter" and with the namespace in packets.

"use strict";

const { encode } = require("@msgpack/msgpack");

const BROADCAST = 3;
const JOIN = 4;
const LEAVE = 5;
const DISCONNECT = 6;
const SERVER_SIDE_EMIT = 9;

const hasBinary = (value) =>
  value instanceof Uint8Array ||
  (value !== null && typeof value === "object" && Object.values(value).some(hasBinary));

class StreamsEmitter {
  constructor(redis, { nsp = "/", rooms = [], flags = {}, excluded = [] } = {}) {
    Object.assign(this, { redis, nsp, rooms, flags, excluded });
  }

  with(change) {
    const { nsp, rooms, flags, excluded } = this;
    return new StreamsEmitter(this.redis, { nsp, rooms, flags, excluded, ...change });
  }

  of(nsp) {
    return this.with({ nsp });
  }

  to(rooms) {
    return this.with({ rooms: [...this.rooms, ...[rooms].flat()] });
  }

  in(rooms) {
    return this.to(rooms);
  }

  except(rooms) {
    return this.with({ excluded: [...this.excluded, ...[rooms].flat()] });
  }

  get volatile() {
    return this.with({ flags: { ...this.flags, volatile: true } });
  }

  compress(compress) {
    return this.with({ flags: { ...this.flags, compress } });
  }

  add(type, data) {
    const text = hasBinary(data) ? Buffer.from(encode(data)).toString("base64") : JSON.stringify(data);
    const fields = ["uid", "emitter", "nsp", this.nsp, "type", String(type), "data", text];
    return this.redis.call("XADD", "socket.io", "MAXLEN", "~", "10000", "*", ...fields);
  }

  emit(...data) {
    const { rooms, flags, excluded: except, nsp } = this;
    return this.add(BROADCAST, { packet: { type: 2, data, nsp }, opts: { rooms, flags, except } });
  }

  get opts() {
    return { rooms: this.rooms, except: this.excluded, flags: {} };
  }

  socketsJoin(rooms) {
    return this.add(JOIN, { opts: this.opts, rooms: [rooms].flat() });
  }

  socketsLeave(rooms) {
    return this.add(LEAVE, { opts: this.opts, rooms: [rooms].flat() });
  }

  disconnectSockets(close = false) {
    return this.add(DISCONNECT, { opts: this.opts, close });
  }

  serverSideEmit(...packet) {
    return this.add(SERVER_SIDE_EMIT, { packet });
  }
}

module.exports = { StreamsEmitter };
