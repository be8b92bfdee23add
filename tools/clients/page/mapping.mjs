// The Map tab: points, their colours, the lasso, and the arrangement by neighbours.

import { check, judge, says } from "./browser.mjs";

/** Draws around everything, and labels it. */
async function lassoes(page, all) {
  const { x, y, width, height } = await page.locator("#canvas").boundingBox();
  await page.click("#map-lasso");
  // Its corners are round.
  await page.mouse.move(x + 9, y + 9);
  await page.mouse.down();
  for (const [right, down] of [[width - 9, 9], [width - 9, height - 9], [9, height - 9]]) await page.mouse.move(x + right, y + down, { steps: 4 });
  await page.mouse.up();
  await says(page, "#ringed-say", new RegExp(`^${all} records chosen`));
  await page.waitForSelector("#ringed-list img");
  await judge(page, "Map, with records chosen");
  await page.fill("#ringed-label", "seen");
  await page.press("#ringed-label", "Enter");
  await says(page, "#legend", new RegExp(`seen ${all}`));
  check(true, `a lasso chooses all ${all}, and labels them`);
  await page.click("#map-lasso");
}

/** Arranges by neighbours: offered, cancelled, done, and shown again. */
async function arranges(page, all) {
  await page.selectOption("#map-by", "neighbours");
  await says(page, "#arranging-say", /still by directions/);
  await says(page, "#map-say", /These two directions/);
  await judge(page, "Map, with the offer to arrange it");
  const steps = page.evaluate(() => new Promise(resolve => {
    const seen = new Set(), say = document.getElementById("arranging-say");
    new MutationObserver(() => { seen.add(say.textContent); if (document.getElementById("arranging").hidden) resolve([...seen]); })
      .observe(document.getElementById("arranging"), { attributes: true, childList: true, subtree: true });
  }));
  await page.click("#arranging-start");
  await page.click("#arranging-cancel");
  await says(page, "#arranging-say", /It was cancelled/);
  check(await page.isVisible("#arranging-start"), "arranging by neighbours is offered, started and cancelled");
  // Until its thread has ended, another is refused.
  for (;;) {
    await page.click("#arranging-start");
    await page.waitForFunction(() => !/It was cancelled/.test(document.getElementById("arranging-say").textContent) || document.getElementById("arranging").hidden);
    if (!/arranged already/.test(await page.textContent("#arranging-say"))) break;
  }
  await says(page, "#map-say", new RegExp(`^${all} records .*beside their neighbours`));
  check(await page.isHidden("#arranging"), `the map is arranged by neighbours, after: ${(await steps).filter(text => text.endsWith("by directions.")).join(" ")}`);
  await judge(page, "Map, arranged by neighbours");
}

/** The arrangement is kept in the data folder. */
export async function arrangementIsThere(page) {
  await page.click('nav a[href="#map"]');
  await page.selectOption("#map-by", "neighbours");
  const said = await says(page, "#map-say", /beside their neighbours/);
  check(await page.isHidden("#arranging"), `after the restart: ${said}`);
}

/** `all` records are there, so many of them labelled as photographs. */
export async function maps(page, all, photographs) {
  await page.click('nav a[href="#map"]');
  await says(page, "#map-say", new RegExp(`^${all} records`));
  await page.fill("#map-field", "label");
  await page.press("#map-field", "Tab");
  await says(page, "#legend", new RegExp(`photograph ${photographs}`));
  await judge(page, "Map");
  await lassoes(page, all);
  await arranges(page, all);
  // The points are pixels: where the map is not empty, one is under the pointer.
  const spot = await page.evaluate(async () => {
    await new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const canvas = document.getElementById("canvas"), { width, height } = canvas, data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
    const first = data.findIndex((value, index) => index % 4 === 3 && value > 0) >> 2;
    const box = canvas.getBoundingClientRect(), dense = width / box.width;
    return first < 0 ? null : { x: box.x + (first % width) / dense, y: box.y + Math.floor(first / width) / dense + 2 };
  });
  check(spot !== null, "the map has points");
  await page.mouse.move(spot.x, spot.y);
  await page.waitForSelector("#tip img");
  const under = await page.textContent("#tip");
  await page.mouse.click(spot.x, spot.y);
  await page.waitForFunction(under => !document.getElementById("search").hidden && document.querySelector(".drop .name")?.textContent === under, under);
  check(true, `a point shows its picture, and ${under} is searched from it`);
}
