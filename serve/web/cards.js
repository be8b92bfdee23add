// Records as cards: the picture they keep, their id, how near they are. A card searches; its cross deletes.

import { bar, make } from "./dom.js";
import { keptPicture, nameOf } from "./pictures.js";

const SELDOM_TOLD = new Set(["thumbnail", "sha256", "file"]);

/** What a payload says, in one line. */
function told(payload) {
  if (payload === null || typeof payload !== "object") return payload === null ? "" : String(payload);
  const plain = Object.entries(payload).filter(([key, value]) => !SELDOM_TOLD.has(key) && value !== null && typeof value !== "object");
  return plain.slice(0, 3).map(([key, value]) => `${key} ${value}`).join(" · ");
}

/** A list item for a record; `score` is left out where nothing was compared. */
export function card({ id, score, payload }, { look, remove }) {
  const picture = keptPicture(payload), line = told(payload), name = nameOf({ id, payload });
  const shown = picture ? make("img", { src: picture, alt: "", loading: "lazy", decoding: "async" })
    : make("span", { className: "blank", "aria-hidden": "true", textContent: "no preview kept" });
  const caption = make("span", { className: "caption" }, make("span", { className: "id", textContent: name, title: id }));
  if (line) caption.append(make("span", { className: "facts-line", textContent: line, title: line }));
  if (score !== undefined) {
    caption.append(make("span", { className: "score" }, bar(score), score.toFixed(3)));
  }
  const hint = make("span", { className: "unseen", textContent: "Search from " });
  const item = make("li", { className: "hit" },
    make("button", { type: "button", className: "look", onclick: () => look({ id, name, picture }) }, hint, shown, caption),
    make("button", { type: "button", className: "remove", textContent: "×", title: "Delete", "aria-label": `Delete ${name}`, onclick: () => remove(id, item, name) }));
  return item;
}
