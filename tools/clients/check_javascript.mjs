// The official OpenAI client for JavaScript against a running server: check_javascript.mjs ADDRESS KEY PICTURE PICTURE.
// Its embeddings, asked for as base64 by default, must be those of /v1/embed.

import { readFileSync } from "node:fs";
import OpenAI, { AuthenticationError, BadRequestError, NotFoundError } from "openai";

const [address, key, ...files] = process.argv.slice(2);
const pictures = files.map(file => readFileSync(file));
const uri = bytes => `data:image/png;base64,${bytes.toString("base64")}`;

function near(found, expected, what) {
  if (found.length !== expected.length) throw new Error(`${what}: ${found.length} numbers, not ${expected.length}`);
  const worst = Math.max(...found.map((number, index) => Math.abs(number - expected[index])));
  if (!(worst < 1e-4)) throw new Error(`${what}: differs by ${worst}`);
  console.log(`  ${what}: ${found.length} numbers, worst difference ${worst.toExponential(1)}`);
}

async function refused(call, kind, what) {
  const error = await call().then(() => null, reason => reason);
  if (!(error instanceof kind)) throw new Error(`${what}: ${error}`);
  console.log(`  ${what}: ${kind.name}`);
}

const expected = [];
for (const picture of pictures) {
  const headers = { authorization: `Bearer ${key}` };
  const answer = await fetch(`${address}/v1/embed`, { method: "POST", headers, body: picture });
  expected.push((await answer.json()).embeddings[0]);
}

const client = new OpenAI({ baseURL: `${address}/v1`, apiKey: key, maxRetries: 0 });
const [model] = (await client.models.list()).data.map(one => one.id);
for (const encoding_format of [undefined, "float"]) {
  const answer = await client.embeddings.create({ model, input: pictures.map(uri), encoding_format });
  answer.data.forEach((one, index) => near(one.embedding, expected[index], `openai ${encoding_format ?? "default"} ${index}`));
}
await refused(() => client.embeddings.create({ model: "gpt", input: uri(pictures[0]) }), NotFoundError, "another model");
await refused(() => client.embeddings.create({ model, input: "a cat" }), BadRequestError, "text");
const stranger = new OpenAI({ baseURL: `${address}/v1`, apiKey: "nobody", maxRetries: 0 });
await refused(() => stranger.models.list(), AuthenticationError, "a wrong key");
