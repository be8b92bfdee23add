// How soon the page is painted, and how much of it is sent.

import { check, clean, open } from "./browser.mjs";

const FIRST_PAINT_MS = 200, WEIGHT = 300_000, LOADS = 7;

/** Milliseconds to the first contentful paint, of a page opened afresh. */
const paint = page => page.evaluate(() => new Promise(resolve => {
  new PerformanceObserver(list => resolve(list.getEntriesByName("first-contentful-paint")[0].startTime)).observe({ type: "paint", buffered: true });
}));

/** Bytes of the page as sent, without pictures and what the API answers. */
const weigh = page => page.evaluate(() => {
  const sent = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  return sent.filter(one => one.entryType === "navigation" || one.name.includes("/assets/")).reduce((sum, one) => sum + one.transferSize, 0);
});

/** How soon the page is there and how much it weighs; a fresh page each time. */
export async function measures(browser, address) {
  const paints = [], plain = [];
  let weight = 0;
  for (let load = 0; load < LOADS; load++) {
    const page = await open(browser, address);
    paints.push(await paint(page));
    await page.waitForSelector("#results .hit");
    weight = await weigh(page);
    clean(page, `load ${load + 1}`);
    await page.goto(`${address}/health/live`);
    plain.push(await paint(page));
    await page.context().close();
  }
  const sorted = paints.sort((a, b) => a - b), least = Math.min(...plain);
  // The best: what else runs on the machine only adds. Where it adds to a line of text as well, twice that is allowed for.
  check(sorted[0] < FIRST_PAINT_MS + 2 * least, `first contentful paint: best ${sorted[0].toFixed(0)} ms, median ${sorted[LOADS >> 1].toFixed(0)} ms of ${LOADS}; a line of text: ${least.toFixed(0)} ms`);
  check(weight > 10_000 && weight < WEIGHT, `the page weighs ${(weight / 1000).toFixed(1)} kB with headers`);
}
