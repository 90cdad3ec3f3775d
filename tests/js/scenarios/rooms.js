// Rooms, and who hears what.

"use strict";

const assert = require("node:assert").strict;

/** Three clients: a is in red, b in red and blue, c in blue. Names are this scenario's own. */
async function three(t) {
  const red = `red ${t.key}`;
  const blue = `blue ${t.key}`;
  const [a, b, c] = await Promise.all([t.connected(), t.connected(), t.connected()]);
  await a.emitWithAck("enter", red);
  await b.emitWithAck("enter", red, blue);
  await c.emitWithAck("enter", blue);
  const heard = [];
  for (const [name, socket] of Object.entries({ a, b, c })) {
    socket.on("news", (text) => heard.push(`${name}:${text}`));
  }
  // What was sent before an answer comes before it: after a round everybody has heard all.
  const all = async () => {
    await Promise.all([a, b, c].map((socket) => socket.emitWithAck("nothing")));
    return heard.splice(0).sort();
  };
  return { a, b, c, red, blue, all };
}

exports.who_hears_what = async (t) => {
  const { a, b, c, red, blue, all } = await three(t);
  const cases = [
    [{ to: [red] }, ["b"]],
    [{ to: [blue] }, ["b", "c"]],
    [{ to: [red, blue] }, ["b", "c"]],
    [{ to: [red], in_: [blue] }, ["b", "c"]],
    [{ to: [blue], except_: [red] }, ["c"]],
    [{ to: [red, blue], except_: [blue] }, []],
    [{ to: ["nobody is in it"] }, []],
    [{ to: [b.id] }, ["b"]],
    [{ to: [b.id, c.id], except_: [c.id] }, ["b"]],
    [{}, ["a"]],
  ];
  for (const [words, names] of cases) {
    await tell(a, "tell", words);
    assert.deepEqual(await all(), names.map((name) => `${name}:x`), JSON.stringify(words));
  }
  const everybody = [
    [{ to: [red] }, ["a", "b"]],
    [{ to: [red, blue] }, ["a", "b", "c"]],
    [{ to: [red, blue], except_: [a.id] }, ["b", "c"]],
    [{ to: [red, blue], compress: false, local: true }, ["a", "b", "c"]],
  ];
  for (const [words, names] of everybody) {
    await tell(a, "tell all", words);
    assert.deepEqual(await all(), names.map((name) => `${name}:x`), JSON.stringify(words));
  }
};

async function tell(socket, how, words) {
  socket.emit(how, words, "news", "x");
  await socket.emitWithAck("nothing");
}

exports.broadcast_reaches_the_others = async (t) => {
  const { a, all } = await three(t);
  await tell(a, "tell", { broadcast: true });
  assert.deepEqual(await all(), ["b:x", "c:x"]);
};

exports.leaving = async (t) => {
  const { a, b, red, blue, all } = await three(t);
  assert.deepEqual(await b.emitWithAck("exit", red, "never entered"), [blue]);
  await tell(a, "tell all", { to: [red] });
  assert.deepEqual(await all(), ["a:x"]);
  assert.deepEqual(await b.emitWithAck("enter", red), [blue, red].sort());
  await tell(a, "tell all", { to: [red] });
  assert.deepEqual(await all(), ["a:x", "b:x"]);
};

exports.rooms_belong_to_a_namespace = async (t) => {
  const { a, red, all } = await three(t);
  const stranger = await t.connected("/welcome");
  await tell(a, "tell all", { to: ["porch"] });
  assert.deepEqual(await all(), []);
  await tell(a, "tell all", { to: [stranger.id] });
  assert.deepEqual(await all(), []);
};

exports.from_a_page = async (t) => {
  const { red, all } = await three(t);
  const answer = await fetch(`${t.url}/emit`, {
    method: "POST",
    body: JSON.stringify({
      namespace: "/",
      words: { to: [red] },
      event: "news",
      args: ["from a page"],
    }),
  });
  assert.ok((await answer.json()).connected >= 3);
  assert.deepEqual(await all(), ["a:from a page", "b:from a page"]);
};

exports.binary_to_a_room = async (t) => {
  const { a, b, red } = await three(t);
  const [heardByA, heardByB] = [t.next(a, "blob"), t.next(b, "blob")];
  a.emit("tell all", { to: [red] }, "blob", { data: Buffer.from([1, 2, 3]) });
  assert.deepEqual(await heardByA, [{ data: Buffer.from([1, 2, 3]) }]);
  assert.deepEqual(await heardByB, [{ data: Buffer.from([1, 2, 3]) }]);
};
