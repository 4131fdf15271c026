// The browser, a page of the dashboard in it, and what every page is held to.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before } from "node:test";

import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

export const server = process.env.CANOPY_METRICS_URL?.replace(/\/$/, "");
assert.ok(server, "CANOPY_METRICS_URL must be the URL of a running canopy-metrics");
/** Where the server wants a key: one that it takes. */
export const serverKey = process.env.CANOPY_API_KEY;

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

/**
 * Opens the page, which may log no error, leave its origin, or put a key into a URL.
 * `play`: a state with which the page's API is played, `answer`: what it answers at first, `key`: one
 * that the tab has kept, `clock`: its time passes by `page.clock` alone.
 */
export async function open(t, { play, answer: first = "state", key, clock, path: where = "/", ...options } = {}) {
  const context = await browser.newContext({ locale: "en-US", timezoneId: "UTC", ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  const [problems, requests] = [[], []];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    // Chromium logs every status from 400 on: refusals are what some tests ask for.
    const isStatus = message.text().startsWith("Failed to load resource");
    if (["error", "warning"].includes(message.type()) && !isStatus) problems.push(message.text());
  });
  page.on("request", (request) => requests.push(request.url()));
  t.after(() => {
    assert.deepEqual(problems, [], "errors in the console");
    const elsewhere = requests.filter((url) => !url.startsWith(`${server}/`) && !url.startsWith("data:"));
    assert.deepEqual(elsewhere, [], "requests that leave the server");
    assert.ok(!key || requests.every((url) => !url.includes(key)), "the key is in a URL");
  });
  if (key) await page.addInitScript((kept) => sessionStorage.setItem("canopy-key", kept), key);
  if (play) await page.addInitScript(playApi, { state: play, answer: first });
  if (clock) await page.clock.install();
  await page.goto(server + where);
  return page;
}

/** Opens the page on a played state and waits until it shows. */
export async function openOn(t, play, options) {
  const page = await open(t, { play, ...options });
  await page.locator("#panels").waitFor();
  await status(page, /^Live$/);
  return page;
}

export async function status(page, expected) {
  await page.locator("#status").getByText(expected).waitFor();
}

/**
 * Runs in the page: answers `api/…` from `window.played`, as no intercepted request can: with a
 * stream that stays open. `answer` is "state", "away", "nothing", or `{ status, body, headers }`.
 */
function playApi({ state, answer }) {
  const real = window.fetch;
  const streams = new Set();
  const message = (next) => `event: state\ndata: ${JSON.stringify(next)}\n\n`;
  const write = (stream, text) => stream.enqueue(new TextEncoder().encode(text));
  const played = {
    state, answer, asked: [],
    push(next) {
      played.state = next;
      streams.forEach((stream) => write(stream, message(next)));
    },
    beat: () => streams.forEach((stream) => write(stream, ": still here\n\n")),
    end() {
      streams.forEach((stream) => stream.close());
      streams.clear();
    },
  };
  window.played = played;
  window.fetch = async (url, options) => {
    if (!String(url).startsWith("api/")) return real(url, options);
    played.asked.push({ url: String(url), key: options.headers["X-API-Key"] ?? null });
    if (played.answer === "nothing") return new Promise(() => {});
    if (played.answer === "away") throw new TypeError("Failed to fetch");
    if (played.answer !== "state") {
      const { status, body, headers } = played.answer;
      return new Response(JSON.stringify(body), { status, headers });
    }
    let own;
    const body = new ReadableStream({ start: (controller) => streams.add((own = controller)) });
    write(own, message(played.state));
    options.signal.addEventListener("abort", () => {
      if (streams.delete(own)) own.error(options.signal.reason);
    });
    return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  };
}

export const push = (page, state) => page.evaluate((next) => window.played.push(next), state);
export const answer = (page, next) => page.evaluate((given) => (window.played.answer = given), next);
export const end = (page) => page.evaluate(() => window.played.end());

/** The texts of a row of a table, from its head on. */
export const cells = (row) =>
  row.locator("th, td").evaluateAll((all) => all.map((cell) => cell.innerText.trim().replaceAll("\n", " ")));

/** Without violations that axe can find, and no wider than the screen; leaves a picture. */
export async function check(page, name) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const told = violations.map(({ id, nodes }) =>
    `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join("\n")}`);
  assert.deepEqual(told, [], `accessibility, ${name}`);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${name} is ${overflow} pixels too wide`);
  const folder = process.env.SCREENSHOTS;
  if (folder) await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
}
