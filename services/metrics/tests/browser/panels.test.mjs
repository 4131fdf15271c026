// What the panels show of a state, and that a new one changes it in place. The states are played.

import assert from "node:assert/strict";
import { test } from "node:test";

import { cells, check, open, openOn, push, status } from "./helpers.mjs";
import { empty, rich } from "./states.mjs";

const texts = (locator) =>
  locator.evaluateAll((all) => all.map((node) => node.innerText.trim().replaceAll("\n", " ")));

test("numbers are written for people", async (t) => {
  const page = await openOn(t, rich());
  const written = await page.evaluate(async () => {
    const f = await import("./modules/format.js");
    return [
      f.count(1234567), f.count(null), f.figure(741.34), f.figure(12345.6), f.figure(0.00001), f.figure(-0.5),
      f.rate(0.4), f.rate(1234.5), f.share(0.5), f.share(0.00001), f.share(0.0123), f.probability(3.2e-9),
      f.probability(0), f.probability(0.042), f.duration(0.0000213), f.duration(0.0021), f.duration(2.5),
      f.uptime(59), f.uptime(3700), f.uptime(93211), f.bytes(512), f.bytes(19234816), f.cell(null), f.cell(true),
      f.cell({ private: true }), f.cell({ hash: "ab" }), f.utc("2026-05-04T12:00:00Z"),
      f.windowSeconds("24h"), f.windowSeconds("15m"), f.windowSeconds("soon"),
    ];
  });
  assert.deepEqual(written, [
    "1,234,567", "–", "741.3", "12,346", "1e-5", "-0.5",
    "0.4/s", "1,235/s", "50 %", "< 0.01 %", "1.2 %", "3.2e-9",
    "< 1e-12", "0.042", "21.3 µs", "2.1 ms", "2.5 s",
    "59 s", "1 h 1 min", "1 d 1 h", "512 B", "18.3 MiB", "missing", "true",
    "private", "hashed ab", "2026-05-04 12:00:00.000 UTC",
    86400, 900, undefined,
  ]);
});

test("the tiles and the fleet say which replica is away, and why", async (t) => {
  const page = await openOn(t, rich());
  assert.deepEqual(await texts(page.locator("#glance .value")),
    ["version 3", "1 of 4", "62.1/s", "0.04 %", "1.1 ms", "Alarm", "741.3"]);
  const rows = page.locator("#fleet tbody tr");
  assert.equal(await rows.count(), 4);
  assert.deepEqual((await cells(rows.nth(0))).slice(0, 10),
    ["10.0.0.1:8000", "Ready", "3", "62.1/s", "0.04 %", "410 µs", "1.1 ms", "21.3 ms", "18.3 MiB", "1 d 1 h"]);
  assert.deepEqual((await cells(rows.nth(1))).slice(0, 3), ["10.0.0.2:8000", "Not ready draining", "2"]);
  assert.equal((await cells(rows.nth(2)))[1], "Unreachable connection refused");
  assert.equal((await cells(rows.nth(3)))[1], "Invalid answer line 3 is no sample");
  assert.match(await page.locator("#glance").innerText(), /versions differ/);
  assert.match(await page.locator("#problems").innerText(),
    /10\.0\.0\.3 does not answer\. look at its log\. target_unreachable/);
});

test("champion and challenger stand side by side", async (t) => {
  const page = await openOn(t, rich());
  const rows = page.locator("#versions tr");
  const found = Object.fromEntries(await Promise.all((await rows.all()).map(async (row) => {
    const [head, ...rest] = await cells(row);
    return [head, rest];
  })));
  assert.deepEqual(found.Version, ["Champion 3", "Challenger 4"]);
  assert.deepEqual(found.Drift, ["Alarm", "Unknown"]);
  assert.deepEqual(found["RMSE in training"], ["548.1", "1,205"]);
  assert.deepEqual(found["RMSE live"], ["741.3 710.3 to 772.3", "–"]);
  assert.deepEqual(found["Time of the model, p99"], ["61 µs", "–"]);
  assert.deepEqual(found["Rows in the window"], ["12,034", "12"]);
  assert.deepEqual(await cells(page.locator("#aliases tbody tr").first()),
    ["4 May 2026, 11:40", "champion", "promoted", "2 → 3", "ci", "gates passed"]);
});

