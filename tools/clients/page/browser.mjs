// A browser for the suite: opened pages note every console error, axe-core judges what is shown, checks say what they saw.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename } from "node:path";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const launch = executablePath => chromium.launch({ executablePath, args: ["--disable-gpu", "--disable-dev-shm-usage"] });

export function check(holds, what) {
  if (!holds) throw new Error(`not so: ${what}`);
  console.log(`  ${what}`);
}

/** Opens a page in a context of its own; `expected` matches console errors that are meant to be. */
export async function open(browser, address, options = {}, expected = null) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.problems = [];
  page.on("pageerror", error => page.problems.push(`error: ${error.message}`));
  page.on("console", message => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    if (!expected?.test(message.text())) page.problems.push(`${message.type()}: ${message.text()} ${message.location().url}`);
  });
  page.on("request", request => {
    const url = request.url();
    if (!url.startsWith(address) && !/^(data|blob):/.test(url)) page.problems.push(`asked elsewhere: ${url}`);
  });
  await page.goto(`${address}/`);
  return page;
}

/** No serious issue in what is shown, in light and in dark. */
export async function judge(page, what) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    // Evaluated by the driver, which the page's own policy does not hold back.
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    const serious = violations.filter(one => ["serious", "critical"].includes(one.impact));
    const told = serious.map(one => `${one.id}: ${one.nodes.slice(0, 3).map(node => `${node.html} ${node.failureSummary}`).join(" | ")}`);
    if (serious.length) throw new Error(`axe-core, ${what}, ${colorScheme}:\n${told.join("\n")}`);
    const light = violations.map(one => one.id);
    console.log(`  axe-core, ${what}, ${colorScheme}: nothing serious${light.length ? `, lesser: ${light.join(", ")}` : ""}`);
  }
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
}

/** Drops a file as a person would, on an element. */
export async function dropOn(page, selector, file) {
  const transfer = await page.evaluateHandle(([name, data]) => {
    const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0)), transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type: "image/png" }));
    return transfer;
  }, [basename(file), readFileSync(file, "base64")]);
  await page.dispatchEvent(selector, "drop", { dataTransfer: transfer });
}

/** Waits until an element's text matches, and returns it. */
export async function says(page, selector, pattern) {
  try {
    await page.waitForFunction(([selector, source]) => new RegExp(source).test(document.querySelector(selector)?.textContent), [selector, pattern.source]);
  } catch {
    throw new Error(`${selector} never said ${pattern}, but: ${await page.textContent(selector)}`);
  }
  return page.textContent(selector);
}

export async function fits(page, what) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  check(over <= 0, `${what} fits the width of ${await page.evaluate(() => innerWidth)} pixels`);
}

export function clean(page, what) {
  if (page.problems.length) throw new Error(`${what}: the console told\n  ${page.problems.join("\n  ")}`);
  console.log(`  ${what}: no console error, nothing asked elsewhere`);
}
