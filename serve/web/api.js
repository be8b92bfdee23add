// Asks the server. Adds the API key where one is known, and asks the person for one where the server wants it.

import { $ } from "./dom.js";

const STORED = "simclr-key";
let asking = null;

export class Refusal extends Error {
  constructor(status, { message, code, param } = {}, retryAfter = 0) {
    super(message ? (param && param !== "body" ? `${message} (${param})` : message) : `the server answered ${status}`);
    Object.assign(this, { status, code, retryAfter });
  }
}

const key = () => sessionStorage.getItem(STORED);

/** The decoded answer, JSON or text. `body` is sent as JSON. */
export async function ask(method, path, body) {
  for (;;) {
    const headers = {}, used = key();
    if (used) headers.authorization = `Bearer ${used}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) })
      .catch(() => { throw new Refusal(0, { message: "the server cannot be reached" }); });
    if (answer.status === 401 && (key() !== used || await askForKey(Boolean(used)))) continue;
    return decode(answer);
  }
}

async function decode(answer) {
  const text = await answer.text();
  const isJson = (answer.headers.get("content-type") ?? "").startsWith("application/json");
  const value = isJson && text ? JSON.parse(text) : text;
  if (!answer.ok) throw new Refusal(answer.status, value?.error, Number(answer.headers.get("retry-after")));
  return value;
}

/** Whether the person gave a key; several requests at once wait for one dialog. */
export function askForKey(wasWrong = false) {
  asking ??= new Promise(resolve => {
    const dialog = $("key-dialog");
    const why = $("key-why"), first = (why.dataset.first ??= why.textContent);
    why.textContent = wasWrong ? "The server does not know that key. Try another." : first;
    $("key").value = "";
    dialog.returnValue = "cancel";
    dialog.addEventListener("close", () => {
      asking = null;
      // Headers hold nothing else, and a typographic quote from a document would stop every later request.
      const given = dialog.returnValue === "use" ? $("key").value.replace(/[^\x21-\x7e]/g, "") : "";
      if (given) sessionStorage.setItem(STORED, given);
      resolve(Boolean(given));
    }, { once: true });
    dialog.showModal();
    $("key").focus();
  });
  return asking;
}

export const path = (strings, ...parts) => String.raw({ raw: strings }, ...parts.map(part => encodeURIComponent(part)));

let described;

/** What `/v1/describe` says, asked once. */
export function describe() {
  described ??= ask("GET", "/v1/describe").catch(error => { described = undefined; throw error; });
  return described;
}