test("two moves within a second are two rows", async (t) => {
  const state = rich();
  state.aliases.push(state.aliases[1]);
  const page = await openOn(t, state);
  assert.equal(await page.locator("#aliases tbody tr").count(), 3);
});

test("a chart has a sentence and a table that say what it draws", async (t) => {
  const page = await openOn(t, rich());
  const chart = page.locator("#traffic figure").first();
  const sentence = "Requests 110/s last, from 110/s to 150/s. Rows 300/s.";
  await chart.getByRole("img", { name: `Requests and rows. ${sentence}` }).waitFor();
  await chart.getByText("Show as table").click();
  const rows = chart.locator("tbody tr");
  assert.deepEqual(await cells(rows.first()), ["4 May, 11:10:00", "150/s", "300/s"]);
  assert.deepEqual((await cells(rows.nth(2))).slice(1), ["–", "–"], "a gap");
  assert.equal(await rows.count(), 5);
  const isDrawn = await chart.locator("canvas").evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.some((byte) => byte !== 0);
  });
  assert.ok(isDrawn);
});

test("drift is listed worst first, and the arrow keys choose what is drawn", async (t) => {
  const page = await openOn(t, rich());
  const rows = page.locator("#drift .flush tbody tr");
  assert.deepEqual(await cells(rows.nth(1)), ["carat", "Alarm", "0.3", "0.03", "0.18", "0.042", "3.1 % / 0.2 %", "0 %"]);
  assert.deepEqual((await cells(rows.nth(2))).slice(0, 5), ["cut", "OK", "0.025", "0.0025", "–"]);
  const chosen = page.locator("#drift-detail h3").first();
  assert.equal(await chosen.innerText(), "carat", "the worst, until somebody chooses");
  await page.getByRole("button", { name: "carat" }).focus();
  await page.keyboard.press("ArrowDown");
  assert.equal(await chosen.innerText(), "cut");
  assert.match(await page.locator("#drift-detail").innerText(), /cut was looked at\.[\s\S]*df 2, p 0\.042/);
  const table = page.locator("#drift-detail details");
  await table.locator("summary").click();
  assert.deepEqual(await cells(table.locator("tbody tr").first()), ["Fair", "33.3 %", "31.7 %", "-1.7 %"]);
  await page.getByRole("button", { name: "cut" }).focus();
  await page.keyboard.press("Home");
  assert.equal(await chosen.innerText(), "price");
  await page.keyboard.press("End");
  assert.equal(await chosen.innerText(), "depth");
  assert.equal(await page.locator(".pick[tabindex='0']").count(), 1, "one tab stop for the list");
  const next = rich();
  next.drift.features.reverse();
  await push(page, next);
  assert.equal(await rows.nth(1).locator("button").innerText(), "depth");
  assert.equal(await chosen.innerText(), "depth", "the choice outlives an update");
  assert.equal(await page.evaluate(() => document.activeElement.innerText), "depth");
});

test("live quality stands beside the training's", async (t) => {
  const page = await openOn(t, rich());
  const quality = page.locator("#quality");
  assert.deepEqual(await texts(quality.locator(".tiles .value")), ["741.3", "352.4", "-42.1", "0.95"]);
  const said = await quality.innerText();
  assert.match(said, /Worse than in training/);
  assert.match(said, /95 %: 710\.3 to 772\.3[\s\S]*training 548\.1/);
  assert.match(said, /Pairs\s+500\s+Predictions kept\s+600\s+Without actual yet\s+100 \(16\.7 %\)/);
  assert.match(said, /Live 740 last, from 700 to 740\. Training 548\.1\./);
});

test("recent predictions show each value, and no private one", async (t) => {
  const page = await openOn(t, rich());
  const rows = page.locator("#events tbody > tr");
  assert.deepEqual((await cells(rows.nth(1))).slice(1, 7), ["request-1", "1", "3", "4,125", "4,000", "+124.5"]);
  assert.deepEqual((await cells(rows.nth(0))).slice(4, 7), ["4,124", "–", "–"]);
  await rows.nth(0).locator("summary").click();
  assert.match(await rows.nth(0).locator("dl").innerText(),
    /carat\s+0\.9\s+cut\s+Ideal\s+depth\s+missing\s+buyer\s+hashed 00ff00ff00ff00ff\s+name\s+private/);
});

