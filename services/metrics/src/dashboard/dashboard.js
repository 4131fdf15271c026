// The dashboard: follows the states of one model over one window and shows each where it belongs.
//
// `modules/connection.js` brings the states, a module a panel writes them; here is what is chosen,
// and what the reader is told about the connection.

import { showAliases } from "./modules/aliases.js";
import { Connection, key } from "./modules/connection.js";
import { byId, element, keyed, setHidden, setText } from "./modules/dom.js";
import { showDrift } from "./modules/drift.js";
import { showEvents } from "./modules/events.js";
import { showFleet } from "./modules/fleet.js";
import { date, time } from "./modules/format.js";
import { showGlance } from "./modules/glance.js";
import { word } from "./modules/level.js";
import { showProblems } from "./modules/problems.js";
import { showQuality } from "./modules/quality.js";
import { showTraffic } from "./modules/traffic.js";
import { showVersions } from "./modules/versions.js";

const PANELS = [showProblems, showGlance, showFleet, showTraffic, showVersions, showDrift,
  showQuality, showAliases, showEvents];
const LEAST_STALE_MS = 20000;

const query = new URLSearchParams(location.search);
const choice = { model: query.get("model"), window: query.get("window") };

/** The state shown and when it came, by this machine's clock; how the connection is. */
const page = { state: null, receivedAt: 0, change: { kind: "connecting" } };

const connection = new Connection({ onState: show, onChange: showChange });

// What is shown.

function show(state) {
  const before = page.state;
  Object.assign(page, { state, receivedAt: Date.now() });
  showChoices(state);
  setText(byId("model"), state.model ?? "No model yet");
  document.title = `${title(state)} · Canopy`;
  setText(byId("about"), `canopy-metrics ${state.canopy_version}, since ${date(state.started_at)}. Times are local.`);
  for (const panel of ["panels", "sections"]) setHidden(byId(panel), false);
  for (const panel of ["loading", "key-form"]) setHidden(byId(panel), true);
  for (const showPanel of PANELS) showPanel(state);
  byId("panels").removeAttribute("aria-busy");
  if (before?.model === state.model) announce(before, state);
  showStatus();
}

/** The tab's title says what is wrong, so that it need not be open. */
function title({ model, problems, drift }) {
  const alarm = drift?.level === "alarm" ? "drift · " : "";
  return `${problems.length > 0 ? `(${problems.length}) ` : ""}${alarm}${model ?? "no model"}`;
}

const models = keyed(byId("models"), (model) => model, (model) => {
  return { node: element("option", { value: model }, model), update: () => {} };
});

const windows = keyed(byId("windows"), (window) => window, (window) => {
  const input = element("input", { type: "radio", name: "window", value: window });
  return { node: element("label", {}, input, window), update: () => {} };
});

function showChoices(state) {
  models(state.models);
  windows(state.windows);
  setHidden(byId("model-choice"), state.models.length < 2);
  setHidden(byId("window-choice"), state.windows.length < 2);
  if (state.model) byId("models").value = state.model;
  for (const input of byId("windows").querySelectorAll("input")) {
    input.checked = input.value === state.window;
  }
}

/** Says aloud what changed for the reader, and nothing that changes with every state. */
function announce(before, state) {
  const champion = ({ versions }) => versions.find(({ role }) => role === "champion")?.version;
  const known = new Set(before.problems.map(({ code }) => code));
  const said = state.problems.filter(({ code }) => !known.has(code)).map(({ text }) => `Problem: ${text}.`);
  if (champion(before) !== champion(state) && champion(state) !== undefined) {
    said.push(`Version ${champion(state)} is champion now.`);
  }
  if (before.drift?.level !== state.drift?.level && state.drift) {
    said.push(`Drift: ${word(state.drift.level)}.`);
  }
  if (said.length > 0) setText(byId("announcer"), said.join(" "));
}

// What is told about the connection.

