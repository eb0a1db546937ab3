// Plays jobs (a JSON list as argument) in Node: node.mjs FOLDER_WITH_NODE_MODULES JOBS
//
// A job's `socket` says whose WebSocket it takes: "ws", the package, with the options `ws` of the job; or "native", Node's
// own, by which the client connects as it does in a browser. Each outcome is a line of JSON; so is what a scenario tells.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { webcrypto } from "node:crypto";
import { client_options, play } from "./scenarios.mjs";

globalThis.crypto ??= webcrypto; // Node 18 has it, but not under this name

const [folder, jobs] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const nats = require("@nats-io/nats-core");

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function world_of(job) {
  const { ca_file: file, ...more } = job.ws ?? {};
  const settings = file ? { ca: readFileSync(file), ...more } : more;
  const open = () => (job.socket === "native" ? new WebSocket(job.url) : new (require("ws"))(job.url, settings));
  const factory = () => ({ socket: open(), encrypted: job.url.startsWith("wss:") });
  const options = client_options(nats, job);
  if (job.socket !== "native") options.wsFactory = factory;
  return { nats, job, open, connect: (more) => nats.wsconnect({ ...options, ...more }), tell: async (told) => say({ told }) };
}

if (jobs === "nkey") {
  const pair = nats.nkeys.createUser();
  say({ seed: new TextDecoder().decode(pair.getSeed()), key: pair.getPublicKey() });
} else {
  for await (const outcome of play(JSON.parse(jobs), world_of)) say(outcome);
}
process.exit(0);