test("an alias move appears without a reload, is said aloud, and disturbs nobody", async (t) => {
  const page = await openOn(t, rich(), { reducedMotion: "reduce" });
  await page.evaluate(() => (window.isTheSamePage = true));
  const events = page.locator("#events tbody > tr");
  await events.nth(1).locator("summary").click();
  await page.getByRole("button", { name: "carat" }).focus();
  const top = await page.evaluate(() => {
    getSelection().selectAllChildren(document.querySelector("#aliases tbody td:nth-child(2)"));
    scrollTo(0, 500);
    return scrollY;
  });
  const selected = await page.evaluate(() => String(getSelection()));
  assert.equal(selected, "champion");

  const next = rich();
  next.versions[0] = { ...next.versions[0], version: 5 };
  next.aliases.unshift({
    time: "2026-05-04T12:00:00Z", alias: "champion", action: "promoted", from: 3, to: 5, by: "anna", reason: null,
  });
  next.events.unshift({ ...next.events[0], request_id: "request-new" });
  await push(page, next);

  await page.locator("#glance").getByText("version 5").waitFor();
  assert.equal((await cells(page.locator("#aliases tbody tr").first()))[3], "3 → 5");
  assert.equal(await page.locator("#announcer").innerText(), "Version 5 is champion now.");
  assert.equal(await events.count(), 4);
  assert.equal(await events.nth(2).locator("details").getAttribute("open"), "", "what was opened stays open");
  assert.equal(await page.evaluate(() => document.activeElement.innerText), "carat");
  assert.equal(await page.evaluate(() => String(getSelection())), selected);
  assert.equal(await page.evaluate(() => scrollY), top);
  assert.ok(await page.evaluate(() => window.isTheSamePage));
});

test("what is new is announced once, what only moves is not", async (t) => {
  const page = await openOn(t, rich());
  await page.evaluate(() => {
    window.said = [];
    const note = () => window.said.push(document.getElementById("announcer").textContent);
    const what = { childList: true, characterData: true, subtree: true };
    new MutationObserver(note).observe(document.getElementById("announcer"), what);
    window.statusChanges = 0;
    const count = () => (window.statusChanges += 1);
    new MutationObserver(count).observe(document.getElementById("status"), what);
  });
  const next = rich();
  next.fleet.requests_per_second = 70;
  await push(page, next);
  await page.locator("#glance").getByText("70/s").waitFor();
  next.problems.push({ code: "registry_unreadable", text: "the registry cannot be read", action: "check it" });
  await push(page, next);
  next.fleet.requests_per_second = 71;
  await push(page, next);
  await page.locator("#glance").getByText("71/s").waitFor();
  assert.deepEqual(await page.evaluate(() => window.said), ["Problem: the registry cannot be read."]);
  assert.equal(await page.evaluate(() => window.statusChanges), 0, "it was live, and is");
});

test("an empty service says what to do", async (t) => {
  const page = await openOn(t, empty());
  const says = async (section, pattern) => assert.match(await page.locator(section).innerText(), pattern);
  await says("#fleet", /No replica yet[\s\S]*--targets dns\+http:\/\/inference:8000/);
  await says("#traffic", /No traffic in the last 1h/);
  await says("#versions", /No version is known yet/);
  await says("#drift", /Nothing to compare/);
  await says("#quality", /No actuals in the last 1h[\s\S]*POST \/actuals/);
  await says("#aliases", /No alias has moved yet/);
  await says("#events", /--metrics-url/);
  assert.equal(await page.locator("#problems").isVisible(), false);
  await check(page, "empty");
  const blind = empty();
  blind.problems = [{ code: "registry_unreadable", text: "the registry cannot be read", action: "check --registry" }];
  await push(page, blind);
  await page.locator("#drift").getByText("No baseline: the registry cannot be read").waitFor();
  await push(page, rich());
  await page.getByRole("button", { name: "carat" }).waitFor();
  assert.equal(await page.locator("#traffic figure").first().isVisible(), true);
  assert.equal(await page.getByText("No replica yet").isVisible(), false);
});

test("predictions that wait for their actuals are counted before the first pair", async (t) => {
  const state = rich();
  state.quality = { ...state.quality, pairs: 0, predictions: 600, without_actual: 600, without_actual_ratio: 1 };
  const page = await openOn(t, state);
  await page.locator("#quality").getByText("600 predictions wait for theirs.").waitFor();
});

