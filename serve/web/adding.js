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

/** A file as a record of a collection: named by its path in the folder, or by its name and its hash, since folders have equal names in them. */
async function record(file, label, { keep }) {
  const ours = keep.thumbnails ? null : thumbnail(file);
  const [hash, small, image] = await Promise.all([sha256(file), ours, dataUri(file)]);
  const name = file.name || `pasted ${new Date().toISOString()}`, unlike = hash?.slice(0, HASH) ?? `${file.size}-${file.lastModified}`;
  const id = shortened(file.webkitRelativePath || `${name} ${unlike}`);
  const folder = id.includes("/") ? id.split("/").at(-2) : undefined;
  const payload = { file: name, folder, label: label || undefined, thumbnail: small ?? undefined };
  return { id, image, payload, content_sha256: hash ?? undefined };
}

async function* batches(files, label, one, { request_pictures_max: most }) {
  let batch = [], bytes = 0;
  for (const file of files) {
    if (batch.length === Math.min(BATCH, most) || (batch.length && bytes + file.size > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    bytes += file.size;
    batch.push(await record(file, label, one));
  }
  if (batch.length) yield batch;
}

/** Sends a batch, of which the server leaves out what is there; one picture after the other where one is refused. */
async function send(name, batch, tally) {
  try {
    const body = { records: batch, skip_duplicates: true };
    const answer = await patiently(() => ask("POST", path`/v1/collections/${name}/records`, body));
    tally.added += answer.inserted;
    tally.replaced += answer.replaced;
    const names = new Map(batch.map(one => [one.id, nameOf(one)]));
    for (const { id, of } of answer.skipped ?? []) tally.duplicates.push(`${names.get(id) ?? id}: is there already as ${of}`);
  } catch (error) {
    if (error.status === 0 || error.status >= 500 || error.status === 401 || error.status === 403) throw error;
    if (batch.length === 1) tally.refused.push(`${nameOf(batch[0])}: ${error.message}`);
    else for (const one of batch) await send(name, [one], tally);
  }
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
    for await (const batch of batches(files, $("label").value.trim(), one, limits)) {
      if (stopped) break;
      await send(one.name, batch, tally);
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
