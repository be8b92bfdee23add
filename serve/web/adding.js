// Adds pictures, or a folder of them: a few at a time, duplicates left out, each refusal named.

import { ask, describe, path, patiently } from "./api.js";
import * as collections from "./collections.js";
import { $, counted, make } from "./dom.js";
import { onDrop } from "./drop.js";
import { dataUri, HASH, isPicture, nameOf, sha256, thumbnail } from "./pictures.js";

const BATCH = 16, BATCH_BYTES = 8_000_000, NAMED = 20, ID_BYTES = 240;

let stopped = false, running = false;
let done = () => undefined;

/** The end of a long path, which holds the file's name. */
function shortened(text) {
  const letters = [...text];
  while (new TextEncoder().encode(letters.join("")).length > ID_BYTES) letters.shift();
  return letters.join("");
}

/** A file as a record: named by its path in the folder, or by its name and its hash, since folders have equal names in them. */
async function record(file, label) {
  const [hash, small, image] = await Promise.all([sha256(file), thumbnail(file), dataUri(file)]);
  const name = file.name || `pasted ${new Date().toISOString()}`, unlike = hash?.slice(0, HASH) ?? `${file.size}-${file.lastModified}`;
  const id = shortened(file.webkitRelativePath || `${name} ${unlike}`);
  const folder = id.includes("/") ? id.split("/").at(-2) : undefined;
  const payload = { file: name, folder, label: label || undefined, sha256: hash ?? undefined, thumbnail: small ?? undefined };
  return { id, image, payload };
}

async function* batches(files, label, { request_pictures_max: most }) {
  let batch = [], bytes = 0;
  for (const file of files) {
    if (batch.length === Math.min(BATCH, most) || (batch.length && bytes + file.size > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    bytes += file.size;
    batch.push(await record(file, label));
  }
  if (batch.length) yield batch;
}

/** Those of a batch whose very bytes the collection has, by hash; one search finds them. */
async function present(name, batch) {
  const hashes = batch.map(one => one.payload.sha256).filter(Boolean);
  if (!hashes.length) return new Map();
  const filter = { in: { field: "sha256", values: hashes } };
  for (const { image } of batch) {
    try {
      const { neighbours } = await ask("POST", path`/v1/collections/${name}/search`, { image, filter, limit: hashes.length, exact: true });
      return new Map(neighbours.map(one => [one.payload.sha256, one.id]));
    } catch (error) {
      // A picture that cannot be read is refused when it is sent; the next one can ask as well.
      if (![400, 413, 415, 422].includes(error.status)) throw error;
    }
  }
  return new Map();
}

async function send(name, batch, tally) {
  try {
    const answer = await patiently(() => ask("POST", path`/v1/collections/${name}/records`, { records: batch }));
    tally.added += answer.inserted;
    tally.replaced += answer.replaced;
  } catch (error) {
    if (error.status === 0 || error.status >= 500 || error.status === 401 || error.status === 403) throw error;
    if (batch.length === 1) tally.refused.push(`${nameOf(batch[0])}: ${error.message}`);
    else for (const one of batch) await send(name, [one], tally);
  }
}

async function addBatch(name, batch, tally) {
  const known = await patiently(() => present(name, batch));
  const seen = new Map(known), fresh = [];
  for (const one of batch) {
    const { sha256: hash } = one.payload;
    if (hash && seen.has(hash)) tally.duplicates.push(`${nameOf(one)}: is there already as ${seen.get(hash)}`);
    else {
      if (hash) seen.set(hash, one.id);
      fresh.push(one);
    }
  }
  if (fresh.length) await send(name, fresh, tally);
}

function tell(tally, seen, all, ended) {
  const parts = [`${tally.added} added`];
  if (tally.duplicates.length) parts.push(counted(tally.duplicates.length, "duplicate"));
  if (tally.replaced) parts.push(`${tally.replaced} replaced`);
  if (tally.refused.length) parts.push(`${tally.refused.length} refused`);
  $("bar").value = all ? seen / all : 1;
  $("added").textContent = `${ended ? "" : `${seen} of ${all}: `}${parts.join(", ")}${ended ? "." : "…"}`;
  const left = [...tally.refused, ...tally.duplicates];
  const lines = left.slice(0, NAMED).map(text => make("li", { textContent: text }));
  if (left.length > NAMED) lines.push(make("li", { textContent: `and ${left.length - NAMED} more` }));
  $("left-out").replaceChildren(...lines);
}

async function add(list) {
  const one = collections.chosen(), files = [...list].filter(isPicture);
  if (running) return;
  if (!one || !files.length) {
    $("added").textContent = one ? "There is no picture among these files." : "Make a collection first.";
    return;
  }
  running = true;
  stopped = false;
  $("progress").hidden = false;
  const tally = { added: 0, replaced: 0, duplicates: [], refused: [] };
  let seen = 0;
  try {
    const { limits } = await describe();
    tell(tally, 0, files.length, false);
    for await (const batch of batches(files, $("label").value.trim(), limits)) {
      if (stopped) break;
      await addBatch(one.name, batch, tally);
      seen += batch.length;
      tell(tally, seen, files.length, false);
    }
    tell(tally, seen, files.length, true);
  } catch (error) {
    tell(tally, seen, files.length, true);
    $("added").textContent += ` Then it ended: ${error.message}`;
  }
  $("progress").hidden = true;
  running = false;
  await done();
}

/** Every file below what was dropped, folders included. */
async function filesOf(transfer) {
  const entries = [...transfer.items].map(item => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some(entry => entry.isDirectory)) return transfer.files;
  const found = [];
  const walk = async entry => {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      Object.defineProperty(file, "webkitRelativePath", { value: entry.fullPath.slice(1) });
      found.push(file);
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      // A reader hands out a hundred at a time.
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) break;
      for (const inner of some) await walk(inner);
    }
  };
  for (const entry of entries) await walk(entry);
  return found;
}

/** `after` runs when records were added. */
export function begin(after) {
  done = after;
  for (const id of ["add-files", "add-folder"]) {
    $(id).addEventListener("change", event => {
      const files = [...event.target.files];
      event.target.value = "";
      add(files);
    });
  }
  $("stop-adding").addEventListener("click", () => { stopped = true; });
  onDrop($("adding"), async transfer => { $("adding").open = true; add(await filesOf(transfer)); });
}
