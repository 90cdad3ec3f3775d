// Runs the scenarios of ./scenarios by name, so that one Node.js serves all tests.
//
// A line of JSON each way: in {"job", "scenario", "url", "options"} or {"job", "tell"},
// out {"job", "said"}, and at the end {"job", "result"} or {"job", "error"}.

"use strict";

const { createInterface } = require("node:readline");
const { Trial } = require("./trial");

const trials = new Map();

function report(job, news) {
  process.stdout.write(JSON.stringify({ job, ...news }) + "\n");
}

async function run({ job, scenario, url, options }) {
  const trial = new Trial(url, options, (said) => report(job, { said }));
  trials.set(job, trial);
  try {
    const [file, name] = scenario.split(".");
    const result = await Promise.race([require(`./scenarios/${file}`)[name](trial), trial.failed]);
    report(job, { result: result === undefined ? null : result });
  } catch (error) {
    report(job, { error: String(error && error.stack ? error.stack : error) });
  } finally {
    trial.end();
    trials.delete(job);
  }
}

// An assertion in a listener throws to nobody; it belongs to whatever runs.
process.on("uncaughtException", (error) => {
  for (const trial of trials.values()) {
    trial.fail(error);
  }
});

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const message = JSON.parse(line);
  if ("tell" in message) {
    trials.get(message.job)?.tell(message.tell);
  } else {
    run(message);
  }
});
lines.on("close", () => process.exit(0));
