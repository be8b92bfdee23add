// The Map tab: the collection in two dimensions, coloured by a field of its payloads; a point shows its picture and searches.

import { ask, path, patiently } from "./api.js";
import * as arranging from "./arranging.js";
import * as collections from "./collections.js";
import { $, count, make } from "./dom.js";
import { nameOf, pictureOf } from "./pictures.js";
import { Plot } from "./plot.js";
import * as ringed from "./ringed.js";
import { go, shown } from "./tabs.js";

/** Told apart in light and dark, and by most who see colours differently; the last is for all other values. */
const SHADES = [[31, 138, 122], [217, 119, 35], [92, 107, 192], [196, 64, 94], [126, 154, 40], [142, 84, 168], [44, 145, 200], [178, 132, 40], [220, 110, 160], [100, 120, 135]];
const OTHER = [150, 152, 156], MAX = 100_000;

let plot = null, ids = [], from = null, visible = false, drawn = null, hovered = 0;
const records = new Map();

/** Values by how many points have them, and each point's colour. */
function colours(values) {
  const numbers = new Map();
  for (const value of values) numbers.set(value, (numbers.get(value) ?? 0) + 1);
  const ranked = [...numbers].filter(([value]) => value !== null).sort((a, b) => b[1] - a[1]).slice(0, SHADES.length);
  const place = new Map(ranked.map(([value], index) => [value, index]));
  return { ranked, colour: values.map(value => place.get(value) ?? SHADES.length) };
}

function legend(ranked, total) {
  const told = ranked.reduce((sum, [, number]) => sum + number, 0);
  const entries = ranked.map(([value, number], index) => [String(value), number, SHADES[index]]);
  if (total > told) entries.push([ranked.length ? "other or none" : "records", total - told, ranked.length ? OTHER : SHADES[0]]);
  $("legend").replaceChildren(...entries.map(([name, number, shade]) => {
    const dot = make("i", { "aria-hidden": "true" });
    dot.style.background = `rgb(${shade})`;
    return make("li", {}, dot, `${name} `, make("span", { className: "soft", textContent: count(number) }));
  }));
}

/** Until another map is there, nothing of the last one can be pointed at. */
function clear() {
  ids = [];
  records.clear();
  plot.show([], [], [], [OTHER]);
  ringed.show(from, []);
  $("legend").replaceChildren();
}

/** The map as it is wanted; by directions where it was not arranged by neighbours. */
async function fetched(name, field) {
  const query = `?limit=${MAX}${field ? `&field=${encodeURIComponent(field)}` : ""}`;
  const from = by => patiently(() => ask("GET", path`/v1/collections/${name}/map` + `${query}&arrangement=${by}`));
  if (arranging.by() === "components" || !await arranging.kept(name)) return from("components");
  try { return await from("neighbours"); } catch (error) {
    // Too many records have changed since.
    if (error.code !== "not_arranged") throw error;
    return from("components");
  }
}

function said({ ids, records, explained, arranged, arrangement }, name) {
  const some = ids.length < records ? ` of ${count(records)}` : "", what = `${count(ids.length)}${some} records of “${name}”`;
  if (arrangement === "components") return `${what}. These two directions hold ${(100 * (explained[0] + explained[1])).toFixed(0)} % of how they differ.`;
  const others = arranged < ids.length ? ` ${count(arranged)} were arranged; the others are placed among their nearest of these.` : "";
  return `${what}, beside their neighbours (t-SNE).${others} Distances between groups say little.`;
}

async function offer({ arrangement, unplaced, records, ids }, name) {
  if (arranging.by() === "components") arranging.hide();
  else if (arrangement === "components") await arranging.offer(name);
  else if (unplaced > 0 && records <= MAX) await arranging.offer(name, `${count(records - ids.length)} newer or changed records are not shown.`);
  else arranging.hide();
}

async function draw() {
  const one = collections.chosen(), field = $("map-field").value.trim(), wanted = `${one?.name} ${one?.records} ${field} ${arranging.by()}`;
  if (!visible || drawn === wanted) return;
  clear();
  drawn = wanted;
  if (!one) { arranging.hide(); $("map-say").textContent = "There is no collection yet."; return; }
  $("map-say").textContent = "Drawing…";
  try {
    const answer = await fetched(one.name, field);
    if (drawn !== wanted) return;
    const { ranked, colour } = colours(field ? answer.values : answer.ids.map(() => null));
    [ids, from] = [answer.ids, one.name];
    plot.show(answer.x, answer.y, field ? colour : ids.map(() => 0), [...SHADES.slice(0, SHADES.length), OTHER]);
    legend(ranked, ids.length);
    $("map-say").textContent = said(answer, one.name);
    await offer(answer, one.name);
    $("canvas").setAttribute("aria-label", `Map of ${count(ids.length)} records. Arrow keys move it, plus and minus zoom, 0 shows all.`);
  } catch (error) {
    drawn = null;
    $("map-say").textContent = error.message;
  }
}

async function hover(index, x, y) {
  const tip = $("tip"), mine = ++hovered;
  tip.hidden = index < 0;
  if (index < 0) return;
  const id = ids[index], where = path`/v1/collections/${from}/records/${id}`;
  tip.replaceChildren(make("span", { textContent: id }));
  tip.style.left = `${x}px`;
  tip.style.top = `${y}px`;
  tip.classList.toggle("below", y < 200);
  // A moment's rest, so that crossing a cloud of points asks for few of them.
  await new Promise(resolve => setTimeout(resolve, 80));
  if (mine !== hovered) return;
  if (!records.has(where)) records.set(where, ask("GET", where).catch(() => null));
  const record = await records.get(where), picture = await pictureOf(record);
  if (!record) records.delete(where);
  if (mine !== hovered || !record) return;
  tip.replaceChildren(...(picture ? [make("img", { src: picture, alt: "" })] : []), make("span", { textContent: nameOf(record) }));
}

/** `look` searches from a record. */
export function begin(look) {
  const search = record => { go("search"); look(record); };
  plot = new Plot($("canvas"), { pointed: hover, ringed: indices => ringed.show(from, indices.map(index => ids[index])), picked: async index => {
    const where = path`/v1/collections/${from}/records/${ids[index]}`;
    const record = await ask("GET", where).catch(() => null);
    if (record) search({ id: record.id, name: nameOf(record), picture: await pictureOf(record) });
  } });
  ringed.begin(search, () => plot.choose([]), () => { drawn = null; $("map-field").value ||= "label"; draw(); });
  $("map-lasso").addEventListener("click", () => {
    plot.lasso = !plot.lasso;
    $("map-lasso").setAttribute("aria-pressed", plot.lasso);
  });
  $("map-in").addEventListener("click", () => plot.zoom(1.5));
  $("map-out").addEventListener("click", () => plot.zoom(1 / 1.5));
  $("map-all").addEventListener("click", () => plot.reset());
  $("map-field").addEventListener("change", draw);
  arranging.begin(() => { drawn = null; draw(); });
  collections.changed.addEventListener("chosen", draw);
  shown.addEventListener("show", ({ detail }) => { visible = detail === "map"; draw(); });
}
