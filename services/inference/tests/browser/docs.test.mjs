// The page at /docs, as a person meets it: filled in, sent, refused, without a model, without a server.
//
// The server's URL comes as CANOPY_URL; states that it is not in are played by intercepted answers.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";

import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

const server = process.env.CANOPY_URL;
assert.ok(server, "CANOPY_URL must be the URL of a running canopy-inference");
const origin = new URL(server).origin;
const key = "a-key-that-must-not-leak";

const flags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

let browser;

before(async () => {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  browser = await chromium.launch({ executablePath, args: flags });
});

after(() => browser?.close());

/** Opens the page; `play` gives answers instead of the server's, by path. */
async function open(t, { play = {}, ...options } = {}) {
  const context = await browser.newContext(options);
  t.after(() => context.close());
  const page = await context.newPage();
  const problems = [];
  const requests = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    // Chromium logs every status from 400 on: refusals are what some tests ask for.
    const isStatus = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !isStatus) problems.push(message.text());
  });
  page.on("request", (request) => requests.push(request.url()));
  for (const [name, answer] of Object.entries(play)) {
    await page.route(`${origin}/${name}`, (route) => {
      const now = answer();
      return now === undefined ? route.continue() : now === null ? route.abort() : route.fulfill(now);
    });
  }
  t.after(() => {
    assert.deepEqual(problems, [], "errors in the console");
    const elsewhere = requests.filter((url) => new URL(url).origin !== origin && !url.startsWith("data:"));
    assert.deepEqual(elsewhere, [], "requests that leave the origin");
    assert.ok(requests.every((url) => !url.includes(key)), "the key is in a URL");
  });
  await page.goto(`${server}/docs`);
  return page;
}

async function openWithModel(t, options) {
  const page = await open(t, options);
  await page.locator("#fields .field").first().waitFor();
  return page;
}

/** The field of the first number that must be there. */
async function number(page) {
  const { Row } = (await (await fetch(`${server}/openapi.json`)).json()).components.schemas;
  const name = Row.required.find((feature) => Row.properties[feature].type === "number");
  assert.ok(name, "the model has a number that is not nullable");
  const input = page.getByLabel(name, { exact: true });
  return { name, input, schema: Row.properties[name] };
}

async function send(page) {
  await page.getByRole("button", { name: "Predict" }).click();
  await page.locator("#answer:not([aria-busy]) h3").waitFor();
  return page.locator("#answer");
}

async function check(page, name) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
  assert.deepEqual(told, [], `accessibility, ${name}`);
  const folder = process.env.SCREENSHOTS;
  if (folder) await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
}

const problem = (status, code, members = {}, headers = {}) => ({
  status,
  headers: { "content-type": "application/problem+json", "x-request-id": "r-1", ...headers },
  body: JSON.stringify({ title: code, status, detail: `said ${code}`, code, request_id: "r-1", ...members }),
});

test("the example is answered with a prediction at once", async (t) => {
  const page = await openWithModel(t);
  const answer = await send(page);
  assert.match(await answer.locator("h3").innerText(), /^200/);
  assert.match(await page.locator("#prediction").innerText(), /^-?[\d.,E-]+$/);
  assert.equal(await answer.getByLabel("Warnings").count(), 0);
  assert.match(await answer.innerText(), /Request id\s+[\w-]{36}/);
  await check(page, "answered");
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [390, 1200]) {
    test(`is readable in ${colorScheme}, ${width} pixels wide`, async (t) => {
      const page = await openWithModel(t, { colorScheme, viewport: { width, height: 900 } });
      const { input } = await number(page);
      await input.fill("much");
      await send(page);
      await check(page, `refused-${colorScheme}-${width}`);
      await input.fill("1e9");
      await send(page);
      await page.getByLabel("Warnings").waitFor();
      await check(page, `warned-${colorScheme}-${width}`);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `the page is ${overflow} pixels too wide`);
    });
  }
}

test("a value that does not fit is shown at its field, with what was expected", async (t) => {
  const page = await openWithModel(t);
  const { name, input } = await number(page);
  await input.fill("much");
  const answer = await send(page);
  assert.match(await answer.innerText(), /^422[\s\S]*wrong_type[\s\S]*a number/);
  assert.equal(await input.getAttribute("aria-invalid"), "true");
  const message = page.locator(".field", { has: input }).locator(".message");
  assert.match(await message.innerText(), /Expected a number/);
  await input.fill("");
  assert.match(await (await send(page)).innerText(), /missing_feature/, `${name} is left out`);
  await page.getByRole("button", { name: "Back to the example" }).click();
  assert.equal(await input.getAttribute("aria-invalid"), null);
  assert.match(await (await send(page)).innerText(), /^200/);
});

