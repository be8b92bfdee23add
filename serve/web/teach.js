// A new classifier from the labelled records of the collection that is looked at. Knows nothing of pictures.

import { ask, path } from "./api.js";
import * as collections from "./collections.js";
import { $, count, make } from "./dom.js";

const LIKELY = ["label", "class", "category", "folder"], UNLIKELY = ["file", "sha256"];

let done = () => undefined;

/** What is worth saying of a classifier's worth. */
export function worth({ score, validation }) {
  if (score !== null && score !== undefined) return `${score.toFixed(1)} % right on its test split`;
  if (!validation) return "";
  return `${validation.top1.toFixed(1)} % right on ${count(validation.rows)} records set aside, probabilities off by ${validation.calibration_error.toFixed(1)} %`;
}

function suggest() {
  const one = collections.chosen(), field = $("teach-field").value;
  $("teach-name").value = one ? `${one.name}-${field}`.replace(/[^A-Za-z0-9._-]/g, "-").slice(0, 64) : "";
}

/** Offers the fields that the collection's records have. */
function offer() {
  const one = collections.chosen();
  const fields = [...$("fields").options].map(option => option.value).filter(name => !UNLIKELY.includes(name));
  const first = LIKELY.find(name => fields.includes(name)) ?? fields[0];
  $("teach-field").replaceChildren(...fields.map(name => make("option", { value: name, textContent: name, selected: name === first })));
  $("teach-from").textContent = !one ? "There is no collection yet."
    : fields.length ? `From the ${count(one.records)} records of “${one.name}”: those that have the field are learned from.` : `The records of “${one.name}” have no field that could be a label. Add pictures with one.`;
  suggest();
}

async function teach(event) {
  event.preventDefault();
  const one = collections.chosen(), name = $("teach-name").value.trim(), button = event.submitter;
  if (!one) return;
  $("taught").textContent = "Learning…";
  button.disabled = true;
  try {
    const made = await ask("PUT", path`/v1/classifiers/${name}`, { collection: one.name, field: $("teach-field").value });
    $("taught").textContent = `“${made.name}” tells ${made.classes.length} classes apart: ${worth(made)}.`;
    done();
  } catch (error) { $("taught").textContent = error.message; }
  button.disabled = false;
}

/** `after` runs when there is a new classifier. */
export function begin(after) {
  done = after;
  $("teaching").addEventListener("toggle", () => { if ($("teaching").open) offer(); });
  $("teach-field").addEventListener("change", suggest);
  $("teach").addEventListener("submit", teach);
  collections.changed.addEventListener("chosen", () => { if ($("teaching").open) offer(); });
}
