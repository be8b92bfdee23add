// The place for a picture: dropped, pasted or chosen. All such places show the same picture.

import { $, make, toast } from "./dom.js";
import { isPicture } from "./pictures.js";

const places = [];

/** Fires `picture` with `{ blob, name }`. */
export const dropped = new EventTarget();

export let current = null;

/** Not at once: a preview that is still being read would fail. */
function forget(url) {
  if (url) setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function choose(blob, name) {
  forget(current?.url);
  current = { blob, name, url: URL.createObjectURL(blob) };
  places.forEach(place => draw(place));
  dropped.dispatchEvent(new CustomEvent("picture", { detail: current }));
}

/** Shows that no picture, but this record, is searched for. */
export function showRecord(name, picture) {
  forget(current?.url);
  current = null;
  places.forEach(place => draw(place, { name, url: picture }));
}

function draw(place, shown = current) {
  const preview = place.querySelector(".preview"), say = place.querySelector(".say");
  preview.replaceChildren();
  if (shown?.url) {
    const image = make("img", { src: shown.url, alt: `The picture ${shown.name}` });
    image.onload = () => image.classList.toggle("tiny", image.naturalWidth <= 96 && image.naturalHeight <= 96);
    preview.append(image);
  }
  say.replaceChildren(...(shown ? [make("span", { className: "name", textContent: shown.name }),
    make("span", { className: "soft" }, "Drop another, or ", make("u", { textContent: "choose one" }))]
    : [make("strong", { textContent: "Drop a picture here" }),
      make("span", { className: "soft" }, "paste one, or ", make("u", { textContent: "choose one" }))]));
}

function take(files) {
  const file = [...files].find(isPicture);
  if (file) choose(file, file.name || "pasted picture");
  else if (files.length) toast("That is not a picture this page can read.");
}

/** Calls back with the files dropped on an element. */
export function onDrop(element, callback) {
  for (const kind of ["dragover", "dragleave", "drop"]) element.addEventListener(kind, event => {
    event.preventDefault();
    element.classList.toggle("over", kind === "dragover");
    if (kind === "drop") callback(event.dataTransfer);
  });
}

export function begin() {
  for (const place of document.querySelectorAll(".drop")) {
    const input = make("input", { type: "file", accept: "image/*", className: "unseen", id: `pick-${place.dataset.drop}` });
    input.addEventListener("change", () => { take(input.files); input.value = ""; });
    place.append(make("div", { className: "preview" }), make("label", { className: "say", for: input.id }), input);
    onDrop(place, transfer => take(transfer.files));
    places.push(place);
    draw(place);
  }
  addEventListener("paste", event => { if (event.clipboardData?.files.length) take(event.clipboardData.files); });
  // A picture dropped beside its place must not replace the page.
  for (const kind of ["dragover", "drop"]) addEventListener(kind, event => event.preventDefault());
}
