// Picture files on their way to the server: as data URIs, hashed, and small for a record to keep.

import { hasKey, send } from "./api.js";

const SIDE = 192, KEPT_BYTES = 40_000;

/** Digits of the hash that stand behind a file's name in its record's id. */
export const HASH = 8;

export const dataUri = blob => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result.replace(/^data:[^,]*,/, `data:${blob.type || "image/png"};base64,`));
  reader.onerror = () => reject(new Error("the file cannot be read"));
  reader.readAsDataURL(blob);
});

/** SHA-256 in hexadecimal; null where the browser does not offer it, which is on plain HTTP beyond this machine. */
export async function sha256(blob) {
  if (!globalThis.crypto?.subtle) return null;
  const hash = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
  return [...new Uint8Array(hash)].map(byte => byte.toString(16).padStart(2, "0")).join("");
}

/** A data URI of at most SIDE pixels a side, or null where the browser cannot read the picture. */
export async function thumbnail(blob) {
  const bitmap = await createImageBitmap(blob).catch(() => null);
  if (!bitmap) return null;
  const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  // Pictures of the size of CIFAR's are smaller and sharper without loss.
  const uri = scale === 1 && canvas.width <= 64 ? canvas.toDataURL("image/png") : canvas.toDataURL("image/jpeg", 0.8);
  return uri.length <= KEPT_BYTES ? uri : null;
}

const shown = new Map();

/** Where a record's picture can be shown from: its payload, or its collection's thumbnails; null where none is kept. */
export async function pictureOf(record) {
  const kept = record?.payload?.thumbnail, url = record?.thumbnail_url;
  if (typeof kept === "string" && /^data:image\/(png|jpeg|gif|webp);base64,/.test(kept)) return kept;
  if (!url || !hasKey()) return url ?? null;
  // An image asks without the key.
  if (!shown.has(url)) shown.set(url, fetched(url).then(blob => URL.createObjectURL(blob)).catch(() => { shown.delete(url); return null; }));
  return shown.get(url);
}

const fetched = async url => (await send("GET", url)).blob();

/** What to send to store a deleted record again, asked for while it is there. */
export async function wholeOf(record, { keep }, address) {
  const { id, payload, vector, content_sha256: hash, thumbnail_url: small } = record;
  const get = async (wanted, url) => (wanted ? await fetched(url).then(dataUri).catch(() => undefined) : undefined);
  const image = await get(keep.originals && hash, `${address}/pictures/${hash}/original`);
  const thumbnail = image ? undefined : await get(small, small);
  return { id, payload, vector, content_sha256: hash, image, thumbnail };
}

export const isPicture = file => file.type.startsWith("image/") || /\.(jpe?g|png|webp|gif|bmp)$/i.test(file.name);

/** What a person calls a record: its file where the id is only that and a hash, or else the id. */
export function nameOf({ id, payload, content_sha256: content }) {
  const { file, sha256 } = payload ?? {}, hash = content ?? sha256;
  return typeof file === "string" && typeof hash === "string" && id === `${file} ${hash.slice(0, HASH)}` ? file : id;
}
