// Records as cards: the picture they keep, their id, how near they are. A card searches; its cross deletes.

import { bar, make } from "./dom.js";
import { nameOf, pictureOf } from "./pictures.js";

const SELDOM_TOLD = new Set(["thumbnail", "sha256", "file"]);

/** What a payload says, in one line. */
function told(payload) {
  if (payload === null || typeof payload !== "object") return payload === null ? "" : String(payload);
  const plain = Object.entries(payload).filter(([key, value]) => !SELDOM_TOLD.has(key) && value !== null && typeof value !== "object");
  return plain.slice(0, 3).map(([key, value]) => `${key} ${value}`).join(" · ");
}

/** A list item for a record; `score` is left out where nothing was compared. */
export function card(record, { look, remove }) {
  const { id, score, payload } = record, line = told(payload), name = nameOf(record);
  let picture = null;
  const shown = make("span", { className: "blank", "aria-hidden": "true" });
  pictureOf(record).then(found => {
    picture = found;
    const none = () => { picture = null; shown.textContent = "no preview kept"; return shown; };
    if (!picture) return none();
    const image = make("img", { src: picture, alt: "", loading: "lazy", decoding: "async" });
    image.onerror = () => image.replaceWith(none());
    return shown.replaceWith(image);
  });
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