test("the form works from the keyboard alone", async (t) => {
  const page = await openWithModel(t);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip model-only");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.id), "feature-0");
  await page.locator("#key").focus();
  await page.keyboard.press("Enter");
  await page.locator("#prediction").waitFor();
});

test("curl says what the form says, and never the key", async (t) => {
  const page = await openWithModel(t, { permissions: ["clipboard-read", "clipboard-write"] });
  const { input } = await number(page);
  await input.fill("0.75");
  await page.locator("#key").fill(key);
  const curl = await page.locator("#curl").textContent();
  assert.ok(curl.includes("0.75") && curl.includes('"X-API-Key: $CANOPY_API_KEY"'), curl);
  assert.ok(!curl.includes(key));
  await page.getByRole("button", { name: "Copy" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), curl);
});

test("a refused key is asked for, a used up rate is explained", async (t) => {
  const rate = { "ratelimit-limit": "9", "ratelimit-remaining": "0", "ratelimit-reset": "5" };
  const answers = [problem(401, "unauthorized"), problem(429, "rate_limited", {}, { ...rate, "retry-after": "2" })];
  let sent;
  const page = await openWithModel(t, { play: { predict: () => answers.shift() } });
  page.on("request", (request) => (sent = request.url().endsWith("/predict") ? request : sent));
  await send(page);
  assert.equal(await page.evaluate(() => document.activeElement.id), "key");
  await check(page, "unauthorized");
  await page.keyboard.type(key);
  const answer = await send(page);
  await answer.getByText("rate_limited", { exact: true }).waitFor();
  assert.match(await answer.innerText(), /0 of 9 requests left, all of them in 5 s[\s\S]*2 s/);
  assert.equal(sent.headers()["x-api-key"], key);
});

test("text from the server stays text", async (t) => {
  const markup = "<img src=x onerror=alert(1)>";
  const spec = await (await fetch(`${server}/openapi.json`)).json();
  spec["x-canopy"].model.name = markup;
  const body = JSON.stringify(spec).replaceAll(/Training saw/g, markup);
  const json = { contentType: "application/json", body };
  const play = {
    "openapi.json": () => json,
    predict: () => problem(422, markup, { detail: markup, suggestion: markup }),
  };
  const page = await openWithModel(t, { play });
  assert.ok((await page.locator("h1").innerText()).includes(markup));
  assert.ok((await (await send(page)).innerText()).includes(markup));
  assert.equal(await page.locator("img").count(), 0);
});

test("without a model it says what is waited for, and goes on when there is one", async (t) => {
  const reason = "model `m` has no champion yet";
  let isReady = false;
  const spec = await (await fetch(`${server}/openapi.json`)).json();
  spec["x-canopy"].model = null;
  const json = (status, body) => ({ status, contentType: "application/json", body: JSON.stringify(body) });
  const play = {
    ready: () => (isReady ? undefined : json(503, { status: "not_ready", reason, model_loaded: false })),
    "openapi.json": () => (isReady ? undefined : json(200, spec)),
  };
  const page = await open(t, { play });
  await page.getByText(`Waiting for the server: ${reason}.`).waitFor();
  assert.equal(await page.getByRole("button", { name: "Predict" }).isVisible(), false);
  await check(page, "waiting");
  isReady = true;
  await page.getByRole("button", { name: "Predict" }).waitFor();
  assert.equal(await page.locator("#status").innerText(), "ready");
  assert.equal(await page.locator("#notice").isVisible(), false);
});

test("another version is offered, and what was typed outlives it", async (t) => {
  let version = 77;
  const ready = () => ({ contentType: "application/json", body: JSON.stringify({ status: "ready", version }) });
  const page = await openWithModel(t, { play: { ready: () => version && ready() } });
  await page.getByText("Version 77 answers now.").waitFor();
  const { input } = await number(page);
  await input.fill("0.75");
  version = undefined;
  await page.getByRole("button", { name: "Show it" }).click();
  await page.locator("#notice").waitFor({ state: "hidden" });
  assert.equal(await input.inputValue(), "0.75");
});

test("a server that went away is called so", async (t) => {
  let isAway = false;
  const away = () => (isAway ? null : undefined);
  const page = await openWithModel(t, { play: { predict: away, ready: away } });
  isAway = true;
  assert.match(await (await send(page)).innerText(), /^No answer/);
  await page.getByText("The server does not answer").waitFor();
  assert.equal(await page.locator("#status").innerText(), "no answer");
});

test("the policy allows this server and nothing else", async () => {
  for (const path of ["/docs", "/docs/docs.css", "/docs/docs.js"]) {
    const { status, headers } = await fetch(server + path);
    assert.equal(status, 200, path);
    const policy = headers.get("content-security-policy");
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'/);
    assert.ok(!policy.includes("unsafe") && policy.includes("form-action 'none'"), policy);
    assert.equal(headers.get("cache-control"), "no-cache");
  }
});
