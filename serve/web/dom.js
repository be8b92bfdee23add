// Small helpers for elements: find, make, tell. Text always goes in as text, never as markup.

export const $ = id => document.getElementById(id);

/** An element with properties, and children: elements or text. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "for" || name === "scope") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}

/** A bar from 0 to 1, beside a number that says the same. */
export function bar(value) {
  const filled = make("i");
  filled.style.width = `${100 * Math.min(1, Math.max(0, value))}%`;
  return make("span", { className: "meter", "aria-hidden": "true" }, filled);
}

let hiding;

/** A message at the lower edge, with a way back if there is one. */
export function toast(text, action, act) {
  const place = $("toast");
  clearTimeout(hiding);
  place.replaceChildren(text);
  if (action) place.append(make("button", { type: "button", textContent: action, onclick: () => { place.hidden = true; act(); } }));
  place.hidden = false;
  hiding = setTimeout(() => { if (!place.contains(document.activeElement)) place.hidden = true; }, action ? 12000 : 5000);
}

export const count = number => number.toLocaleString("en");

export const counted = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** Seconds as a person says them. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds === 0) return "0 ms";
  if (seconds < 1) return `${(seconds * 1e3).toPrecision(seconds < 1e-3 ? 2 : 3)} ms`;
  return `${seconds.toPrecision(3)} s`;
}
