// Keys, refusals, silence and loss, as the page tells them. The answers are played.

import assert from "node:assert/strict";
import { test } from "node:test";

import { answer, check, end, open, openOn, push, status } from "./helpers.mjs";
import { rich } from "./states.mjs";

const key = "a-key-that-must-not-leak";
const problem = (code, detail, headers = {}) =>
  ({ status: code, headers: { "Content-Type": "application/problem+json", ...headers }, body: { detail } });
const asked = (page) => page.evaluate(() => window.played.asked.length);

test("a stream that ends is opened again, and the page says since when it is stale", async (t) => {
  const page = await openOn(t, rich());
  await answer(page, "away");
  await end(page);
  await status(page, /^Reconnecting, stale since \d\d:\d\d:\d\d$/);
  await page.getByText("No answer from canopy-metrics").waitFor();
  assert.ok(await page.locator("#fleet").isVisible(), "what is known stays");
  await check(page, "reconnecting");
  await answer(page, "state");
  await page.getByRole("button", { name: "Try now" }).click();
  await status(page, /^Live$/);
  assert.equal(await page.locator("#notice").isVisible(), false);
});

test("attempts grow rarer", async (t) => {
  const page = await openOn(t, rich(), { clock: true });
  await answer(page, "away");
  await end(page);
  await status(page, /^Reconnecting/);
  const before = await asked(page);
  await page.clock.runFor(120_000);
  const attempts = (await asked(page)) - before;
  assert.ok(attempts >= 5 && attempts <= 12, `${attempts} attempts in two minutes`);
});

test("a stream that says nothing new is stale, one that falls silent is given up", async (t) => {
  const page = await openOn(t, rich(), { clock: true });
  await page.clock.runFor(15_000);
  await page.evaluate(() => window.played.beat());
  await page.clock.runFor(10_000);
  await status(page, /^Stale since/);
  await push(page, rich());
  await page.clock.runFor(1_000);
  await status(page, /^Live$/);
  const before = await asked(page);
  await page.clock.runFor(60_000);
  await status(page, /^Live$/);
  assert.ok((await asked(page)) > before, "opened again");
});

test("a key is asked for, sent as a header, and kept in the tab alone", async (t) => {
  const page = await openOn(t, rich());
  await answer(page, problem(401, "no such key"));
  await end(page);
  const form = page.getByLabel("API key");
  await form.waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "key");
  assert.equal(await page.locator("#panels").isVisible(), false, "nothing that needs a key is left");
  await check(page, "key");
  await form.fill("wrong");
  await page.keyboard.press("Enter");
  await page.getByText("The key was refused: no such key.").waitFor();
  assert.equal(await form.getAttribute("aria-invalid"), "true");
  await answer(page, "state");
  await form.fill(key);
  await page.keyboard.press("Enter");
  await status(page, /^Live$/);
  assert.equal(await page.evaluate(() => window.played.asked.at(-1).key), key);
  assert.equal(await page.evaluate(() => sessionStorage.getItem("canopy-key")), key);
  assert.ok(!(await page.evaluate(() => JSON.stringify(localStorage))).includes(key));
  assert.ok(!page.url().includes(key) && !(await page.content()).includes(key));
  await page.getByRole("button", { name: "Forget the key" }).click();
  await status(page, /^Live$/);
  assert.equal(await page.evaluate(() => window.played.asked.at(-1).key), null);
});

test("a key without the right is called so", async (t) => {
  const page = await openOn(t, rich(), { key });
  await answer(page, problem(403, "this key may not read the dashboard"));
  await end(page);
  await page.getByText("The key was refused: this key may not read the dashboard.").waitFor();
  await status(page, /^Key needed$/);
});

test("a used up rate and a failing server are explained, and tried again", async (t) => {
  const page = await openOn(t, rich(), { clock: true });
  await answer(page, problem(429, "slow down", { "Retry-After": "20" }));
  await end(page);
  await page.clock.runFor(2_000);
  await page.getByText("Too many requests with this key.").waitFor();
  const before = await asked(page);
  await page.clock.runFor(15_000);
  assert.equal(await asked(page), before, "not before the server wants it");
  await answer(page, problem(503, "the store cannot be read"));
  await page.clock.runFor(10_000);
  await page.getByText("canopy-metrics answers 503: the store cannot be read.").waitFor();
  await answer(page, "state");
  await page.clock.runFor(60_000);
  await status(page, /^Live$/);
});

test("a model that is not there leads to the one that is", async (t) => {
  const page = await openOn(t, rich(), { path: "/?model=rubies" });
  await answer(page, problem(404, "no replica serves `rubies`"));
  await end(page);
  await page.getByText("canopy-metrics refuses: no replica serves `rubies`.").waitFor();
  await status(page, /^Refused$/);
  await answer(page, "state");
  await page.getByRole("button", { name: "Show the default" }).click();
  await status(page, /^Live$/);
  assert.ok(!page.url().includes("rubies"));
});

test("the first answer may be a failure", async (t) => {
  const page = await open(t, { play: rich(), answer: "away" });
  await page.getByText("No answer from canopy-metrics").waitFor();
  await status(page, /^Reconnecting$/);
  await check(page, "no-answer");
});
