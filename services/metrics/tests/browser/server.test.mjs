// The page with the server as it is: its files, its states, its stream, its keys. Nothing is played,
// except that one state of the server is held still to be compared.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { cells, check, open, openOn, server, serverKey, status } from "./helpers.mjs";

const headers = serverKey ? { "X-API-Key": serverKey } : {};
const state = async (query = "") => (await fetch(`${server}/api/state${query}`, { headers })).json();

/** How the replicas are, where somebody says so. */
const fleet = process.env.CANOPY_FLEET && JSON.parse(process.env.CANOPY_FLEET);

/** Waits until the page has heard of another state. */
async function nextState(page) {
  const heard = await page.locator("#status").getAttribute("title");
  await page.waitForFunction((before) => document.getElementById("status").title !== before, heard);
}

test("the policy allows this server and nothing else", async () => {
  const page = await (await fetch(server)).text();
  const named = [...page.matchAll(/(?:src|href)="([^"#:]+\.(?:js|css))"/g)].map(([, name]) => name);
  const modules = [...(await (await fetch(`${server}/dashboard.js`)).text()).matchAll(/"\.\/(modules\/\w+\.js)"/g)];
  const files = ["", ...named, ...modules.map(([, name]) => name)];
  assert.ok(files.length > 15, String(files));
  for (const file of files) {
    const { status: code, headers: sent } = await fetch(`${server}/${file}`);
    assert.equal(code, 200, file);
    const policy = sent.get("content-security-policy");
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'/);
    assert.ok(!policy.includes("unsafe"), policy);
    assert.equal(sent.get("cache-control"), "no-cache");
    const type = file.endsWith(".js") ? "text/javascript" : file.endsWith(".css") ? "text/css" : "text/html";
    assert.ok(sent.get("content-type").startsWith(type), file);
  }
});

test("the chart library is the package's, byte for byte", async () => {
  for (const name of ["uPlot.iife.min.js", "uPlot.min.css"]) {
    const served = Buffer.from(await (await fetch(`${server}/vendor/uplot/${name}`)).arrayBuffer());
    assert.ok(served.equals(await readFile(new URL(`node_modules/uplot/dist/${name}`, import.meta.url))), name);
  }
});

test("states arrive by themselves", async (t) => {
  const page = await open(t, { key: serverKey });
  await status(page, /^Live$/);
  await nextState(page);
  await nextState(page);
  await status(page, /^Live$/);
});

test("the key's form opens the dashboard", { skip: !serverKey && "the server wants no key" }, async (t) => {
  const page = await open(t);
  await page.getByLabel("API key").fill("not-one-of-them");
  await page.keyboard.press("Enter");
  await page.getByText("The key was refused").waitFor();
  await page.getByLabel("API key").fill(serverKey);
  await page.keyboard.press("Enter");
  await status(page, /^Live$/);
  await page.locator("#fleet tbody tr").first().waitFor();
});

test("every panel shows the numbers of the state", async (t) => {
  const now = await state();
  assert.ok(now.fleet.replicas.length > 0 && now.traffic.length > 0 && now.versions.length > 0, "no traffic yet");
  const page = await openOn(t, now);
  const write = (name, ...values) => page.evaluate(async ([name, values]) =>
    (await import("./modules/format.js"))[name](...values), [name, values]);

  const { fleet, versions, drift, quality, aliases, events } = now;
  const tiles = await page.locator("#glance .value").allInnerTexts();
  const champion = versions.find(({ role }) => role === "champion");
  assert.equal(tiles[0], `version ${champion.version}`);
  assert.equal(tiles[1], `${fleet.ready} of ${fleet.replicas.length}`);
  assert.equal(tiles[2], await write("rate", fleet.requests_per_second));
  assert.equal(tiles[3], await write("share", fleet.error_ratio));
  assert.equal(tiles[4], await write("duration", fleet.p95_seconds));

  for (const [i, replica] of fleet.replicas.entries()) {
    const shown = await cells(page.locator("#fleet tbody tr").nth(i));
    assert.equal(shown[0], replica.url.replace("http://", ""));
    assert.equal(shown[2], replica.version === null ? "–" : String(replica.version));
    assert.equal(shown[3], await write("rate", replica.requests_per_second));
    assert.equal(shown[5], await write("duration", replica.p50_seconds));
    assert.equal(shown[8], await write("bytes", replica.memory_bytes));
  }

  await page.locator("#traffic summary").first().click();
  const points = page.locator("#traffic tbody").first().locator("tr");
  assert.equal(await points.count(), now.traffic.length);
  const last = now.traffic.at(-1);
  assert.deepEqual((await cells(points.last())).slice(1),
    [await write("rate", last.requests_per_second), await write("rate", last.rows_per_second)]);

  const line = async (name) => (await cells(page.locator("#versions tr", { hasText: name }))).slice(1);
  assert.equal((await line("Rows in the window"))[0], await write("count", versions[0].rows));
  assert.equal((await line("RMSE in training"))[0], await write("figure", versions[0].training?.rmse));

  if (drift) {
    const listed = [drift.prediction, ...drift.features].filter(Boolean);
    const rows = page.locator("#drift .flush tbody tr");
    assert.equal(await rows.count(), listed.length);
    for (const [i, feature] of listed.entries()) {
      const shown = await cells(rows.nth(i));
      assert.ok(shown[0].startsWith(feature.name), shown[0]);
      assert.equal(shown[2], await write("statistic", feature.psi));
      assert.equal(shown[5], await write("probability", feature.chi2_p));
    }
  }
  if (quality?.pairs > 0) {
    const scores = await page.locator("#quality .tiles .value").allInnerTexts();
    const wanted = ["rmse", "mae", "bias", "r2"].map((name) => write("figure", quality[name]?.value));
    assert.deepEqual(scores, await Promise.all(wanted));
    assert.match(await page.locator("#quality .facts").innerText(), new RegExp(await write("count", quality.pairs)));
  }
  assert.equal(await page.locator("#aliases tbody tr").count(), aliases.length);
  assert.equal(await page.locator("#events tbody > tr").count(), events.length);
  if (events.length > 0) {
    const shown = await cells(page.locator("#events tbody > tr").first());
    assert.deepEqual(shown.slice(1, 5),
      [events[0].request_id, String(events[0].row), String(events[0].version), await write("figure", events[0].prediction)]);
  }
});

test("each replica that is ill is named with its fault, and every row is counted once",
  { skip: !fleet && "nobody says how the replicas are" }, async (t) => {
    const page = await open(t, { key: serverKey });
    await status(page, /^Live$/);
    const shown = async (url) => (await cells(page.locator("#fleet tbody tr", { hasText: new URL(url).host })))[1];
    assert.equal(await shown(fleet.healthy), "Ready");
    assert.match(await shown(fleet.unreachable), /^Unreachable.*refused/i);
    assert.match(await shown(fleet.slow), /^Unreachable\s*no answer within \d+ ms$/i);
    assert.match(await shown(fleet.garbage), /^Invalid answer.*line 2/i);
    const tile = page.locator("#glance li", { hasText: "Replicas ready" });
    assert.equal(await tile.locator(".value").innerText(), "1 of 4");
    assert.equal(await tile.locator(".detail").innerText(), "2 unreachable, 1 invalid");
    const problem = page.locator("#problem-list li", { hasText: "replica_invalid" });
    assert.ok((await problem.innerText()).includes(new URL(fleet.garbage).host));

    const rows = async () => {
      const [, ...counts] = await cells(page.locator("#versions tr", { hasText: "Rows in the window" }));
      return counts.reduce((sum, count) => sum + Number(count.replaceAll(",", "")), 0);
    };
    const answered = async () => {
      const text = await (await fetch(`${fleet.healthy}/metrics`)).text();
      const counts = [...text.matchAll(/^canopy_predictions_total\{.*\} (\d+)$/gm)].map(([, count]) => Number(count));
      return fleet.rows + counts.reduce((sum, count) => sum + count, 0);
    };
    // Requests go on meanwhile: what is shown comes behind them, never before.
    for (const end = Date.now() + 20_000; ;) {
      const [seen, wanted] = [await rows(), await answered()];
      assert.ok(seen <= wanted, `${seen} rows are shown where ${wanted} were answered`);
      if (seen === wanted) break;
      assert.ok(Date.now() < end, `${seen} rows are shown where ${wanted} were answered`);
      await page.waitForTimeout(100);
    }
  });

test("an alias move appears without a reload",
  { skip: !process.env.CANOPY_ALIAS_MOVES && "nobody moves the champion meanwhile" }, async (t) => {
    const page = await open(t, { key: serverKey });
    await status(page, /^Live$/);
    await page.evaluate(() => (window.isTheSamePage = true));
    const champion = page.locator("#glance .value").first();
    const before = await champion.innerText();
    const move = await page.locator("#aliases tbody tr").first().innerText();
    await page.waitForFunction((old) =>
      document.querySelector("#glance .value").textContent !== old, before, { timeout: 60_000 });
    await page.waitForFunction((old) =>
      document.querySelector("#aliases tbody tr").innerText !== old, move, { timeout: 60_000 });
    assert.ok(await page.evaluate(() => window.isTheSamePage));
  });

for (const colorScheme of ["light", "dark"]) {
  for (const width of [360, 1440]) {
    test(`is readable in ${colorScheme}, ${width} pixels wide, as it runs`, async (t) => {
      const page = await open(t, { key: serverKey, colorScheme, viewport: { width, height: 900 } });
      await status(page, /^Live$/);
      await page.locator("#traffic figure").first().waitFor();
      await check(page, `dashboard-${colorScheme}-${width}`);
    });
  }
}
