// What the official client of Socket.IO 0.9 does, in Node.js and in a browser alike.
//
// Each scenario gets `t`: connect(path, query) opens a connection of its own.

"use strict";

(function (exports) {
  function equal(actual, expected, what) {
    const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
    if (a !== b) {
      throw new Error(`${what || "differs"}: ${a} instead of ${b}`);
    }
  }

  class Trial {
    constructor(io, url, transport, key) {
      Object.assign(this, { io, url, transport, key, sockets: [] });
      io.transports = [transport];
    }

    connect(path = "", query = "") {
      const options = { "force new connection": true, "connect timeout": 30000 };
      const socket = this.io.connect(`${this.url}${path}?key=${this.key}${query}`, options);
      this.sockets.push(socket);
      return socket;
    }

    async connected(path, query) {
      const socket = this.connect(path, query);
      await this.next(socket, "connect");
      return socket;
    }

    next(socket, event) {
      return new Promise((resolve) => socket.once(event, (...args) => resolve(args)));
    }

    ask(socket, event, ...args) {
      return new Promise((resolve) => socket.emit(event, ...args, (...answer) => resolve(answer)));
    }

    record(socket, event) {
      const seen = [];
      socket.on(event, (...args) => seen.push(args));
      return seen;
    }

    pause(milliseconds) {
      return new Promise((resolve) => setTimeout(resolve, milliseconds));
    }

    end() {
      for (const socket of this.sockets) {
        socket.socket.options.reconnect = false;
        socket.socket.disconnect();
      }
    }
  }

  const ODD = [{ a: [1, null, "é\u2028☃😀"] }, "a:b\n+\ufffd", "</script>\"'\\", "", 0.5, true];

  const scenarios = {
    async values_come_back(t) {
      const socket = await t.connected();
      equal(await t.ask(socket, "echo", ...ODD), ODD, "acknowledged");
      const reflected = t.next(socket, "back");
      socket.emit("reflect", "back", ...ODD);
      equal(await reflected, ODD, "emitted");
      equal(await t.ask(socket, "echo"), [], "nothing");
    },

    async facts(t) {
      const socket = await t.connected("/", "&color=blue");
      const [about] = await t.ask(socket, "about");
      equal([about.transport, about.protocol], [t.transport, 1]);
      equal(about.query.color, "blue");
    },

    async messages(t) {
      const socket = await t.connected();
      const seen = t.record(socket, "message");
      const acked = new Promise((resolve) => socket.send("hello 😀", (...a) => resolve(a)));
      equal(await acked, [], "a message is acknowledged at once");
      socket.json.send({ b: ["😀"] });
      socket.send("");
      await t.ask(socket, "echo");
      equal(seen, [["hello 😀"], [{ b: ["😀"] }], [""]]);
    },

    async server_asks(t) {
      const socket = await t.connected();
      socket.on("question", (a, b, answer) => answer(b, a, "+"));
      const answered = t.next(socket, "answered");
      socket.emit("ask", "one 😀", { two: 2 });
      equal(await answered, [{ two: 2 }, "one 😀", "+"]);
    },

    async many_in_order(t) {
      const socket = await t.connected();
      const numbers = t.record(socket, "number");
      socket.emit("burst", 300);
      const answers = [];
      for (let number = 0; number < 100; number += 1) {
        answers.push(t.ask(socket, "echo", number, "😀".repeat(number % 3)));
      }
      const all = await Promise.all(answers);
      equal(all.map(([number]) => number), [...Array(100).keys()]);
      equal(numbers.map(([number]) => number), [...Array(300).keys()]);
      equal(numbers[2], [2, "😀😀"]);
    },

    async large(t) {
      const socket = await t.connected();
      const text = "é😀x".repeat(20000);
      equal((await t.ask(socket, "echo", text))[0].length, text.length);
    },

    async failing_handler(t) {
      const socket = await t.connected();
      socket.emit("fail");
      socket.emit("nobody handles this");
      equal(await t.ask(socket, "echo", "still there"), ["still there"]);
    },

    async namespaces(t) {
      const main = await t.connected();
      const chat = main.socket.of("/chat");
      const welcome = t.next(chat, "welcome");
      chat.packet({ type: "connect" });
      await t.next(chat, "connect");
      equal(await welcome, [null]);
      equal(await t.ask(chat, "echo", "in chat"), ["in chat"]);
      equal(await t.ask(main, "echo", "in main"), ["in main"]);
      chat.disconnect();
      equal(await t.ask(main, "echo", "main stays"), ["main stays"]);
    },

    async refused_namespaces(t) {
      const main = await t.connected();
      for (const name of ["/guarded", "/nowhere"]) {
        const refused = main.socket.of(name);
        const failed = t.next(refused, "connect_failed");
        refused.packet({ type: "connect" });
        equal(await failed, ["unauthorized"], name);
      }
      equal(await t.ask(main, "echo", "stays"), ["stays"]);
    },

    async left_by_server(t) {
      const main = await t.connected();
      const chat = main.socket.of("/chat");
      chat.packet({ type: "connect" });
      await t.next(chat, "connect");
      const left = t.next(chat, "disconnect");
      chat.emit("leave");
      await left;
      equal(await t.ask(main, "echo", "stays"), ["stays"]);
    },

    async booted(t) {
      for (const event of ["boot", "leave"]) {
        const socket = await t.connected();
        const again = t.record(socket, "reconnecting");
        const gone = t.next(socket, "disconnect");
        socket.emit(event);
        equal(await gone, ["booted"]);
        await t.pause(700);
        equal(again, [], "stays away");
      }
    },

    async rooms(t) {
      const [a, b] = await Promise.all([t.connected(), t.connected()]);
      await Promise.all([a, b].map((socket) => t.ask(socket, "join", "lobby")));
      for (const words of [["hello 😀"], [{ deep: ["\u2028"] }, 2]]) {
        const heard = [a, b].map((socket) => t.next(socket, "told"));
        a.emit("tell", "lobby", ...words);
        equal(await Promise.all(heard), [words, words]);
      }
      const seen = t.next(b, "picture");
      a.emit("picture", "lobby");
      equal(await seen, ["AAH/", "of a cat"], "binary is base64");
    },

    // The server is one whose time-outs are a second.
    async idle(t) {
      const socket = await t.connected();
      const lost = t.record(socket, "disconnect");
      await t.pause(3500);
      equal(lost, [], "stays connected");
      equal(await t.ask(socket, "echo", "awake"), ["awake"]);
    },
  };

  exports.run = async (io, name, url, transport, key) => {
    const t = new Trial(io, url, transport, key);
    try {
      await scenarios[name](t);
    } finally {
      t.end();
    }
    return "ok";
  };
})(typeof module === "object" ? module.exports : (window.legacy = {}));
