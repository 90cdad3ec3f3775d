// Members of a club, and those who are not, or no longer.

"use strict";

const assert = require("node:assert").strict;

function as(name) {
  return { extraHeaders: { Cookie: `who=${name}` } };
}

async function ban(t, fields) {
  const url = t.options.elsewhere ?? t.url;
  const response = await fetch(`${url}/ban?${new URLSearchParams(fields)}`);
  assert.equal(await response.text(), "banned");
}

async function banned(t, tell) {
  const [ada, bob] = [`ada-${t.key}`, `bob-${t.key}`];
  const stays = await t.connected("/club", as(ada));
  const goes = await t.connected("/club", as(bob));
  assert.equal(await goes.emitWithAck("who"), bob);
  const gone = t.next(goes, "disconnect");
  await tell({ name: bob });
  const [reason] = await gone;
  assert.equal(reason, "io server disconnect");
  assert.equal(await stays.emitWithAck("who"), ada, "the other has noticed nothing");

  goes.connect();
  const [error] = await t.next(goes, "connect_error");
  assert.equal(error.message, "Forbidden");
}

exports.revoked = (t) => banned(t, (fields) => ban(t, fields));

// Nobody says that rights are to be looked at: the clock does.
exports.by_clock = (t) => banned(t, (fields) => ban(t, { ...fields, quietly: 1 }));

exports.stranger = async (t) => {
  const stranger = t.connect("/club");
  const [error] = await t.next(stranger, "connect_error");
  assert.equal(error.message, "Forbidden");
  const street = await t.connected("/");
  assert.ok(street.connected, "the same stranger may be elsewhere");
};

exports.room = async (t) => {
  const [name, other] = [`room-${t.key}`, `other-${t.key}`];
  const ada = await t.connected("/club", as(`ada-${t.key}`));
  await ada.emitWithAck("join", other);
  assert.deepEqual(await ada.emitWithAck("join", name), [other, name].sort());
  await ban(t, { name: `room:${name}`, room: name });
  let rooms = [];
  for (let tries = 0; tries < 1000 && rooms.length !== 1; tries++) {
    await t.pause(3);
    rooms = await ada.emitWithAck("rooms");
  }
  assert.deepEqual(rooms, [other]);
  assert.deepEqual(await ada.emitWithAck("join", name), { error: "Forbidden" });
};
