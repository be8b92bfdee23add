// The job that arranges a map by neighbours: offers it, shows how far it is, lets it be cancelled.

import { ask, path } from "./api.js";
import { $, count } from "./dom.js";

/** Where each step begins, and how much of the whole it is, about. */
const SHARES = { reading: [0, 0.03], reducing: [0.03, 0.05], "finding neighbours": [0.08, 0.2], arranging: [0.28, 0.52], "placing the others": [0.8, 0.2] };
const BETWEEN_LOOKS_MS = 500;

let watched = null, done = () => undefined;

/** What decides where points lie: `components` or `neighbours`. */
export const by = () => $("map-by").value;

/** What an earlier job left of a collection, or null. */
export const kept = async name => (await ask("GET", path`/v1/collections/${name}/map/arrangement`)).kept;

function show({ status, step, done, of, problem, sample }, again) {
  const runs = status === "running", [begins, width] = SHARES[step] ?? [0, 0];
  $("arranging").hidden = false;
  $("arranging-progress").hidden = $("arranging-cancel").hidden = !runs;
  $("arranging-start").hidden = runs;
  $("arranging-progress").value = begins + width * (of ? done / of : 0);
  const offer = `It takes up to about a minute of one core, and waits for every request. Of more than ${count(sample)} records, ${count(sample)} are arranged and the others placed among them.`;
  // Told once a step and not at every number, for those who hear it.
  const say = runs ? `${step[0].toUpperCase()}${step.slice(1)}… Meanwhile, this is by directions.` : status === "failed" ? problem : status === "cancelled" ? "It was cancelled." : again ?? `This is still by directions. ${offer}`;
  if ($("arranging-say").textContent !== say) $("arranging-say").textContent = say;
  $("arranging-start").textContent = again ? "Arrange again" : "Arrange by neighbours";
}

async function watch(name) {
  watched = name;
  while (watched === name) {
    const job = await ask("GET", path`/v1/collections/${name}/map/arrangement`);
    if (watched !== name) return;
    if (job.status === "finished") { watched = null; done(); return; }
    show(job);
    if (job.status !== "running") { watched = null; return; }
    await new Promise(resolve => setTimeout(resolve, BETWEEN_LOOKS_MS));
  }
}

/** Shows the job of a collection where one runs, or else offers to start it; `again` says why, where there is an arrangement already. */
export async function offer(name, again) {
  $("arranging-start").onclick = () => act(name, "POST");
  $("arranging-cancel").onclick = () => act(name, "DELETE");
  const job = await ask("GET", path`/v1/collections/${name}/map/arrangement`);
  if (job.status === "running") return watch(name).catch(fail);
  show({ ...job, status: again && job.status !== "failed" ? "finished" : job.status }, again);
}

export function hide() {
  watched = null;
  $("arranging").hidden = true;
}

function fail(error) {
  watched = null;
  $("arranging-say").textContent = error.message;
}

async function act(name, method) {
  try {
    const job = await ask(method, path`/v1/collections/${name}/map/arrangement`);
    if (job.status !== "running") { watched = null; show(job); $("arranging-start").focus(); return; }
    show(job);
    $("arranging-cancel").focus();
    await watch(name);
  } catch (error) { fail(error); }
}

/** `draw` is called when a map was arranged, and when the person wants the other arrangement. */
export function begin(draw) {
  done = draw;
  $("map-by").addEventListener("change", draw);
}
