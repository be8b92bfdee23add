// Drives the page in a real browser against a real server: check.mjs PHASE ADDRESS KEY CHROMIUM PICTURE...
// `first` fills an empty server that has keys; `second` looks at the same data after a restart without keys.

import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { check, clean, dropOn, fits, judge, launch, open, says } from "./browser.mjs";
import { evaluates, evaluationIsThere } from "./evaluating.mjs";
import { arrangementIsThere, maps } from "./mapping.mjs";
import { measures } from "./weighing.mjs";

const [phase, address, key, executable, ...pictures] = process.argv.slice(2);
const sample = pictures.find(path => path.includes("chelsea-centre")), name = basename(sample);
const ALIKE = 2, DRAWN = 12;
const tab = name => `nav a[href="#${name}"]`;
const count = page => page.locator("#results .hit").count();

async function presentsKey(page) {
  await page.waitForSelector("#key-dialog[open]");
  await judge(page, "the dialog for the key");
  await page.fill("#key", "not-a-key-of-this-server");
  await page.keyboard.press("Enter");
  await says(page, "#key-why", /does not know that key/);
  await page.fill("#key", key);
  await page.keyboard.press("Enter");
  await says(page, "#say", /no collection yet/);
  check(true, "a wrong key is asked for again, a right one is taken");
}

async function fills(page) {
  await page.fill("#new-name", "shots");
  await page.press("#new-name", "Enter");
  await says(page, "#say", /It is empty/);
  await page.fill("#label", "photograph");
  await page.setInputFiles("#add-files", pictures);
  check(await says(page, "#added", /^\d+ added\.$/) === `${pictures.length} added.`, `${pictures.length} pictures are added`);
  await page.waitForFunction(() => document.querySelectorAll("#results .hit").length === 24);
  check(await count(page) === 24 && await page.locator("#results img").count() === 24, "a page of them is shown, with previews");
  await page.click("#more");
  await page.waitForFunction(() => document.querySelectorAll("#results .hit").length === 48);
  await page.setInputFiles("#add-files", pictures.slice(0, 20));
  check(await says(page, "#added", /^0 added, 20 duplicates\.$/), "the same ones again are duplicates, and named");
  // Two folders have a picture of one name each.
  const alike = pictures.slice(0, ALIKE).map(path => ({ name: "same.png", mimeType: "image/png", buffer: Buffer.concat([readFileSync(path), Buffer.from("x")]) }));
  for (const one of alike) {
    await page.setInputFiles("#add-files", [one]);
    check(await says(page, "#added", /^1 added/) === "1 added.", "a picture of a name that is there already replaces nothing");
  }
  const broken = join(tmpdir(), `broken-${process.pid}.png`);
  writeFileSync(broken, "this is no picture");
  await page.setInputFiles("#add-files", [broken]);
  check(await says(page, "#added", /^0 added, 1 refused\.$/), "what is no picture is refused, and named");
}

/** The one dropped last is searched from, though the one before it takes longer to read. */
async function dropsTwice(page) {
  await page.evaluate(async ([large, small]) => {
    const file = (name, data) => { const all = new DataTransfer(); all.items.add(new File([data], name, { type: "image/png" })); return all; };
    const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    const place = document.querySelector('.drop[data-drop="search"]');
    // A PNG may be followed by anything.
    const slow = new Blob([bytes(large), new Uint8Array(12_000_000)]);
    for (const transfer of [file("slow.png", slow), file("last.png", bytes(small))]) place.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
  }, [pictures.find(path => path !== sample), sample].map(path => readFileSync(path, "base64")));
  await page.waitForFunction(name => document.querySelector("#results .id")?.textContent === name, name);
  check(await page.textContent(".drop .name") === "last.png", "of two quick drops the last is shown and searched from");
}

async function searches(page) {
  await dropOn(page, '.drop[data-drop="search"]', sample);
  await says(page, "#say", /24 nearest/);
  const ids = await page.locator("#results .id").allTextContents();
  const score = Number(await page.locator("#results .score").first().textContent());
  check(ids[0] === name && score > 0.999, `a dropped picture finds itself first: ${ids.slice(0, 4).join(", ")}`);
  await dropsTwice(page);
  await page.click("#filters summary");
  const fields = page.locator("#conditions input");
  await fields.nth(0).fill("file");
  await page.locator("#conditions select").selectOption("is one of");
  await fields.nth(1).fill("coffee-centre.png, moon-centre.png");
  await fields.nth(1).press("Tab");
  await says(page, "#say", /^2 nearest/);
  check((await page.locator("#results .id").allTextContents()).sort().join() === "coffee-centre.png,moon-centre.png", "a filter leaves two");
  await page.click("#clear-filter");
  await says(page, "#say", /24 nearest/);
  await page.locator("#results .look").nth(1).click();
  await page.waitForFunction(searched => {
    const found = [...document.querySelectorAll("#results .id")].map(id => id.textContent);
    return found.length === 24 && !found.includes(searched);
  }, ids[1]);
  check(await page.textContent(".drop .name") === ids[1], `a result is searched from: ${ids[1]} is not its own neighbour`);
}

