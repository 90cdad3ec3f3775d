// What a scenario works with: sockets that end with it, and waiting that has an end.

"use strict";

const { randomUUID } = require("node:crypto");
const { EventEmitter } = require("node:events");
const { io } = require("socket.io-client");

class Trial {
  /**
   * @param url where the server is
   * @param options of the test: `transport` (polling, websocket, upgrade), `patience` in seconds,
   *   `parser` (a module to speak through)
   * @param say reports a value to the test while the scenario goes on
   */
  constructor(url, options, say) {
    this.url = url;
    this.options = options;
    this.say = say;
    /** Under which the server's journal keeps what happens to this scenario's sockets. */
    this.key = randomUUID();
    this.failed = new Promise((_, reject) => (this.fail = reject));
    this.failed.catch(() => {});
    this._patience = options.patience * 1000;
    this._sockets = [];
    this._endings = [];
    this._told = new EventEmitter();
  }

  /** A socket that begins to connect. */
  connect(namespace = "/", extra = {}) {
    const { transport } = this.options;
    const socket = io(this.url + namespace, {
      forceNew: true,
      reconnectionDelay: 50,
      reconnectionDelayMax: 200,
      transports: transport === "upgrade" ? ["polling", "websocket"] : [transport],
      ...(this.options.ca ? { ca: this.options.ca } : {}),
      ...(this.options.parser ? { parser: require(this.options.parser) } : {}),
      ...extra,
      auth: typeof extra.auth === "function" ? extra.auth : { key: this.key, ...extra.auth },
    });
    this._sockets.push(socket);
    return socket;
  }

  /** A socket that is connected, and has changed to a WebSocket if it is to. */
  async connected(namespace = "/", extra = {}) {
    const socket = this.connect(namespace, extra);
    const refused = new Promise((_, reject) => socket.once("connect_error", reject));
    refused.catch(() => {});
    await Promise.race([this.next(socket, "connect"), refused]);
    if (this.options.transport === "upgrade") {
      await this.upgraded(socket);
    }
    return socket;
  }

  async upgraded(socket) {
    await this.until(() => socket.io.engine.transport.name === "websocket", "the upgrade");
  }

  /** The arguments of the next `event`. */
  next(emitter, event) {
    const { promise, stop } = this._deadline(`the event ${event}`);
    const arrived = new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));
    arrived.then(stop);
    const result = Promise.race([arrived, promise]);
    // Who asks before it acts may never come to look.
    result.catch(() => {});
    return result;
  }

  /** All of these events from now on, each as [event, ...args], in the order of their arrival. */
  record(emitter, ...events) {
    const seen = [];
    for (const event of events) {
      emitter.on(event, (...args) => seen.push([event, ...args]));
    }
    return seen;
  }

  /** Wait until `condition()` is true. */
  async until(condition, what) {
    const end = Date.now() + this._patience;
    while (!condition()) {
      if (Date.now() > end) {
        throw new Error(`waited in vain for ${what}`);
      }
      await this.pause(3);
    }
  }

  /**
   * Try `attempt(seconds)` with ever longer time-outs until `good(result)`; its last result.
   * For who waits in vain for one, and gets what others say in time on whatever machine.
   */
  async withLongerTimeouts(attempt, good) {
    let result;
    for (let seconds = 0.2; seconds * 1000 < this._patience; seconds *= 5) {
      result = await attempt(seconds);
      if (good(result)) {
        break;
      }
    }
    return result;
  }

  /** Let time pass; for what is about time itself. */
  pause(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  /** The first `count` things that happened to this scenario's sockets, says the server. */
  async journal(count) {
    const answer = await fetch(`${this.url}/journal/${this.key}?count=${count}`);
    const entries = await answer.json();
    if (entries.length < count) {
      throw new Error(`only ${JSON.stringify(entries)} in the journal, expected ${count} entries`);
    }
    return entries;
  }

  /** Wait until the test says `text`. */
  async heard(text) {
    await this.next(this._told, text);
  }

  tell(text) {
    this._told.emit(text);
  }

  /** Call `ending()` when the scenario is over. */
  atEnd(ending) {
    this._endings.push(ending);
  }

  end() {
    for (const ending of this._endings) {
      ending();
    }
    for (const socket of this._sockets) {
      socket.disconnect();
      socket.io._close();
    }
  }

  _deadline(what) {
    let timer;
    const promise = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), this._patience);
    });
    promise.catch(() => {});
    return { promise, stop: () => clearTimeout(timer) };
  }
}

module.exports = { Trial };
