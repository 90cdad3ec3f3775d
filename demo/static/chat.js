// The chat as this page knows it: no DOM in here. Speaks with demo/chat.py, which documents the events.

const ANSWER_WITHIN = 8000;
const RETRY_AFTER = 1500;
const TYPING_FOR = 6000;
const KEPT = 500;

const offline = { ok: false, error: "offline", message: "There is no connection at the moment." };

class Room {
  name;
  topic = "";
  topicBy = "";
  people = new Set();
  /** Nick -> timer that ends it. */
  typing = new Map();
  entries = [];
  /** What was written here and is not in `entries` yet: {nonce, text, at, state, error}. */
  pending = [];
  unread = 0;
  draft = "";

  constructor(name) {
    this.name = name;
  }

  get last() {
    return this.entries.at(-1)?.id ?? 0;
  }

  /** Insert an entry where it belongs; false if it is here already. */
  add(entry) {
    let at = this.entries.length;
    while (at > 0 && this.entries[at - 1].id > entry.id) at -= 1;
    if (at > 0 && this.entries[at - 1].id === entry.id) return false;
    this.entries.splice(at, 0, entry);
    if (this.entries.length > KEPT) this.entries.shift();
    if (entry.nonce) this.pending = this.pending.filter((line) => line.nonce !== entry.nonce);
    return true;
  }
}

/**
 * Tells by events: `state`, `room` (its header or people), `entries` (room, entries, whole),
 * `pending`, `typing`, `rooms` (the lists of rooms), `refused`, `failed`, `resumed`.
 */
export class Chat extends EventTarget {
  /** "out", "entering", "in", "lost" (trying again), or "displaced". */
  state = "out";
  nick = "";
  limits = {};
  /** Rooms this person is in, by name. */
  rooms = new Map();
  /** Every room of the house, by name: {name, topic, people}. */
  directory = new Map();
  current = null;

  #socket;
  #token = null;
  #wanted = [];
  #count = 0;
  #retry = null;

