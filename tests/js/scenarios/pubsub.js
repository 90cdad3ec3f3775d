// Channels of Redis, as a browser hears them. What is published there is the test's business.

"use strict";

const assert = require("node:assert").strict;

const plain = (arg) => (Buffer.isBuffer(arg) ? { hex: arg.toString("hex") } : arg);

/** A client, and what an event brings it. */
async function listener(t, namespace, event, extra = {}) {
  const socket = t.connect(namespace, extra);
  const heard = [];
  socket.on(event, (...args) => heard.push(args.map(plain)));
  await t.next(socket, "connect");
  return { socket, heard };
}

/** So many news, from when the test has been told. */
exports.news = async (t) => {
  const { heard } = await listener(t, "/live", "news");
  t.say("ready");
  await t.until(() => heard.length >= t.options.count, "the news");
  return heard;
};

/** A price: looked at, away from, and at again. */
exports.prices = async (t) => {
  const { socket, heard } = await listener(t, "/live", "price", { query: { user: "ann" } });
  assert.equal(await socket.emitWithAck("look at", "ACME"), true);
  t.say("looking");
  await t.until(() => heard.length === 1, "a price");
  await socket.emitWithAck("look away", "ACME");
  t.say("away");
  await t.heard("go on");
  assert.equal(await socket.emitWithAck("look at", "ACME"), true);
  t.say("looking");
  await t.until(() => heard.length === 2, "another price");
  return heard;
};

exports.forbidden = async (t) => {
  const { socket } = await listener(t, "/live", "price");
  return socket.emitWithAck("look at", "ACME");
};

exports.orders = async (t) => {
  const { heard } = await listener(t, "/orders", "order", { query: { user: "ann" } });
  t.say("ready");
  await t.until(() => heard.length >= 2, "orders");
  return heard;
};
