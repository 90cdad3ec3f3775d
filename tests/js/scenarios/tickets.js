// A page that fetches a ticket for each connection, as the documentation shows.

"use strict";

const assert = require("node:assert").strict;

exports.fetched_each_time = async (t) => {
  const url = `${t.url}/socket.io/ticket`;
  const response = await fetch(url, { method: "POST" });
  const cookie = response.headers.get("set-cookie").split(";")[0];
  let fetched = 0;
  const auth = async (done) => {
    const answer = await fetch(url, { method: "POST", headers: { Cookie: cookie } });
    fetched += 1;
    done(await answer.json());
  };
  const socket = t.connect("/", { auth, extraHeaders: { Cookie: cookie } });
  const refused = t.record(socket, "connect_error");
  const came = t.next(socket, "connect");
  await t.until(() => fetched > 1, "a second try");
  assert.ok(!socket.connected);
  t.say("turned away");
  await came;
  assert.deepEqual(refused, [], "a client that is refused would not have come back");
};
