// Holds an AsyncAPI document against the specification's own schema, and sample payloads
// against the schemas in the document. Prints what is wrong as JSON.

"use strict";

const { readFileSync } = require("node:fs");
const Ajv = require("ajv");
const addFormats = require("ajv-formats");
const specification = require("@asyncapi/specs/schemas/3.0.0.json");

const { document, samples } = JSON.parse(readFileSync(process.argv[2], "utf-8"));
// The specification brings the schema of schemas itself, under the name ajv knows it by.
const judge = addFormats(new Ajv({ strict: false, meta: false, validateSchema: false }));
const ajv = addFormats(new Ajv({ strict: false, formats: { binary: true } }));

const isValid = judge.compile(specification);
isValid(document);
const complaints = (isValid.errors || []).map((error) => `${error.instancePath} ${error.message}`);

const wrong = [];
let tried = 0;
for (const [place, [good, bad]] of Object.entries(samples)) {
  const [channel, name] = place.split(" ");
  let message = document.channels[channel].messages[name];
  if ("$ref" in message) {
    message = document.components.messages[message.$ref.split("/").pop()];
  }
  const fits = ajv.compile({ ...message.payload, components: document.components });
  for (const [payloads, expected] of [
    [good, true],
    [bad, false],
  ]) {
    for (const payload of payloads) {
      tried += 1;
      if (fits(payload) !== expected) {
        wrong.push([place, payload, expected]);
      }
    }
  }
}

process.stdout.write(JSON.stringify({ document: complaints, wrong, tried }));
