// The Classify tab: what every classifier says of the picture, most probable first.

import { ask, path } from "./api.js";
import { $, bar, make, toast } from "./dom.js";
import * as drop from "./drop.js";
import { dataUri } from "./pictures.js";
import { shown } from "./tabs.js";
import * as teaching from "./teach.js";

const TOP = 5;

let visible = false, told = null, turn = 0, known = null;

async function classifiers() {
  known ??= (await ask("GET", "/v1/classifiers")).classifiers;
  return known;
}

/** Forgets what is known, and what was said, and asks again. */
function again() {
  [known, told] = [null, null];
  classify();
}

async function remove(name) {
  if (!confirm(`Delete the classifier “${name}”?`)) return;
  try {
    await ask("DELETE", path`/v1/classifiers/${name}`);
    toast(`“${name}” is deleted.`);
    again();
  } catch (error) { toast(error.message); }
}

function block(classifier, top, about) {
  const score = about ? teaching.worth(about) : "";
  const lines = top.map(({ label, probability }) => make("li", {}, make("span", { className: "label", textContent: label }),
    bar(probability), make("span", { className: "number", textContent: `${(100 * probability).toFixed(1)} %` })));
  const cross = about?.can_be_deleted ? make("button", { type: "button", className: "quiet danger", textContent: "Delete", "aria-label": `Delete the classifier ${classifier}`, onclick: () => remove(classifier) }) : null;
  return make("article", { className: "card classifier" }, make("div", { className: "heading" }, make("h3", { textContent: classifier }), cross), make("ol", {}, ...lines),
    about ? make("p", { className: "soft", textContent: `${about.classes.length} classes of ${about.model}’s embeddings, fitted on ${about.data}${score ? `, ${score}` : ""}` }) : null);
}

/** Asks each model that has classifiers once; the picture is embedded once a model. */
async function classify() {
  if (!visible || !drop.current || told === drop.current) return;
  const picture = drop.current, mine = ++turn;
  $("classes-say").textContent = "Looking…";
  $("classes").replaceChildren();
  try {
    const all = await classifiers(), models = [...new Set(all.map(one => one.model))];
    if (!all.length) { $("classes-say").textContent = "There is no classifier yet. Make one of labelled records."; return; }
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
  teaching.begin(again);
  $("classes-say").textContent = "Drop a picture to see what it shows.";
  drop.dropped.addEventListener("picture", classify);
  shown.addEventListener("show", ({ detail }) => { visible = detail === "classify"; classify(); });
}
