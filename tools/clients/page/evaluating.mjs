// The Evaluations tab: started, watched, cancelled, resumed, read, compared; and still there after a restart.

import { check, judge, says } from "./browser.mjs";

const tab = 'nav a[href="#evaluations"]', card = ".evaluation";

export async function evaluates(page) {
  await page.click(tab);
  await page.waitForSelector("#evaluation-form:not([hidden])");
  const names = await page.locator("#encoders label").allTextContents();
  check(names.length === 3 && /stripes/.test(await page.textContent("#datasets")), `encoders and datasets are offered: ${names.join(", ")}`);
  await page.locator('#encoders input:checked').first().uncheck();
  await page.click("#evaluation-form .main");
  check(/at least one encoder/.test(await says(page, "#start-say", /Choose/)), "nothing is started without an encoder");
  for (const index of [0, 1]) await page.locator("#encoders input").nth(index).check();
  await page.click("#evaluation-form .main");
  await says(page, `${card} .badge`, /runs/);
  await says(page, `${card} p[role="status"]`, /0 of 2 done.*pictures \d+ of \d+/);
  check(true, "it runs, and says how far it is");
  await page.locator(card).getByRole("button", { name: "Cancel" }).click();
  await says(page, `${card} .badge`, /cancelled/);
  await judge(page, "Evaluations, cancelled");
  await page.locator(card).getByRole("button", { name: "Resume" }).click();
  await says(page, `${card} .badge`, /finished/);
  check(true, "cancelled it ends, resumed it finishes");
  await page.waitForSelector(".figures tbody tr");
  const figures = (await page.locator(".figures tbody").first().locator("tr").allTextContents()).map(text => text.trim());
  check(figures.length === 2 && await page.locator(".dots circle").count() === 2, `figures and dots: ${figures.join(" · ")}`);
  await page.getByRole("button", { name: "Compare" }).click();
  const verdict = await says(page, ".versus [role=status]", /is better|may be chance|no difference/);
  check(/\d\.\d{4}/.test(verdict), "two encoders are compared, with p-values");
  for (const [name, pattern] of [["Page", /\.html$/], ["Markdown", /\.md$/], ["JSON", /\.json$/]]) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: `Download the report as ${name}` }).click()]);
    check(pattern.test(download.suggestedFilename()), `the report is downloaded: ${download.suggestedFilename().replace(/-\w+\./, "-….")}`);
  }
  await judge(page, "Evaluations, finished");
}

export async function evaluationIsThere(page) {
  await page.click(tab);
  check(/finished/.test(await says(page, `${card} .badge`, /finished/)), "after the restart: the evaluation is still there");
  await page.locator(`${card} summary`).click();
  await page.waitForSelector(".figures tbody tr");
  await page.locator(card).getByRole("button", { name: "Delete" }).click();
  // The sentence is in the document all the time, hidden.
  await page.locator("#no-evaluations").waitFor({ state: "visible" });
  check(await page.locator(card).count() === 0, "and deleted, it is gone");
}
