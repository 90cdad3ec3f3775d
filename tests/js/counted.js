// The client's side of tests/functional/counted.py: JSON, followed by its length.

"use strict";

const Emitter = require("@socket.io/component-emitter").Emitter;

exports.protocol = 5;

exports.Encoder = class {
  encode({ type, nsp, data = null, id = null }) {
    const text = JSON.stringify([type, nsp, data, id]);
    return [text, Buffer.from(String(text.length))];
  }
};

exports.Decoder = class extends Emitter {
  add(chunk) {
    if (typeof chunk === "string") {
      this.text = chunk;
      return;
    }
    if (Number(chunk.toString()) !== this.text.length) {
      throw new Error("a number that does not fit");
    }
    const [type, nsp, data, id] = JSON.parse(this.text);
    this.emit("decoded", { type, nsp, data, id: id === null ? undefined : id });
  }
  destroy() {}
};
