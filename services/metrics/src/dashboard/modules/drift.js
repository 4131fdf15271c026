// Drift: the prediction and every feature in a list, worst first, and the chosen one's distributions.

import { byId, element, facts, panel, setAttributes, setHidden, setText, table } from "./dom.js";
import { BinChart } from "./chart.js";
import { UNKNOWN, count, figure, probability, sentence, share, statistic } from "./format.js";
import { badge } from "./level.js";

/** What is chosen by hand; null follows the worst. The prediction's key is not a feature's name. */
let chosen = null;
let last = null;

const keyOf = ({ name, isPrediction }) => (isPrediction ? "prediction" : `feature ${name}`);
const pair = (live, training) => `${share(live)} / ${share(training)}`;

const list = table("Drift of the prediction and of each feature", [
  { title: "Feature", make: name },
  { title: "Level", make: level },
  { title: "PSI", isNumber: true, text: ({ psi }) => statistic(psi), hint: "population stability index" },
  { title: "JS", isNumber: true, text: ({ js }) => statistic(js), hint: "Jensen–Shannon divergence" },
  { title: "KS", isNumber: true, text: ({ ks }) => statistic(ks), hint: "Kolmogorov–Smirnov, numbers only" },
  { title: "χ² p", isNumber: true, text: ({ chi2_p: p }) => probability(p) },
  {
    title: "Missing", isNumber: true, hint: "live / training",
    text: (feature) => pair(feature.missing_ratio, feature.baseline_missing_ratio),
  },
  {
    title: "Unseen", isNumber: true, hint: "categories that training never saw",
    text: (feature) => share(feature.unseen_ratio),
  },
], keyOf);

const title = element("h3");
const heading = element("div", { className: "title" }, title);
const writeLevel = badge(heading);
const reason = element("p", { className: "reason" });
const numbers = facts();
const charts = element("div");
const chart = new BinChart(charts, "Distribution", share);
const detail = element("div", { className: "card detail", id: "drift-detail" },
  heading, reason, numbers.node, charts);
setAttributes(detail, { role: "group", "aria-label": "The chosen feature" });

const rule = element("p", { className: "hint foot" });
const box = element("div", { className: "card flush" }, list.node, rule);
const show = panel(byId("drift-panel"), box, detail);

/** The name is a button; the arrow keys go from one to the next, and only one is a tab stop. */
function name(cell) {
  const button = element("button", { type: "button", className: "pick" });
  const kind = element("span", { className: "kind" });
  cell.append(button, kind);
  button.addEventListener("click", () => choose(button.dataset.key));
  setAttributes(button, { "aria-controls": "drift-detail" });
  return (feature) => {
    setText(button, feature.name);
    setText(kind, feature.isPrediction && feature.name !== "prediction" ? "prediction" : "");
    button.dataset.key = keyOf(feature);
  };
}

function level(cell) {
  const write = badge(cell);
  return (feature) => write(feature.level);
}

function choose(key) {
  chosen = key;
  showChosen();
}

list.node.addEventListener("keydown", (event) => {
  const buttons = [...list.node.querySelectorAll(".pick")];
  const at = buttons.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  const next = buttons[Math.min(Math.max(to, 0), buttons.length - 1)];
  choose(next.dataset.key);
  next.focus();
});

function entries({ prediction, features }) {
  return [...(prediction ? [{ ...prediction, isPrediction: true }] : []), ...features];
}

/** The worst: a feature on a level before the prediction, which follows from it. */
function worst({ prediction, features }) {
  const first = features[0];
  const isCalm = (one) => one === undefined || one.level === "ok" || one.level === "unknown";
  return isCalm(first) && prediction && !isCalm(prediction) ? "prediction" : first ? keyOf(first) : "prediction";
}

function showChosen() {
  const all = entries(last);
  const feature = all.find((one) => keyOf(one) === (chosen ?? worst(last))) ?? all[0];
  setHidden(detail, feature === undefined);
  if (feature === undefined) return;
  for (const button of list.node.querySelectorAll(".pick")) {
    const isChosen = button.dataset.key === keyOf(feature);
    button.setAttribute("aria-pressed", String(isChosen));
    button.tabIndex = isChosen ? 0 : -1;
    button.closest("tr").classList.toggle("chosen", isChosen);
  }
  setText(title, feature.name);
  writeLevel(feature.level);
  setText(reason, sentence(feature.reason));
  const { ks, chi2 } = feature;
  numbers.update([
    ["Rows", count(feature.rows)],
    ["PSI", statistic(feature.psi)],
    ["JS", statistic(feature.js)],
    ["KS", ks === null ? UNKNOWN : `${statistic(ks)}, p ${probability(feature.ks_p)}`],
    ["χ²", chi2 === null ? UNKNOWN : `${figure(chi2)}, df ${count(feature.chi2_df)}, p ${probability(feature.chi2_p)}`],
    ["Missing", `${share(feature.missing_ratio)}, training ${share(feature.baseline_missing_ratio)}`],
    ["Unseen", share(feature.unseen_ratio)],
  ]);
  chart.update(`Distribution of ${feature.name}`, feature.bins);
}

function note({ version, window, rows, reason: why }) {
  return `Version ${version} over ${window}: ${count(rows)} rows. ${sentence(why)}`;
}

function explain({ alpha, n_checks: n }) {
  return "Warning: PSI, less what chance alone gives, from 0.1, or missing or unseen values up by 2 points; " +
    `alarm from 0.25 or 10 points. Both only where p is below ${figure(alpha)} shared by ${count(n)} checks, ` +
    "and from 100 rows on. The arrow keys go through the list.";
}

export function showDrift({ drift, problems, window }) {
  last = drift;
  setText(byId("drift-note"), drift === null ? "" : note(drift));
  if (drift === null) {
    const isBlind = problems.some(({ code }) => code === "registry_unreadable");
    return show(isBlind
      ? "No baseline: the registry cannot be read, so there is nothing to compare with. See the problem above."
      : `Nothing to compare in the last ${window}: no version of this model with a baseline has answered.`);
  }
  show(null);
  setText(rule, explain(drift));
  list.update(entries(drift));
  showChosen();
}
