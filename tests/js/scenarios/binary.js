// Binary data: alone, nested, many pieces, in acknowledgements.

"use strict";

const assert = require("node:assert").strict;

const bytes = Buffer.from([0, 1, 2, 0x1e, 0x62, 0x7f, 0x80, 0xff]);

exports.each_kind = async (t) => {
  const socket = await t.connected();
  const kinds = [
    bytes,
    new Uint8Array(bytes),
    new Uint8Array(bytes).buffer,
    new Uint16Array([1, 2, 3]),
    Buffer.alloc(0),
  ];
  for (const value of kinds) {
    assert.equal(await socket.emitWithAck("outline", value), "bytes");
    const raw = ArrayBuffer.isView(value) ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : Buffer.from(value);
    assert.deepEqual(await socket.emitWithAck("one", value), raw);
  }
};

exports.nested = async (t) => {
  const socket = await t.connected();
  const value = { a: [bytes, { b: Buffer.from("second") }], c: "text", d: { e: Buffer.alloc(3) } };
  assert.deepEqual(await socket.emitWithAck("one", value), value);
  assert.deepEqual(await socket.emitWithAck("outline", value), {
    a: ["bytes", { b: "bytes" }],
    c: "str",
    d: { e: "bytes" },
  });
};

exports.several_attachments = async (t) => {
  const socket = await t.connected();
  const pieces = Array.from({ length: 10 }, (_, index) => Buffer.alloc(index * 100, index));
  const back = t.next(socket, "back");
  socket.emit("reflect", "back", ...pieces);
  assert.deepEqual(await back, pieces);
};

exports.mixed_with_text = async (t) => {
  const socket = await t.connected();
  const sent = [];
  const answers = [];
  for (let index = 0; index < 60; index++) {
    const value = index % 3 ? `text ${index}` : { index, data: Buffer.alloc(50, index) };
    sent.push(value);
    answers.push(socket.emitWithAck("one", value));
  }
  assert.deepEqual(await Promise.all(answers), sent);
};

exports.acknowledged_by_client = async (t) => {
  const socket = await t.connected();
  socket.on("mirror", (value, respond) => respond({ mirrored: value }));
  const { answer } = await socket.emitWithAck("ask", "mirror", [bytes], 10);
  assert.deepEqual(answer, { mirrored: bytes });
};

exports.two_namespaces_at_once = async (t) => {
  const socket = await t.connected();
  const other = socket.io.socket("/other", { auth: { key: t.key } });
  await t.next(other, "connect");
  const answers = [];
  for (let index = 0; index < 20; index++) {
    answers.push(socket.emitWithAck("one", Buffer.from([index])));
    answers.push(other.emitWithAck("echo", Buffer.from([100 + index])));
  }
  const expected = [];
  for (let index = 0; index < 20; index++) {
    expected.push(Buffer.from([index]), Buffer.from([100 + index]));
  }
  assert.deepEqual(await Promise.all(answers), expected);
};