test("text from the server stays text", async (t) => {
  const markup = "<img src=x onerror=alert(1)>";
  const state = rich();
  const { features } = state.drift;
  Object.assign(features[0], { name: markup, reason: markup });
  features[0].bins[0].label = markup;
  state.problems[0].text = markup;
  state.aliases[0].reason = markup;
  state.events[0].values = { [markup]: markup };
  state.fleet.replicas[2].reason = markup;
  state.models = ["diamonds", markup];
  const page = await openOn(t, state);
  for (const section of ["#problems", "#fleet", "#drift", "#aliases", "#events"]) {
    assert.ok((await page.locator(section).innerText()).includes(markup), section);
  }
  assert.equal(await page.locator("img").count(), 0);
});

test("model and window are chosen, asked for, and kept in the address", async (t) => {
  const page = await openOn(t, rich());
  await page.getByLabel("Model").selectOption("bikes");
  const asked = () => page.evaluate(() => window.played.asked.at(-1).url);
  await page.waitForFunction(() => window.played.asked.at(-1).url.startsWith("api/stream?model=bikes"));
  await page.getByText("24h", { exact: true }).click();
  await page.waitForFunction(() => window.played.asked.at(-1).url.includes("window=24h"));
  assert.equal(await asked(), "api/stream?model=bikes&window=24h");
  assert.match(page.url(), /\?model=bikes&window=24h$/);
  await page.reload();
  await page.waitForFunction(() => window.played.asked.at(-1)?.url === "api/stream?model=bikes&window=24h");
});

test("the theme is the system's until it is chosen, and is kept", async (t) => {
  const page = await openOn(t, rich(), { colorScheme: "dark" });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const drawn = () => page.locator("#traffic canvas").first().evaluate((canvas) => canvas.toDataURL());
  const [dark, darkLines] = [await ground(), await drawn()];
  const button = page.getByRole("button", { name: "Theme: system" });
  await button.click();
  await page.getByRole("button", { name: "Theme: light" }).waitFor();
  assert.notEqual(await ground(), dark);
  assert.notEqual(await drawn(), darkLines, "the charts follow");
  await page.reload();
  await page.getByRole("button", { name: "Theme: light" }).waitFor();
  assert.notEqual(await ground(), dark);
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [360, 1440]) {
    test(`is readable in ${colorScheme}, ${width} pixels wide`, async (t) => {
      const page = await openOn(t, rich(), { colorScheme, viewport: { width, height: 900 } });
      for (const summary of await page.locator("summary:visible").all()) await summary.click();
      await check(page, `opened-${colorScheme}-${width}`);
    });
  }
}

test("everything is reached and seen with the Tab key", async (t) => {
  const page = await openOn(t, rich());
  const seen = [];
  for (let presses = 0; presses < 120; presses += 1) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const node = document.activeElement;
      if (node === document.body) return null;
      const shown = node.matches(".segments input") ? node.parentElement : node;
      const { outlineStyle, outlineWidth } = getComputedStyle(shown);
      const box = shown.getBoundingClientRect();
      const header = document.querySelector("header").getBoundingClientRect().bottom;
      const isSeen = node.closest("header, .skip") !== null || box.bottom > header;
      return { name: node.id || node.innerText?.slice(0, 30) || node.ariaLabel || node.value,
        isSeen: isSeen && outlineStyle !== "none" && outlineWidth !== "0px" };
    });
    if (focused === null) break;
    seen.push(focused);
  }
  assert.deepEqual(seen.filter(({ isSeen }) => !isSeen), [], "focus that cannot be seen");
  const names = seen.map(({ name }) => name).join("|");
  for (const name of ["Skip to the content", "Fleet", "models", "1h", "theme", "Champion", "carat",
    "Show as table", "Recent predictions", "carat 0.9, cut Ideal", "Prometheus series"]) {
    assert.ok(names.includes(name), `${name} is not among ${names}`);
  }
});

test("nothing moves for people who want no motion", async (t) => {
  const page = await openOn(t, rich(), { reducedMotion: "reduce" });
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).scrollBehavior), "auto");
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
});

test("while the first state is on its way, the page says so", async (t) => {
  const page = await open(t, { play: rich(), answer: "nothing" });
  await page.getByText("Loading the state of the fleet…").waitFor();
  await status(page, /^Connecting$/);
  await check(page, "loading");
});
