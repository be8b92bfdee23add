// The Classify tab: what every classifier says of the picture, most probable first.

import { ask } from "./api.js";
import { $, bar, make } from "./dom.js";
import * as drop from "./drop.js";
import { dataUri } from "./pictures.js";
import { shown } from "./tabs.js";

const TOP = 5;

let visible = false, told = null, turn = 0, known = null;

async function classifiers() {
  known ??= (await ask("GET", "/v1/classifiers")).classifiers;
  return known;
}

function block(classifier, top, about) {
  const score = about?.score === null || about?.score === undefined ? "" : `, ${about.score.toFixed(1)} % right on its test split`;
  const lines = top.map(({ label, probability }) => make("li", {}, make("span", { className: "label", textContent: label }),
    bar(probability), make("span", { className: "number", textContent: `${(100 * probability).toFixed(1)} %` })));
  return make("article", { className: "card classifier" }, make("h3", { textContent: classifier }), make("ol", {}, ...lines),
    about ? make("p", { className: "soft", textContent: `${about.classes.length} classes, fitted on ${about.data}${score}` }) : null);
}

/** Asks each model that has classifiers once; the picture is embedded once a model. */
async function classify() {
  if (!visible || !drop.current || told === drop.current) return;
  const picture = drop.current, mine = ++turn;
  $("classes-say").textContent = "Looking…";
  $("classes").replaceChildren();
  try {
    const all = await classifiers(), models = [...new Set(all.map(one => one.model))];
    if (!all.length) { $("classes-say").textContent = "This server has no classifier. `simclr-eval` fits one."; return; }
    const image = await dataUri(picture.blob), blocks = [];
    for (const model of models) {
      const { results } = await ask("POST", "/v1/classify", { image, model, top_k: TOP });
      for (const { classifier, predictions: [{ top }] } of results) {
        blocks.push(block(classifier, top, all.find(one => one.name === classifier && one.model === model)));
      }
    }
    if (mine !== turn) return;
    told = picture;
    $("classes").replaceChildren(...blocks);
    $("classes-say").textContent = `What ${picture.name} shows, most probable first. A classifier knows its own classes and no others.`;
  } catch (error) {
    if (mine === turn) $("classes-say").textContent = error.message;
  }
}

export function begin() {
  $("classes-say").textContent = "Drop a picture to see what it shows.";
  drop.dropped.addEventListener("picture", classify);
  shown.addEventListener("show", ({ detail }) => { visible = detail === "classify"; classify(); });
}
