// What an evaluation found: a table beside the paper's figures, the same as dots, and two encoders against each other.
// Takes the report as data; knows no job.

import { make } from "./dom.js";

export const SHADES = ["#1f8a7a", "#d97723", "#5c6bc0", "#c4405e", "#7e9a28", "#8e54a8", "#2c91c8", "#b28428"];
const LABEL = 132, WIDE = 640, ROW = 34, TOP = 26, BOTTOM = 30;

const main = ({ scores }, metric) => scores.find(one => one.method === "linear" && (!metric || one.metric === metric))
  ?? scores.find(one => one.method === "linear") ?? scores[0];

function cell(report, encoder, dataset) {
  const entry = report.results.find(one => one.encoder === encoder && one.dataset === dataset.name);
  if (!entry) return make("td", { className: "number", textContent: "–" });
  const score = main(entry, dataset.metric), all = report.results.filter(one => one.dataset === dataset.name);
  const best = all.length > 1 && all.every(one => main(one, dataset.metric).value <= score.value);
  const used = entry.pictures[entry.split] ?? null, some = used && used.used < used.official ? `${used.used} of ${used.official} pictures` : "";
  const notes = [score.method === "linear" ? "" : score.method, score.interval ? `${score.interval[0].toFixed(1)} – ${score.interval[1].toFixed(1)}` : "", some];
  return make("td", { className: "number" }, make(best ? "strong" : "span", { textContent: score.value.toFixed(2) }),
    ...notes.filter(Boolean).map(text => make("span", { className: "within", textContent: text })));
}

function published(report, name) {
  const value = dataset => report.published.find(one => one.name === name && one.dataset === dataset.name)?.value;
  return make("tr", { className: "cited" }, make("th", { scope: "row", textContent: name }),
    ...report.datasets.map(one => make("td", { className: "number", textContent: value(one)?.toFixed(1) ?? "–" })));
}

/** Encoders as rows, datasets as columns, below them what was published. */
export function table(report) {
  const head = report.datasets.map(one => make("th", { scope: "col", className: "number" }, one.title, make("span", { className: "within", textContent: one.metric })));
  const rows = report.encoders.map((name, index) => {
    const dot = make("i", { className: "dot", "aria-hidden": "true" });
    dot.style.background = SHADES[index % SHADES.length];
    return make("tr", {}, make("th", { scope: "row" }, dot, name), ...report.datasets.map(one => cell(report, name, one)));
  });
  const names = [...new Set(report.published.map(one => one.name))];
  const part = names.length ? [make("tr", {}, make("th", { scope: "rowgroup", colSpan: report.datasets.length + 1, className: "soft", textContent: `Published: ${report.published_source}` }))] : [];
  return make("div", { className: "scroll", tabIndex: 0, role: "group", "aria-label": "Figures" }, make("table", { className: "figures" },
    make("thead", {}, make("tr", {}, make("th", { scope: "col", textContent: "Encoder" }), ...head)),
    make("tbody", {}, ...rows), make("tbody", {}, ...part, ...names.map(name => published(report, name)))));
}

function drawn(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** One row a dataset, one dot an encoder with its interval, grey marks for what was published. */
export function plot(report) {
  const high = TOP + report.datasets.length * ROW + BOTTOM, at = percent => LABEL + (WIDE - LABEL - 20) * percent / 100;
  const picture = drawn("svg", { viewBox: `0 0 ${WIDE} ${high}`, class: "dots", role: "img", "aria-label": "The figures of the table as dots from 0 to 100 percent" });
  for (const percent of [0, 20, 40, 60, 80, 100]) {
    picture.append(drawn("line", { x1: at(percent), x2: at(percent), y1: TOP - 8, y2: high - BOTTOM, class: "rule" }),
      drawn("text", { x: at(percent), y: high - 10, class: "tick", "text-anchor": "middle" }, `${percent} %`));
  }
  report.datasets.forEach((dataset, row) => {
    const y = TOP + row * ROW + ROW / 2 - 8;
    picture.append(drawn("text", { x: LABEL - 12, y: y + 4, "text-anchor": "end" }, dataset.title.length > 18 ? `${dataset.title.slice(0, 17)}…` : dataset.title));
    for (const one of report.published.filter(one => one.dataset === dataset.name)) {
      picture.append(drawn("line", { x1: at(one.value), x2: at(one.value), y1: y - 8, y2: y + 8, class: "cited" }, drawn("title", {}, `${one.name}: ${one.value}`)));
    }
    report.encoders.forEach((name, index) => {
      const entry = report.results.find(one => one.encoder === name && one.dataset === dataset.name);
      if (!entry) return;
      const score = main(entry, dataset.metric), shade = SHADES[index % SHADES.length];
      if (score.interval) picture.append(drawn("line", { x1: at(score.interval[0]), x2: at(score.interval[1]), y1: y, y2: y, stroke: shade, class: "interval" }));
      picture.append(drawn("circle", { cx: at(score.value), cy: y, r: 5, fill: shade, class: "point" }, drawn("title", {}, `${name}: ${score.value.toFixed(2)}`)));
    });
  });
  return make("figure", {}, make("div", { className: "scroll", tabIndex: 0, role: "group", "aria-label": "Figures as dots" }, picture), make("figcaption", { className: "soft", textContent: "A bar through a dot is its 95 % interval; grey marks are published figures." }));
}

const probability = p => p < 0.0001 ? "< 0.0001" : p.toFixed(4);

/** The answer of a comparison as a table with a sentence for each dataset. */
export function versus({ a, b, comparisons, significant }, titles) {
  const rows = comparisons.map(one => {
    const better = one.a > one.b ? a : b, sure = one.p <= significant;
    const says = one.a === one.b ? "no difference" : sure ? `${better} is better` : "may be chance";
    const verdict = make("span", { className: sure ? "within sure" : "within", textContent: says });
    return make("tr", {}, make("th", { scope: "row" }, titles.get(one.dataset) ?? one.dataset, verdict),
      ...[one.a.toFixed(2), one.b.toFixed(2), probability(one.p), one.mcnemar === null ? "–" : probability(one.mcnemar)].map(text => make("td", { className: "number", textContent: text })));
  });
  const head = ["Dataset", a, b, "p, permutation", "p, McNemar"].map((text, index) => make("th", { scope: "col", className: index ? "number" : "", textContent: text }));
  return make("div", { className: "scroll", tabIndex: 0, role: "group", "aria-label": "Comparison" }, make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
}
