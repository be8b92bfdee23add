// The page with pictures of CIFAR-10 and of the flowers: real.mjs PHASE ADDRESS KEY CHROMIUM FOLDER.
// FOLDER/<class>/0.png is shown to the page, the others are stored. `first` fills, `second` looks after a restart.

import { readdirSync } from "node:fs";
import { check, clean, dropOn, launch, open, says } from "./browser.mjs";

const [phase, address, key, executable, folder] = process.argv.slice(2);
const classes = readdirSync(folder).sort(), tab = name => `nav a[href="#${name}"]`;
const stored = name => readdirSync(`${folder}/${name}`).filter(file => file !== "0.png").map(file => `${folder}/${name}/${file}`);

async function fills(page) {
  await page.waitForSelector("#key-dialog[open]");
  await page.fill("#key", key);
  await page.keyboard.press("Enter");
  await says(page, "#say", /no collection yet/);
  await page.fill("#new-name", "cifar");
  await page.press("#new-name", "Enter");
  await says(page, "#say", /It is empty/);
  for (const name of classes) {
    await page.fill("#label", name);
    await page.setInputFiles("#add-files", stored(name));
    await says(page, "#added", new RegExp(`^${stored(name).length} added\\.$`));
    await page.fill("#label", "");
  }
  check(true, `pictures of ${classes.length} classes are stored`);
}

/** How many pictures that are not stored have a neighbour of their class among the first five, and are called by it. */
async function asks(page) {
  let [near, called] = [0, 0];
  for (const name of classes) {
    await page.click(tab("search"));
    // What is said of the picture before must not be taken for what is said of this one.
    await page.evaluate(() => { for (const id of ["say", "classes-say", "classes"]) document.getElementById(id).replaceChildren(); });
    await dropOn(page, '.drop[data-drop="search"]', `${folder}/${name}/0.png`);
    await page.waitForFunction(() => /24 nearest/.test(document.getElementById("say").textContent));
    const told = await page.locator("#results .facts-line").allTextContents();
    if (told.slice(0, 5).some(line => line.includes(name))) near++;
    await page.click(tab("classify"));
    await page.waitForFunction(() => document.querySelectorAll(".classifier .label").length > 0 && /most probable/.test(document.getElementById("classes-say").textContent));
    if (await page.locator(".classifier .label").first().textContent() === name) called++;
  }
  check(near >= 7, `${near} of ${classes.length} have one of their class among five neighbours`);
  check(called >= 7, `${called} of ${classes.length} are called by their class`);
}

async function deletes(page) {
  await page.click(tab("search"));
  await page.click("#back");
  await says(page, "#say", /^\d+ records\./);
  const first = page.locator("#results .hit").first(), name = await first.locator(".id").getAttribute("title");
  await first.locator(".remove").focus();
  await page.keyboard.press("Enter");
  await says(page, "#toast", /is deleted/);
  check(true, `${name} is deleted`);
}

async function evaluates(page) {
  await page.click(tab("evaluations"));
  await page.waitForSelector("#evaluation-form:not([hidden])");
  await page.getByLabel(/Flowers/).check();
  await page.click("#evaluation-form summary");
  await page.locator("#partial").check();
  await page.click("#evaluation-form .main");
  await page.waitForSelector(".evaluation .badge");
  await says(page, ".evaluation .badge", /finished/);
  await page.waitForSelector(".figures .cited");
  check(/of \d+ pictures/.test(await page.textContent(".figures")), `flowers are judged, beside the paper's figures: ${(await page.locator(".figures tbody tr").first().textContent()).trim()}`);
}

const count = classes.reduce((sum, name) => sum + stored(name).length, 0);
const browser = await launch(executable);
try {
  const page = await open(browser, address, { reducedMotion: "reduce" }, /status of 401/);
  if (phase === "first") {
    await fills(page);
    await asks(page);
    await deletes(page);
    await evaluates(page);
  } else {
    await says(page, "#say", /\d+ records/);
    check((await page.textContent("#say")).startsWith(`${count - 1} records`), `after the restart: ${count - 1} of ${count} are still there`);
    await dropOn(page, '.drop[data-drop="search"]', `${folder}/${classes[0]}/0.png`);
    await says(page, "#say", /24 nearest/);
    await page.click(tab("evaluations"));
    await says(page, ".evaluation .badge", /finished/);
    check(true, "and so is the evaluation");
  }
  clean(page, `real pictures, ${phase}`);
} catch (error) {
  console.error(`  ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
