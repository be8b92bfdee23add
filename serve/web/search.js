// The Search tab: what is looked for, the neighbours found, and deleting with a way back.

import { ask, path } from "./api.js";
import { card } from "./cards.js";
import * as collections from "./collections.js";
import { $, counted, toast } from "./dom.js";
import * as drop from "./drop.js";
import * as filters from "./filter.js";
import { dataUri, wholeOf } from "./pictures.js";

const PAGE = 24;

/** `{ image }`, `{ id }`, or null: then the collection is shown by id. */
let target = null;
/** Counts searches, so that a late answer does not overwrite a newer one. */
let turn = 0;
let next = null;

async function fetchPage(name, from) {
  if (!target) {
    const after = from ? `&after=${encodeURIComponent(from)}` : "";
    const page = await ask("GET", path`/v1/collections/${name}/records` + `?limit=${PAGE}${after}`);
    return { records: page.records, next: page.next };
  }
  const body = { ...target, limit: PAGE, offset: from ?? 0, filter: filters.filter() };
  const { neighbours } = await ask("POST", path`/v1/collections/${name}/search`, body);
  return { records: neighbours, next: neighbours.length === PAGE ? (from ?? 0) + PAGE : null };
}

/** Searches, or shows the collection; `more` adds to what is shown. */
async function show(more = false) {
  const one = collections.chosen(), mine = ++turn, from = more ? next : null;
  filters.filter();
  $("results-title").textContent = target ? "Neighbours" : "In this collection";
  $("back").hidden = !target;
  if (!more) { $("results").replaceChildren(); $("more").hidden = true; }
  if (!one) { $("say").textContent = "There is no collection yet. Make one to begin."; return; }
  $("say").textContent = target ? "Searching…" : "";
  try {
    const page = await fetchPage(one.name, from);
    if (mine !== turn) return;
    const cards = page.records.map(record => card(record, { look: searchFrom, remove }));
    $("results").append(...cards);
    next = page.next;
    $("more").hidden = next === null;
    $("say").textContent = said(one, page.records.length, more);
    if (!target) filters.offer(page.records.map(record => record.payload));
    if (more) cards[0]?.querySelector("button").focus();
  } catch (error) {
    if (mine === turn) $("say").textContent = error.message;
  }
}

function said(one, found, more) {
  if (target) {
    if (!found && !more) return filters.filter() ? "No record fulfils these conditions." : "The collection is empty.";
    return `${$("results").children.length} nearest in “${one.name}”, by the cosine between embeddings. Choose one to search from it.`;
  }
  return found || more ? `${counted(one.records, "record")}. Drop a picture to see which are like it, or choose one of these.`
    : "It is empty. Add pictures, then drop one to see which are like it.";
}

/** Searches from a record; `picture` is the one it keeps, if any. */
export function searchFrom({ id, name = id, picture }) {
  target = { id };
  drop.showRecord(name, picture);
  show();
  showResults();
  $("back").focus({ preventScroll: true });
}

/** Brings the results' beginning into view, which on a narrow screen stands below everything else. */
function showResults() {
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  if (matchMedia("(max-width: 52rem)").matches) $("results-title").scrollIntoView({ behavior, block: "start" });
  else scrollTo({ top: 0, behavior });
}

async function remove(id, item, known) {
  const chosen = collections.chosen(), { name } = chosen;
  const where = path`/v1/collections/${name}/records/${id}`;
  try {
    const record = await wholeOf(await ask("GET", where), chosen, path`/v1/collections/${name}`);
    await ask("DELETE", where);
    const neighbour = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    (neighbour?.querySelector("button") ?? $("collection")).focus();
    if (target?.id === id) target = null;
    await collections.recount();
    toast(`${known} is deleted.`, "Undo", async () => {
      try {
        await ask("POST", path`/v1/collections/${name}/records`, { records: [record] });
        await collections.recount();
        toast(`${known} is back.`);
        show();
      } catch (error) { toast(error.message); }
    });
  } catch (error) { toast(error.message); }
}

/** Shows what is there now, after records were added. */
export async function again() {
  await collections.recount();
  await show();
}

export function begin() {
  drop.dropped.addEventListener("picture", async ({ detail }) => {
    try {
      const image = await dataUri(detail.blob);
      // Reading takes longer the larger a file is; the last one dropped counts.
      if (drop.current !== detail) return;
      target = { image };
      showResults();
      await show();
    } catch (error) { $("say").textContent = error.message; }
  });
  collections.changed.addEventListener("chosen", () => {
    if (target?.id) { target = null; drop.showRecord("", null); }
    show();
  });
  filters.changed.addEventListener("change", () => {
    if (target) show();
    else if (filters.filter()) $("say").textContent = "Conditions hold for searches: drop a picture, or choose one.";
  });
  $("more").addEventListener("click", () => show(true));
  $("back").addEventListener("click", () => { target = null; show(); $("collection").focus(); });
}