  constructor(manager) {
    super();
    this.#socket = manager.socket("/chat", { auth: (give) => give(this.#credentials()) });
    const on = (event, handler) => this.#socket.on(event, handler);
    on("welcome", (welcome) => this.#welcome(welcome));
    on("entry", (entry) => this.#heard(entry));
    on("typing", (room, nick, active) => this.#types(room, nick, active));
    on("listing", (room) => this.#tell("rooms", this.directory.set(room.name, room)));
    on("gone", (names) => this.#tell("rooms", names.forEach((name) => this.directory.delete(name))));
    on("displaced", () => this.#become("displaced"));
    on("connect_error", (error) => this.#notConnected(error));
    on("disconnect", (reason) => this.#disconnected(reason));
  }

  get room() {
    return this.rooms.get(this.current);
  }

  /** Connect under a nick; `memory` is what `remember()` returned on an earlier page. */
  enter(nick, memory = {}) {
    this.nick = nick;
    this.#token = memory.token ?? this.#token;
    this.#wanted = memory.rooms ?? [];
    this.current = memory.current ?? null;
    this.#become("entering");
    this.#socket.disconnect().connect();
  }

  /** Go on after another page took over, or at once instead of after the next pause. */
  again() {
    this.#become(this.rooms.size ? "lost" : "entering");
    this.#socket.connect();
  }

  leaveChat() {
    clearTimeout(this.#retry);
    this.#socket.disconnect();
    this.rooms.clear();
    this.#token = null;
    this.#become("out");
  }

  /** Say goodbye for a page that closes; it may yet come back. */
  pause() {
    if (this.state === "in") this.#socket.disconnect();
  }

  remember() {
    return { nick: this.nick, token: this.#token, rooms: [...this.rooms.keys()], current: this.current };
  }

  show(name) {
    this.current = name;
    if (this.room) this.room.unread = 0;
    this.#tell("rooms");
    this.#tell("entries", { room: this.room, whole: true });
    this.#tell("room", this.room);
  }

  async open(name) {
    const known = this.rooms.get(name);
    if (known) return this.show(known.name);
    const answer = await this.#ask("join", name);
    if (!answer.ok) return;
    this.#apply(answer.room);
    this.show(answer.room.name);
  }

  async leave(name) {
    const answer = await this.#ask("leave", name);
    if (!answer.ok) return;
    this.rooms.delete(name);
    if (this.current === name) this.show(this.rooms.keys().next().value ?? null);
    if (!this.current) await this.open("lobby");
    this.#tell("rooms");
  }

  async setTopic(text) {
    const answer = await this.#ask("topic", this.current, text);
    if (answer.ok) this.#heard(answer.entry);
    return answer.ok;
  }

  /** Returns the answer, for the form to show. */
  async rename(nick) {
    const answer = await this.#ask("nick", nick, { quiet: true });
    if (!answer.ok) return answer;
    this.nick = answer.nick;
    answer.entries.forEach((entry) => this.#heard(entry));
    this.#tell("state");
    return answer;
  }

  /** Tell the others that this person writes, or no longer does. Nobody waits for the answer. */
  types(active) {
    if (this.state === "in" && this.room) this.#socket.emit("typing", this.current, active);
  }

  say(text) {
    this.#count += 1;
    const nonce = `${Date.now().toString(36)}-${this.#count}-${Math.random().toString(36).slice(2, 10)}`;
    const line = { nonce, text, at: Date.now() / 1000, state: "waiting" };
    this.room.pending.push(line);
    return this.deliver(this.room, line);
  }

  async deliver(room, line) {
    line.state = this.state === "in" ? "sending" : "waiting";
    this.#tell("pending", room);
    if (line.state === "waiting") return;
    const answer = await this.#ask("say", room.name, line.text, line.nonce, { quiet: true });
    if (answer.ok) {
      this.#heard(answer.entry);
    } else if (answer.error === "offline") {
      line.state = "waiting"; // Back on line, the backlog tells whether it got through.
    } else {
      line.state = "failed";
      line.error = answer.message;
      this.#tell("failed", answer.message);
    }
    this.#tell("pending", room);
  }

  discard(room, line) {
    room.pending = room.pending.filter((other) => other !== line);
    this.#tell("pending", room);
  }

  /** Emit and wait for the acknowledgement; says what went wrong unless `quiet`. */
  async #ask(event, ...args) {
    const quiet = args.at(-1)?.quiet ? args.pop() : null;
    let answer = offline;
    if (this.state === "in") {
      try {
        answer = await this.#socket.timeout(ANSWER_WITHIN).emitWithAck(event, ...args);
      } catch {
        const lost = !this.#socket.connected;
        answer = lost ? offline : { ok: false, error: "timeout", message: "The server did not answer in time." };
      }
    }
    if (!answer.ok && !quiet) this.#tell("failed", answer.message);
    return answer;
  }

  #credentials() {
    const rooms = Object.fromEntries(this.#wanted.map((name) => [name, 0]));
    for (const room of this.rooms.values()) rooms[room.name] = room.last;
    return { nick: this.nick, token: this.#token, rooms };
  }

  #welcome(welcome) {
    const back = this.state === "lost";
    this.nick = welcome.nick;
    this.#token = welcome.token;
    this.limits = welcome.limits;
    this.#wanted = [];
    this.directory = new Map(welcome.directory.map((room) => [room.name, room]));
    const names = new Set(welcome.rooms.map((room) => room.name));
    for (const name of this.rooms.keys()) if (!names.has(name)) this.rooms.delete(name);
    const missed = welcome.rooms.map((room) => this.#apply(room)).reduce((sum, count) => sum + count, 0);
    this.#become("in");
    this.show(this.rooms.has(this.current) ? this.current : welcome.rooms[0].name);
    if (back) this.#tell("resumed", missed);
    for (const room of this.rooms.values()) {
      for (const line of [...room.pending]) if (line.state !== "failed") this.deliver(room, line);
    }
  }

  /** Take over a room's picture; returns how many statements of others in it are new. */
  #apply(picture) {
    const room = this.rooms.get(picture.name) ?? new Room(picture.name);
    this.rooms.set(room.name, room);
    room.topic = picture.topic;
    room.topicBy = picture.topic_by;
    room.people = new Set(picture.people);
    for (const nick of [...room.typing.keys()]) this.#types(room.name, nick, false);
    for (const nick of picture.typing) this.#types(room.name, nick, true);
    const fresh = picture.backlog.filter((entry) => room.add(entry));
    if (picture.gap && fresh.length) room.add({ ...fresh[0], id: fresh[0].id - 0.5, kind: "gap", nick: "", nonce: "" });
    return fresh.filter((entry) => entry.kind === "say" && entry.nick !== this.nick).length;
  }

  #heard(entry) {
    const room = this.rooms.get(entry.room);
    // An entry that overtakes the answer to "join" is in that answer's backlog, too.
    if (!room?.add(entry)) return;
    const own = entry.nick === this.nick;
    if (entry.kind === "say" || entry.kind === "leave") this.#types(room.name, entry.nick, false);
    if (entry.kind === "join") room.people.add(entry.nick);
    if (entry.kind === "leave") room.people.delete(entry.nick);
    if (entry.kind === "rename") {
      room.people.delete(entry.nick);
      room.people.add(entry.text);
      this.#types(room.name, entry.nick, false);
    }
    if (entry.kind === "topic") [room.topic, room.topicBy] = [entry.text, entry.nick];
    if (entry.kind === "say" && !own && (room.name !== this.current || document.hidden)) room.unread += 1;
    this.#tell("entries", { room, entries: [entry], whole: room.entries.at(-1) !== entry });
    this.#tell("room", room);
    this.#tell("rooms");
  }

  #types(name, nick, active) {
    const room = this.rooms.get(name);
    if (!room || nick === this.nick) return;
    clearTimeout(room.typing.get(nick));
    if (active) room.typing.set(nick, setTimeout(() => this.#types(name, nick, false), TYPING_FOR));
    else if (!room.typing.delete(nick)) return;
    this.#tell("typing", room);
  }

  #notConnected(error) {
    if (error.data?.error) {
      // The server said no, so trying again is for the person to do.
      this.#become("out");
      this.#tell("refused", error.message);
    } else if (!this.#socket.active) {
      this.#later();
    }
  }

  #disconnected(reason) {
    if (this.state === "displaced" || reason === "io client disconnect") return;
    this.#become("lost");
    if (!this.#socket.active) this.#later();
  }

  #later() {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#socket.connect(), RETRY_AFTER);
  }

  #become(state) {
    this.state = state;
    this.#tell("state");
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