function showChange(change) {
  // An attempt after a failure is silent until it has an end.
  if (change.kind === "connecting" && page.change.error) return;
  page.change = change;
  const { kind, error, isFinal } = change;
  const needsKey = error?.status === 401 || error?.status === 403;
  if (needsKey) askForKey(error);
  setHidden(byId("forget"), !key.read() || needsKey);
  setHidden(byId("notice"), kind === "connecting" || kind === "live" || needsKey);
  if (error) setText(byId("notice-text"), explain(error));
  setText(byId("retry"), isFinal ? "Show the default" : "Try now");
  const isWaiting = page.state === null && error === undefined;
  setHidden(byId("loading"), !isWaiting);
  showStatus();
}

function explain(error) {
  const again = "This page goes on asking.";
  if (error.status === 429) return `Too many requests with this key. ${again}`;
  if (error.status >= 500) return `canopy-metrics answers ${error.status}: ${error.message}. ${again}`;
  if (error.status) return `canopy-metrics refuses: ${error.message}.`;
  return `No answer from canopy-metrics: ${error.message}. Is it running, and reachable from here? ${again}`;
}

/** Nothing that a key opened stays on the page without one. */
function askForKey(error) {
  const hadKey = key.read() !== null;
  key.forget();
  page.state = null;
  for (const panel of ["panels", "sections", "model-choice", "window-choice"]) setHidden(byId(panel), true);
  setText(byId("model"), "Fleet and model");
  document.title = "Canopy";
  const refused = `The key was refused: ${error.message}.`;
  setText(byId("key-reason"), hadKey ? refused : "This dashboard is for holders of a key.");
  if (hadKey) byId("key").setAttribute("aria-invalid", "true");
  if (byId("key-form").hidden) {
    setHidden(byId("key-form"), false);
    byId("key").focus();
  }
}

function showStatus() {
  const { state, receivedAt, change } = page;
  const age = Date.now() - receivedAt;
  const isStale = state !== null
    && age > Math.max(LEAST_STALE_MS, state.scrape_interval_seconds * 4000);
  const since = time(new Date(receivedAt).toISOString());
  const needsKey = change.error?.status === 401 || change.error?.status === 403;
  const [text, tone] =
    needsKey ? ["Key needed", "warn"]
    : change.isFinal ? ["Refused", "bad"]
    : change.kind === "away" || change.kind === "refused"
      ? [state ? `Reconnecting, stale since ${since}` : "Reconnecting", "bad"]
    : isStale ? [`Stale since ${since}`, "warn"]
    : change.kind === "live" ? ["Live", "good"]
    : ["Connecting", "plain"];
  setText(byId("status"), text);
  byId("status").title = state ? `last heard ${since}` : "";
  byId("status").className = `badge ${tone}`;
  byId("panels").classList.toggle("stale", isStale || tone === "bad");
}

// What is chosen.

function choose(change) {
  Object.assign(choice, change);
  const chosen = new URLSearchParams(Object.entries(choice).filter(([, value]) => value));
  history.replaceState(null, "", `${location.pathname}?${chosen}${location.hash}`);
  byId("panels").setAttribute("aria-busy", "true");
  page.change = { kind: "connecting" };
  connection.open(choice);
}

byId("models").addEventListener("change", (event) => choose({ model: event.target.value }));
byId("windows").addEventListener("change", (event) => choose({ window: event.target.value }));
byId("retry").addEventListener("click", () => {
  if (page.change.isFinal) choose({ model: null, window: null });
  else connection.retry();
});

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const value = byId("key").value.trim();
  if (value === "") return;
  key.keep(value);
  byId("key").value = "";
  byId("key").removeAttribute("aria-invalid");
  page.change = { kind: "connecting" };
  connection.open(choice);
});

byId("forget").addEventListener("click", () => {
  key.forget();
  location.reload();
});

setInterval(showStatus, 1000);
connection.open(choice);
