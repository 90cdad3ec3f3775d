// A client that writes in transactions, and one that hears of rows.

"use strict";

const assert = require("node:assert").strict;

const ENDS = ["keep", "fail", "doom", "conflict", "savepoint", "retry"];
const KEPT = new Set(["keep", "savepoint", "retry"]);

exports.nobody_hears_of_what_was_rolled_back = async (t) => {
  const listener = await t.connected("/");
  const writer = await t.connected("/");
  const heard = [];
  listener.on("row", (text) => heard.push(text));

  const kept = [];
  const said = {};
  for (let round = 0; round < t.options.rounds; round++) {
    for (const end of ENDS) {
      for (const way of ["event", "view"]) {
        const text = `${t.key} ${round} ${way} ${end}`;
        if (KEPT.has(end)) kept.push(text);
        said[`${way} ${end}`] =
          way === "event" ? await writer.emitWithAck("write", text, end) : await post(t, text, end);
      }
    }
  }

  const rows = (await writer.emitWithAck("rows")).filter((text) => text.startsWith(t.key));
  // What came before the answer to this has been heard.
  await listener.emitWithAck("rows");
  assert.deepEqual(rows, [...kept].sort(), "the database has what was committed");
  assert.deepEqual(heard, kept, "each was heard of once, in order, and nothing else");
  return { heard: heard.length, said };
};

async function post(t, text, end) {
  const response = await fetch(`${t.url}/write?${new URLSearchParams({ text, end })}`);
  return response.text();
}
