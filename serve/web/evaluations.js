// The Evaluations tab: start one, watch it, stop it, let it go on, read what it found.

import { ask, path, send } from "./api.js";
import { $, count, counted, make, toast } from "./dom.js";
import { follow } from "./events.js";
import { plot, table, versus } from "./figures.js";
import { shown } from "./tabs.js";

const WORDS = { queued: "waits", running: "runs", interrupted: "interrupted", finished: "finished", failed: "failed", cancelled: "cancelled" };
const ENDED = new Set(["finished", "failed", "cancelled"]);
/** How far into a pair each step begins, and how much of it it is, about. */
const SHARES = { "training pictures": [0, 0.7], "test pictures": [0.7, 0.15], neighbours: [0.85, 0.03], "linear probe": [0.88, 0.1] };

let titles = new Map(), visible = false;
/** By id: the record, its card and what ends its following. */
const cards = new Map();

const time = seconds => new Date(seconds * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
const title = name => titles.get(name) ?? name.replace(/^folder:/, "");

function box(kind, name, label, note, checked) {
  const input = make("input", { type: "checkbox", name: kind, value: name, checked });
  return make("label", { className: "check" }, input, make("span", {}, label, note ? make("span", { className: "soft", textContent: ` ${note}` }) : null));
}

async function offer() {
  const { enabled, encoders, datasets } = await ask("GET", "/v1/evaluations/options");
  titles = new Map(datasets.flatMap(one => [[one.name, one.title], [one.name.replace("folder:", "folder-"), one.title]]));
  $("evaluation-form").hidden = !enabled || !datasets.length;
  $("evaluations-off").hidden = enabled && datasets.length > 0;
  $("evaluations-off").textContent = enabled ? "The server's folder of datasets holds none. Put one there: a folder of folders of pictures will do."
    : "This server was started without --evaluation-data, the folder whose folders are datasets, so nothing can be started here.";
  const notes = { random: "baseline: random weights", pixels: "baseline: no network" };
  $("encoders").replaceChildren(...encoders.map((name, index) => box("encoder", name, name, notes[name], index === 0)));
  $("datasets").replaceChildren(...datasets.map(one => box("dataset", one.name, one.title, one.name.startsWith("folder:") ? "folder of pictures" : "", datasets.length === 1)));
}

const ticked = kind => [...document.querySelectorAll(`#evaluation-form input[name="${kind}"]:checked`)].map(one => one.value);

async function start(event) {
  event.preventDefault();
  const shots = $("few-shot").value.split(",").map(text => text.trim()).filter(Boolean).map(Number);
  const body = { encoders: ticked("encoder"), datasets: ticked("dataset"), few_shot: shots, partial: $("partial").checked };
  $("start-say").textContent = "";
  try {
    if (shots.some(one => !Number.isInteger(one) || one < 1 || one > 255)) throw new Error("Pictures a class are numbers from 1 to 255, with commas between them.");
    if (!body.encoders.length || !body.datasets.length) throw new Error("Choose at least one encoder and one dataset.");
    show(await ask("POST", "/v1/evaluations", body), true);
    $("no-evaluations").hidden = true;
  } catch (error) { $("start-say").textContent = error.message; }
}

/** From 0 to 1, about. */
function share({ pairs, step, status }) {
  if (status === "finished") return 1;
  const done = pairs.filter(one => one.status === "finished" || one.status === "failed").length;
  const [begins, width] = SHARES[step?.step] ?? [0, 0];
  return pairs.length ? Math.min(1, (done + begins + width * (step?.of ? step.done / step.of : 0)) / pairs.length) : 0;
}

function told({ status, pairs, step, problem, estimate, ended }) {
  const done = pairs.filter(one => one.status === "finished").length, all = pairs.length;
  if (status === "running" && !all) return "Looking at encoders and datasets…";
  if (status === "running") {
    const left = estimate > 90 ? `, embedding takes about ${Math.ceil(estimate / 60)} min on an idle machine` : "";
    const now = step ? `${step.encoder} on ${title(step.dataset)}: ${step.step}${step.of ? ` ${count(step.done)} of ${count(step.of)}` : ""}` : "";
    return `${done} of ${all} done${left}. ${now}`;
  }
  if (status === "queued") return "Waits for its turn.";
  if (status === "interrupted") return "The server stopped meanwhile. It goes on by itself.";
  if (status === "failed") return problem ?? "Something could not be evaluated.";
  return `${done} of ${all || "?"} evaluated, ${time(ended)}.`;
}

async function act(id, method, what) {
  try {
    const record = await ask(method, path`/v1/evaluations/${id}` + what);
    if (method === "DELETE") { forget(id); toast("The evaluation is deleted."); } else show(record);
  } catch (error) { toast(error.message); }
}

function forget(id) {
  const one = cards.get(id);
  one?.stop?.();
  one?.card.remove();
  cards.delete(id);
  $("no-evaluations").hidden = cards.size > 0;
}

/** Fetched and not linked to, so that a key goes with it. */
async function download(id, format, ending) {
  try {
    const answer = await send("GET", path`/v1/evaluations/${id}/report` + `?format=${format}`);
    const link = make("a", { href: URL.createObjectURL(await answer.blob()), download: `evaluation-${id}.${ending}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  } catch (error) { toast(error.message); }
}

async function results(id, place) {
  try {
    const report = await ask("GET", path`/v1/evaluations/${id}/report`);
    for (const one of report.datasets) if (titles.has(one.name)) one.title = titles.get(one.name);
    const links = [["html", "html", "Page"], ["markdown", "md", "Markdown"], ["json", "json", "JSON"]].map(([format, ending, name]) =>
      make("button", { type: "button", textContent: name, "aria-label": `Download the report as ${name}`, onclick: () => download(id, format, ending) }));
    place.replaceChildren(table(report), plot(report), report.encoders.length > 1 ? comparison(id, report) : "",
      make("div", { className: "row wrap" }, make("span", { className: "soft", textContent: "Download the report:" }), ...links));
  } catch (error) { place.replaceChildren(make("p", { className: "soft", textContent: error.message })); }
}

function comparison(id, report) {
  const choose = (label, chosen) => make("select", { "aria-label": label }, ...report.encoders.map((name, index) => make("option", { value: name, textContent: name, selected: index === chosen })));
  const [one, other] = [choose("First encoder", 0), choose("Second encoder", 1)], found = make("div", { role: "status" });
  const names = new Map(report.datasets.map(dataset => [dataset.name, dataset.title]));
  const compare = async () => {
    found.replaceChildren(make("p", { className: "soft", textContent: "Swapping predictions 100,000 times…" }));
    try {
      const query = `?a=${encodeURIComponent(one.value)}&b=${encodeURIComponent(other.value)}`;
      found.replaceChildren(versus(await ask("GET", path`/v1/evaluations/${id}/comparison` + query), names));
    } catch (error) { found.replaceChildren(make("p", { textContent: error.message })); }
  };
  return make("div", { className: "versus" }, make("h4", { textContent: "Is one better, or was it the choice of test pictures?" }),
    make("div", { className: "row wrap" }, one, make("span", { className: "soft", textContent: "and" }), other, make("button", { type: "button", textContent: "Compare", onclick: compare })), found);
}

/** The parts of a card that change. */
function fill(one) {
  const { record, parts } = one, { id, status } = record, ended = ENDED.has(status);
  const button = (text, method, what, kind = "quiet") => make("button", { type: "button", className: kind, textContent: text, onclick: () => act(id, method, what) });
  parts.status.textContent = WORDS[status];
  parts.status.className = `badge ${status}`;
  parts.told.textContent = told(record);
  parts.bar.hidden = ended || status === "queued";
  parts.bar.value = share(record);
  const can = [];
  if (!ended) can.push(button("Cancel", "POST", "/cancel"));
  if (status === "cancelled" || status === "failed") can.push(button("Resume", "POST", "/resume"));
  if (ended) can.push(button("Delete", "DELETE", "", "danger quiet"));
  const had = parts.can.contains(document.activeElement);
  parts.can.replaceChildren(...can);
  if (had) can[0]?.focus();
  const problems = record.pairs.filter(pair => pair.problem).map(pair => make("li", { textContent: `${pair.encoder} on ${title(pair.dataset)}: ${pair.problem}` }));
  parts.problems.replaceChildren(...problems);
  parts.results.hidden = !record.pairs.some(pair => pair.status === "finished");
}

function build(record) {
  const { id, request } = record, inside = make("div", { className: "inside" });
  const parts = { status: make("span"), told: make("p", { className: "soft", role: "status" }), can: make("div", { className: "row" }), problems: make("ul", { className: "plain soft" }),
    bar: make("progress", { max: 1, "aria-label": "How far it is" }), results: make("details", { className: "results" }, make("summary", { textContent: "What it found" }), inside) };
  parts.results.addEventListener("toggle", () => { if (parts.results.open) results(id, inside); });
  const name = `${request.encoders.join(", ")} on ${request.datasets.map(title).join(", ")}`;
  const card = make("article", { className: "card evaluation" }, make("div", { className: "heading" }, make("h3", { textContent: name }), parts.status, parts.can),
    make("p", { className: "soft", textContent: `Asked for ${time(record.created)}` }), parts.bar, parts.told, parts.problems, parts.results);
  return { record, card, parts, reload: () => results(id, inside) };
}

/** Draws a record, new or known, and follows it while it lives. */
function show(record, first = false) {
  const { id } = record;
  let one = cards.get(id);
  if (one) one.record = record;
  else {
    cards.set(id, one = build(record));
    $("evaluations-list")[first ? "prepend" : "append"](one.card);
  }
  fill(one);
  if (!ENDED.has(record.status) && !one.stop && visible) one.stop = follow(path`/v1/evaluations/${id}/events`, (kind, data) => hear(one, kind, data));
}

async function hear(one, kind, data) {
  if (kind === "progress") {
    one.record.step = data;
    fill(one);
    return;
  }
  const { id, status: before } = one.record, mine = one.turn = (one.turn ?? 0) + 1;
  // Answers may overtake one another: only the last that was asked for counts.
  const record = await ask("GET", path`/v1/evaluations/${id}`).catch(() => null);
  if (!record || mine !== one.turn) return;
  one.record = record;
  fill(one);
  if (ENDED.has(record.status)) { one.stop?.(); one.stop = null; }
  if (record.status === "finished" && before !== "finished") one.parts.results.open = true;
  else if (one.parts.results.open) one.reload();
}

async function refresh() {
  try {
    await offer();
    const { evaluations } = await ask("GET", "/v1/evaluations"), here = new Set(evaluations.map(one => one.id));
    for (const id of [...cards.keys()]) if (!here.has(id)) forget(id);
    evaluations.forEach(record => show(record));
    $("no-evaluations").hidden = cards.size > 0;
  } catch (error) { $("start-say").textContent = error.message; }
}

export function begin() {
  $("evaluation-form").addEventListener("submit", start);
  shown.addEventListener("show", ({ detail }) => {
    const was = visible;
    visible = detail === "evaluations";
    if (visible) refresh();
    else if (was) for (const one of cards.values()) { one.stop?.(); one.stop = null; }
  });
}
