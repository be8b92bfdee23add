// Follows server-sent events through fetch, since EventSource sends no key; after a break it goes on behind what it heard last.

import { send } from "./api.js";

const AGAIN_MS = 2000;

/** The fields of one event's lines. */
function read(block) {
  const fields = {};
  for (const line of block.split("\n")) {
    const at = line.indexOf(": ");
    if (at > 0) fields[line.slice(0, at)] = line.slice(at + 2);
  }
  return fields;
}

async function* blocks(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const parts = text.split("\n\n");
    text = parts.pop();
    yield* parts;
  }
}

/** Calls `heard(kind, data)` for every event until the server has no more; the function returned ends it before. */
export function follow(path, heard) {
  const stop = new AbortController();
  let last = 0;
  (async () => {
    while (!stop.signal.aborted) {
      try {
        const answer = await send("GET", path, { headers: { "last-event-id": String(last) }, signal: stop.signal });
        if (answer.status === 204) return;
        for await (const block of blocks(answer)) {
          const { id, event, data } = read(block);
          if (!data) continue;
          last = Number(id);
          heard(event, JSON.parse(data));
        }
      } catch (error) {
        if ([401, 403, 404].includes(error.status)) return;
        await new Promise(resolve => setTimeout(resolve, AGAIN_MS));
      }
    }
  })();
  return () => stop.abort();
}
