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

/** Whether the server is asked with a key. */
export const hasKey = () => key() !== null;

/** The bare answer; what is refused is thrown. Asks for a key where the server wants one. */
export async function send(method, path, { headers = {}, ...rest } = {}) {
  for (;;) {
    const used = key(), all = used ? { ...headers, authorization: `Bearer ${used}` } : headers;
    const answer = await fetch(path, { method, headers: all, ...rest }).catch(error => {
      throw error.name === "AbortError" ? error : new Refusal(0, { message: "the server cannot be reached" });
    });
    if (answer.status === 401 && (key() !== used || await askForKey(Boolean(used)))) continue;
    if (!answer.ok) await decode(answer);
    return answer;
  }
}

/** The decoded answer, JSON or text. `body` is sent as JSON. */
export async function ask(method, path, body) {
  const sent = body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return decode(await send(method, path, sent));
}

/** Asks again while the server is full; gives up after a minute. */
export async function patiently(work) {
  const began = performance.now();
  for (;;) {
    try { return await work(); } catch (error) {
      if (![429, 503].includes(error.status) || performance.now() - began > 60_000) throw error;
      await new Promise(resolve => setTimeout(resolve, 1000 * Math.max(1, error.retryAfter || 1)));
    }
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
