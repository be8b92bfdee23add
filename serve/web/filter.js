// Builds the search's filter from rows of field, comparison and value; knows nothing of what is searched.

import { $, make } from "./dom.js";

export const changed = new EventTarget();

const KINDS = {
  is: (field, value) => ({ equals: { field, value: plain(value) } }),
  "is not": (field, value) => ({ not: { equals: { field, value: plain(value) } } }),
  "is one of": (field, value) => ({ in: { field, values: value.split(",").map(plain) } }),
  "at least": (field, value) => ({ range: { field, gte: plain(value) } }),
  "at most": (field, value) => ({ range: { field, lte: plain(value) } }),
  "is there": field => ({ exists: { field } }),
};

/** 3 is a number, true is true, "3" and cat are strings. */
function plain(text) {
  const trimmed = text.trim();
  try {
    const value = JSON.parse(trimmed);
    return value !== null && typeof value === "object" ? trimmed : value;
  } catch { return trimmed; }
}

/** The filter as the search takes it, or undefined where no row is complete. */
export function filter() {
  const rows = [...$("conditions").children].map(row => [...row.querySelectorAll("input, select")].map(input => input.value.trim()));
  const whole = rows.filter(([field, kind, value]) => field && (value || kind === "is there"));
  const parts = whole.map(([field, kind, value]) => KINDS[kind](field, value));
  $("filter-count").hidden = parts.length === 0;
  $("filter-count").textContent = parts.length;
  return parts.length < 2 ? parts[0] : { [$("filter-kind").value]: parts };
}

function tell() {
  changed.dispatchEvent(new Event("change"));
}

function add() {
  const field = make("input", { placeholder: "field", "aria-label": "Field", spellcheck: false });
  field.setAttribute("list", "fields");
  const kind = make("select", { "aria-label": "Comparison", className: "wide" }, ...Object.keys(KINDS).map(name => make("option", { textContent: name })));
  const value = make("input", { placeholder: "value", "aria-label": "Value", className: "wide", spellcheck: false });
  const remove = make("button", { type: "button", className: "quiet", textContent: "Remove" });
  const row = make("li", {}, field, remove, kind, value);
  kind.addEventListener("change", () => {
    value.hidden = kind.value === "is there";
    value.placeholder = kind.value === "is one of" ? "values, with commas between" : "value";
  });
  row.addEventListener("change", tell);
  remove.addEventListener("click", () => { row.remove(); tell(); $("add-condition").focus(); });
  $("conditions").append(row);
  field.focus();
}

/** Offers the fields that some payloads have. */
export function offer(payloads) {
  const names = new Set();
  const walk = (value, path) => {
    if (value !== null && typeof value === "object" && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) if (key && !key.includes(".")) walk(inner, path ? `${path}.${key}` : key);
    } else if (path) names.add(path);
  };
  payloads.forEach(payload => walk(payload, ""));
  names.delete("thumbnail");
  $("fields").replaceChildren(...[...names].sort().map(name => make("option", { value: name })));
}

export function begin() {
  $("add-condition").addEventListener("click", add);
  $("filter-kind").addEventListener("change", tell);
  $("clear-filter").addEventListener("click", () => { $("conditions").replaceChildren(); tell(); });
  $("filters").addEventListener("toggle", () => { if ($("filters").open && !$("conditions").children.length) add(); });
}
