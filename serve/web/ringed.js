// Records chosen together on the map: shown, and labelled all at once. Knows no place and no colour.

import { ask, path, patiently } from "./api.js";
import { card } from "./cards.js";
import { $, count, counted, toast } from "./dom.js";

const SHOWN = 24, BATCH = 50, MOST = 2000;

let from = null, ids = [], look = () => undefined, done = () => undefined, turn = 0;

const fetched = some => Promise.all(some.map(id => ask("GET", path`/v1/collections/${from}/records/${id}`)));

function remove(id, item) {
  // What is chosen here is only looked at; deleting belongs to the search, which has a way back.
  ids = ids.filter(other => other !== id);
  item.remove();
  tell();
}

function tell() {
  $("ringed").hidden = ids.length === 0;
  $("ringed-say").textContent = `${counted(ids.length, "record")} chosen${ids.length > SHOWN ? `, of which ${SHOWN} are shown` : ""}`;
}

/** Shows the records of a collection with these ids. */
export async function show(collection, chosen) {
  [from, ids] = [collection, chosen];
  const mine = ++turn;
  $("ringed-list").replaceChildren();
  tell();
  try {
    const records = await fetched(ids.slice(0, SHOWN));
    if (mine !== turn) return;
    $("ringed-list").replaceChildren(...records.map(record => {
      const item = card({ ...record, score: undefined }, { look, remove });
      const cross = item.querySelector(".remove");
      cross.title = "Leave out";
      cross.setAttribute("aria-label", cross.getAttribute("aria-label").replace("Delete", "Leave out"));
      return item;
    }));
  } catch (error) { if (mine === turn) toast(error.message); }
}

async function label(event) {
  event.preventDefault();
  const text = $("ringed-label").value.trim(), name = from, all = ids, button = event.submitter;
  if (!text) return;
  if (all.length > MOST) { toast(`At most ${count(MOST)} are labelled at once.`); return; }
  button.disabled = true;
  try {
    for (let at = 0; at < all.length; at += BATCH) {
      const records = (await patiently(() => fetched(all.slice(at, at + BATCH)))).map(({ id, vector, payload, content_sha256 }) =>
        ({ id, vector, content_sha256, payload: { ...(payload !== null && typeof payload === "object" ? payload : {}), label: text } }));
      await patiently(() => ask("POST", path`/v1/collections/${name}/records`, { records }));
      $("ringed-say").textContent = `${count(Math.min(at + BATCH, all.length))} of ${count(all.length)} labelled…`;
    }
    tell();
    toast(`${counted(all.length, "record")} labelled “${text}”.`);
    done();
  } catch (error) { toast(error.message); }
  button.disabled = false;
}

/** `search` searches from a record, `none` is called when nothing is chosen any more, `after` when labels have changed. */
export function begin(search, none, after) {
  [look, done] = [search, after];
  $("ringed-none").addEventListener("click", () => { show(from, []); none(); $("canvas").focus(); });
  $("ringed-form").addEventListener("submit", label);
}
