// How smoothly the map moves: frames.mjs ADDRESS CHROMIUM SECONDS. Prints one line of JSON.
// The browser's own frames are counted while the mouse drags the map all the time, and while the wheel zooms it.

import { launch, open, says } from "./browser.mjs";

const [address, executable, seconds] = process.argv.slice(2);
const browser = await launch(executable);

/** Milliseconds between the browser's frames while `work` goes on. */
async function frames(page, work) {
  await page.evaluate(() => {
    const times = globalThis.frameTimes = [];
    const tick = time => { times.push(time); globalThis.ticking = requestAnimationFrame(tick); };
    requestAnimationFrame(tick);
  });
  const end = Date.now() + 1000 * Number(seconds);
  for (let step = 0; Date.now() < end; step++) await work(step);
  const times = await page.evaluate(() => { cancelAnimationFrame(globalThis.ticking); return globalThis.frameTimes; });
  const gaps = times.slice(1).map((time, index) => time - times[index]).sort((a, b) => a - b);
  const per = 1000 * gaps.length / (times.at(-1) - times[0]);
  return { frames_per_second: +per.toFixed(1), slowest_of_twenty_ms: +gaps[Math.floor(gaps.length * 0.95)].toFixed(1) };
}

try {
  const page = await open(browser, address);
  const began = Date.now();
  await page.click('nav a[href="#map"]');
  await says(page, "#map-say", /records of/);
  const drawn = (Date.now() - began) / 1000;
  await page.fill("#map-field", "label");
  await page.press("#map-field", "Tab");
  await says(page, "#legend", /\d/);
  const box = await page.locator("#canvas").boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  const panned = await frames(page, step => page.mouse.move(x + 120 * Math.sin(step / 9), y + 80 * Math.cos(step / 7)));
  await page.mouse.up();
  const zoomed = await frames(page, step => page.mouse.wheel(0, step % 40 < 20 ? -60 : 60));
  console.log(JSON.stringify({ points: await page.textContent("#map-say"), drawn_s: drawn, panned, zoomed }));
} finally {
  await browser.close();
}