async function classifies(page) {
  await dropOn(page, '.drop[data-drop="search"]', sample);
  await page.focus(tab("search"));
  await page.keyboard.press("ArrowRight");
  await says(page, "#classes-say", /most probable first/);
  const shares = (await page.locator(".classifier .number").allTextContents()).map(parseFloat);
  const labels = await page.locator(".classifier .label").allTextContents();
  const falling = shares.every((share, index) => index === 0 || share <= shares[index - 1]);
  check(shares.length === 5 && falling, `classes, most probable first: ${labels.map((label, index) => `${label} ${shares[index]} %`).join(", ")}`);
}

/** Three clicks, and records with labels become a classifier. */
async function teaches(page) {
  await page.click(tab("search"));
  await page.fill("#label", "drawing");
  await page.setInputFiles("#add-files", Array.from({ length: DRAWN }, (_, number) => `datasets/stripes/lying/${number}.png`));
  await says(page, "#added", new RegExp(`^${DRAWN} added`));
  await page.click(tab("classify"));
  await page.click("#teaching summary");
  await page.waitForFunction(() => document.getElementById("teach-field").value === "label");
  check(true, "the field of the labels is found");
  await page.click("#teach button");
  const said = await says(page, "#taught", /2 classes apart: [\d.]+ % right on \d+ records/);
  await page.waitForFunction(() => document.querySelectorAll(".classifier").length === 2);
  check(true, `a classifier is made and used at once: ${said}`);
  await judge(page, "Classify, with a new classifier");
  page.once("dialog", dialog => dialog.accept());
  await page.click('.classifier button[aria-label^="Delete"]');
  await page.waitForFunction(() => document.querySelectorAll(".classifier").length === 1);
}

async function deletes(page) {
  await page.click(tab("search"));
  await dropOn(page, '.drop[data-drop="search"]', sample);
  await page.waitForFunction(name => document.querySelector("#results .id")?.textContent === name, name);
  const first = page.locator("#results .hit", { has: page.getByText(name, { exact: true }) });
  for (const undone of [true, false]) {
    await first.locator(".remove").focus();
    await page.keyboard.press("Enter");
    await says(page, "#toast", new RegExp(`${name} is deleted`));
    check(await first.count() === 0, `${name} is deleted`);
    if (!undone) break;
    await page.click("#toast button");
    await says(page, "#toast", /is back/);
    await first.waitFor();
    check(true, `${name} is back, undone`);
  }
}

async function system(page) {
  await page.click(tab("system"));
  await says(page, "#gauges", /ready/);
  await says(page, "#limits", /picture bytes/);
  const embedded = await page.locator("#stages .bars").count();
  check(embedded === 3 && await page.locator("#routes tbody tr").count() > 3, "System shows three histograms and the routes");
}

async function readsWithoutScripts(browser) {
  const page = await open(browser, address, { javaScriptEnabled: false });
  const text = await page.innerText("body");
  check(/shots\s+\d+ records of/.test(text) && /Trained on/.test(text) && text.includes("Scripts are off"), "without scripts: collections and model cards");
  check(!(await page.isVisible(".drop")), "without scripts: nothing is shown that would not work");
  clean(page, "without scripts");
}

/** What the page links to as its interface: an operation is opened, tried, and its answer shown; nothing is asked elsewhere. */
async function triesAnOperation(browser) {
  const page = await open(browser, address);
  await page.click(tab("system"));
  await page.click('a[href="/docs/"]');
  await page.click('.opblock-get .opblock-summary-path[data-path="/v1/models"]');
  await page.click(".opblock.is-open button.execute");
  await says(page, ".opblock.is-open .live-responses-table tbody .response-col_status", /200/);
  await says(page, ".opblock.is-open .request-url", /\/v1\/models$/);
  check(true, "Swagger UI asks what it says it asks");
  clean(page, "/docs");
}

const PHASES = {
  async first(browser) {
    const page = await open(browser, address, { reducedMotion: "reduce" }, /status of (401|422|400)/);
    await presentsKey(page);
    await fills(page);
    await searches(page);
    await judge(page, "Search");
    await classifies(page);
    await judge(page, "Classify");
    await teaches(page);
    await maps(page, pictures.length + ALIKE + DRAWN, pictures.length + ALIKE);
    await deletes(page);
    await evaluates(page);
    await system(page);
    await judge(page, "System");
    await page.setViewportSize({ width: 375, height: 720 });
    for (const one of ["search", "classify", "map", "evaluations", "system"]) {
      await page.click(tab(one));
      await fits(page, one);
    }
    clean(page, "the whole tour");
  },
  async second(browser) {
    const page = await open(browser, address);
    check((await says(page, "#say", /\d+ records/)).startsWith(`${pictures.length + ALIKE + DRAWN - 1} records`), "after the restart: all but the deleted one are still there");
    await dropOn(page, '.drop[data-drop="search"]', sample);
    await says(page, "#say", /24 nearest/);
    const ids = await page.locator("#results .id").allTextContents();
    check(!ids.includes(name), `after the restart: nearest are ${ids.slice(0, 3).join(", ")}, without the deleted one`);
    await evaluationIsThere(page);
    await arrangementIsThere(page);
    clean(page, "after the restart");
    await readsWithoutScripts(browser);
    await triesAnOperation(browser);
    await measures(browser, address);
  },
};

const browser = await launch(executable);
try {
  await PHASES[phase](browser);
} catch (error) {
  console.error(`  ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
