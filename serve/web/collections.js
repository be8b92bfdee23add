// Which collection is looked at: choosing, making and deleting one.

import { ask, path } from "./api.js";
import { $, counted, make, toast } from "./dom.js";

/** Fires `chosen` when another collection is looked at, or its count has changed. */
export const changed = new EventTarget();

let all = [];

/** The collection looked at, or null where there is none. */
export const chosen = () => all.find(one => one.name === $("collection").value) ?? null;

/** Asks for the collections again and keeps the choice where it still is there. */
export async function refresh(wanted = $("collection").value) {
  const { collections, unusable } = await ask("GET", "/v1/collections");
  all = collections;
  $("collection").replaceChildren(...all.map(one => make("option", { value: one.name, textContent: one.name })));
  $("collection").disabled = all.length === 0;
  if (all.some(one => one.name === wanted)) $("collection").value = wanted;
  if (unusable.length) toast(`${unusable[0].name} cannot be opened: ${unusable[0].reason}`);
  if (all.length === 0) openMaking(true);
  tell();
}

function tell() {
  const one = chosen();
  $("about").textContent = one ? `${counted(one.records, "record")} of ${one.dimension} numbers, space ${one.space_key || "of no model here"}` : "";
  $("delete-collection").disabled = !one;
  changed.dispatchEvent(new Event("chosen"));
}

/** A count that changed here, without asking for all of them. */
export async function recount() {
  const one = chosen();
  if (!one) return;
  Object.assign(one, await ask("GET", path`/v1/collections/${one.name}`));
  $("about").textContent = `${counted(one.records, "record")} of ${one.dimension} numbers, space ${one.space_key || "of no model here"}`;
}

function openMaking(open) {
  $("making").hidden = !open;
  $("new-collection").setAttribute("aria-expanded", open);
}

/** Made to keep thumbnails; on a cluster, which keeps none, without. */
async function makeKeeping(name) {
  const where = path`/v1/collections/${name}`;
  try { await ask("PUT", where, { keep: { thumbnails: true } }); } catch (error) {
    if (!["invalid_collection", "collection_exists"].includes(error.code)) throw error;
    await ask("PUT", where, {});
  }
}

async function create(event) {
  event.preventDefault();
  const name = $("new-name").value.trim();
  try {
    await makeKeeping(name);
    $("new-name").value = "";
    openMaking(false);
    await refresh(name);
    $("adding").open = true;
    toast(`“${name}” is made. Add pictures to it.`);
  } catch (error) { toast(error.message); }
}

async function remove() {
  const one = chosen();
  if (!one || !confirm(`Delete the collection “${one.name}” with its ${counted(one.records, "record")}? This cannot be undone.`)) return;
  try {
    await ask("DELETE", path`/v1/collections/${one.name}`);
    await refresh();
    toast(`“${one.name}” is deleted.`);
  } catch (error) { toast(error.message); }
}

export async function begin() {
  $("collection").addEventListener("change", tell);
  $("new-collection").addEventListener("click", () => {
    openMaking($("making").hidden);
    if (!$("making").hidden) $("new-name").focus();
  });
  $("making").addEventListener("submit", create);
  $("delete-collection").addEventListener("click", remove);
  await refresh();
}
