// The System tab: what the server does now, where its time goes, which limits hold. Asks again while it is looked at.

import { ask, describe } from "./api.js";
import { $, count, counted, duration, make } from "./dom.js";
import { histogram, parse, quantile, value } from "./metrics.js";
import { shown } from "./tabs.js";

const EVERY_MS = 3000;
const STAGES = [
  ["simclr_prepare_duration_seconds", "Preparing", "decode and resize, per picture"],
  ["simclr_queue_duration_seconds", "Waiting", "prepared, until a run begins"],
  ["simclr_inference_duration_seconds", "Encoding", "one run of the encoder"],
];

let timer = null;

function gauges(samples) {
  const batches = value(samples, "simclr_batch_pictures_count"), pictures = value(samples, "simclr_pictures_total") ?? 0;
  const requests = samples.filter(one => one.name === "simclr_requests_total").reduce((sum, one) => sum + one.value, 0);
  const refused = samples.filter(one => one.name === "simclr_refused_total").reduce((sum, one) => sum + one.value, 0);
  const tiles = [
    [value(samples, "simclr_ready") === 1 ? "ready" : "not ready", "for requests"],
    [count(value(samples, "simclr_queue_pictures") ?? 0), "pictures waiting"],
    [count(pictures), "pictures embedded"],
    [batches ? (pictures / batches).toFixed(1) : "–", "pictures a run"],
    [count(requests), "requests answered"],
    [count(refused), "refused at a limit"],
  ];
  $("gauges").replaceChildren(...tiles.map(([number, name]) =>
    make("div", { className: "card gauge" }, make("b", { textContent: number }), make("span", { className: "soft", textContent: name }))));
}

/** A histogram as bars over its buckets, from the first that has any to the last. */
function stage(samples, [name, title, about]) {
  const data = histogram(samples, name), used = data.counts.map((number, index) => number ? index : -1).filter(index => index >= 0);
  const box = make("article", { className: "card" }, make("h3", { textContent: title }), make("p", { className: "soft", textContent: about }));
  if (!used.length) {
    box.append(make("p", { className: "soft", textContent: "Nothing yet." }));
    return box;
  }
  const first = Math.max(0, used[0] - 1), last = Math.min(data.counts.length - 1, used.at(-1) + 1);
  const shown = data.counts.slice(first, last + 1), most = Math.max(...shown);
  const [half, most95] = [0.5, 0.95].map(share => duration(quantile(data, share)));
  const bars = make("div", { className: "bars", role: "img", "aria-label": `${title}: half took at most ${half}, 95 % at most ${most95}` });
  shown.forEach((number, index) => {
    const one = make("i", { className: number ? "" : "none", title: `up to ${duration(data.edges[first + index])}: ${count(number)}` });
    one.style.height = `${100 * number / most}%`;
    bars.append(one);
  });
  const axis = make("div", { className: "axis", "aria-hidden": "true" }, make("span", { textContent: duration(first ? data.edges[first - 1] : 0) }),
    make("span", { textContent: duration(data.edges[last]) }));
  const facts = make("p", { className: "soft", textContent: `half within ${half}, 95 % within ${most95}, ${count(data.total)} in all` });
  box.append(bars, axis, facts);
  return box;
}

function routes(samples) {
  const totals = new Map();
  for (const { name, labels, value: number } of samples) {
    if (name === "simclr_requests_total") totals.set(labels.route, (totals.get(labels.route) ?? 0) + number);
  }
  const rows = [...totals].filter(([route]) => route !== "unmatched").sort((a, b) => b[1] - a[1]).map(([route, number]) => {
    const data = histogram(samples, "simclr_request_duration_seconds", { route });
    const cells = [count(number), ...[0.5, 0.95, 0.99].map(share => duration(quantile(data, share)))];
    return make("tr", {}, make("th", { scope: "row" }, make("code", { textContent: route })), ...cells.map(text => make("td", { className: "number", textContent: text })));
  });
  const head = ["Route", "Requests", "half within", "95 % within", "99 % within"].map((text, index) =>
    make("th", { scope: "col", className: index ? "number" : "", textContent: text }));
  $("routes").replaceChildren(make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
}

const UNITS = { bytes: number => number >= 1 << 20 ? `${+(number / (1 << 20)).toFixed(1)} MiB` : `${count(number)} B`, ms: number => `${number / 1000} s` };

function limits(all) {
  const pairs = Object.entries(all).map(([name, number]) => {
    const unit = name.endsWith("_ms") ? "ms" : name.includes("bytes_max") ? "bytes" : null;
    const words = name.replace(/_(max|ms)$/, "").replace(/_/g, " ");
    return make("div", {}, make("dt", { textContent: words }), make("dd", { textContent: unit ? UNITS[unit](number) : count(number) }));
  });
  $("limits").replaceChildren(...pairs);
}

function facts(pairs) {
  return make("dl", { className: "facts" }, ...pairs.flatMap(([name, text]) => [make("dt", { textContent: name }), make("dd", { textContent: text })]));
}

/** The cards that the page came with, told by the API where the server has keys and so left them out. */
async function cards() {
  const [{ data: models }, { collections }] = await Promise.all([ask("GET", "/v1/models"), ask("GET", "/v1/collections")]);
  $("models").replaceChildren(...models.map(one => make("article", { className: "card" }, make("h3", { textContent: one.id }),
    facts([["Trained on", one.trained_on], ["Embedding", `${one.dimension} numbers`], ["Space", one.space_key], ["Licence", one.licence],
      ...one.scores.map(score => [`${score.data} ${score.split}`, `${score.value} % ${score.metric}, ${score.method}`])]))));
  $("collections-list").replaceChildren(collections.length ? facts(collections.map(one => [one.name, `${counted(one.records, "record")} of ${one.dimension} numbers`]))
    : make("p", { className: "soft", textContent: "There is no collection yet." }));
}

async function look() {
  try {
    const samples = parse(await ask("GET", "/metrics"));
    gauges(samples);
    $("stages").replaceChildren(...STAGES.map(one => stage(samples, one)));
    routes(samples);
  } catch (error) {
    // Whoever has no key is not asked for it every few seconds.
    if (error.status === 401 || error.status === 403) clearInterval(timer);
    $("gauges").replaceChildren(make("p", { textContent: error.message }));
  }
}

export function begin() {
  const withKeys = document.documentElement.dataset.keys === "yes";
  shown.addEventListener("show", async ({ detail }) => {
    clearInterval(timer);
    if (detail !== "system") return;
    timer = setInterval(() => document.hidden || look(), EVERY_MS);
    await look();
    try {
      limits((await describe()).limits);
      if (withKeys) await cards();
    } catch (error) { $("limits").textContent = error.message; }
  });
}
