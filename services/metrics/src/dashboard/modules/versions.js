// Champion, challenger and former versions: a column each, a line for each thing to compare.

import { byId, element, keyed, panel, scroller, setText } from "./dom.js";
import { count, date, duration, figure, interval, rate, UNKNOWN } from "./format.js";
import { badge } from "./level.js";

const ROLES = { champion: "Champion", challenger: "Challenger", former: "Former" };

const LINES = [
  { title: "Created", text: (version) => date(version.created_at) },
  { title: "Estimator", text: (version) => version.estimator ?? UNKNOWN },
  { title: "Rows in the window", text: (version) => count(version.rows) },
  { title: "Rows per second", text: (version) => rate(version.rows_per_second) },
  { title: "Time of the model, p50", text: (version) => duration(version.model_p50_seconds) },
  { title: "Time of the model, p99", text: (version) => duration(version.model_p99_seconds) },
  { title: "Drift", make: drift },
  { title: "RMSE in training", text: ({ training }) => figure(training?.rmse) },
  { title: "RMSE live", make: score("rmse"), isStrong: true },
  { title: "MAE in training", text: ({ training }) => figure(training?.mae) },
  { title: "MAE live", make: score("mae"), isStrong: true },
  { title: "R² in training", text: ({ training }) => figure(training?.r2) },
  { title: "R² live", make: score("r2"), isStrong: true },
  { title: "Bias live", make: score("bias") },
  { title: "Pairs with an actual", text: ({ live }) => count(live?.pairs) },
  { title: "Test rows in training", text: ({ training }) => count(training?.n_rows) },
];

const keyOf = ({ version }) => version;

function line({ title, text, make, isStrong }) {
  const head = element("th", { scope: "row" }, title);
  const node = element("tr", { className: isStrong ? "strong" : "" }, head);
  const update = keyed(node, keyOf, () => {
    const cell = element("td", { className: "number" });
    return { node: cell, update: make ? make(cell) : (version) => setText(cell, text(version)) };
  }, [head]);
  return { node, update };
}

/** A live score with its interval below it. */
function score(key) {
  return (cell) => {
    const value = element("span");
    const around = element("span", { className: "around" });
    cell.append(value, around);
    return ({ live }) => {
      setText(value, figure(live?.[key]?.value));
      setText(around, interval(live?.[key]));
    };
  };
}

function drift(cell) {
  const write = badge(cell);
  return (version) => write(version.drift_level);
}

const corner = element("th", { scope: "col" }, "Version");
const heads = element("tr", {}, corner);
const updateHeads = keyed(heads, keyOf, () => {
  const name = element("span");
  const role = element("span", { className: "role" });
  const node = element("th", { scope: "col", className: "number" }, role, " ", name);
  return {
    node,
    update: (version) => {
      setText(role, ROLES[version.role] ?? version.role);
      setText(name, String(version.version));
    },
  };
}, [corner]);

const lines = LINES.map(line);
const show = panel(byId("versions-panel"), scroller("Versions side by side", element("table", { className: "compare" },
  element("caption", { className: "unseen" }, "Versions side by side"),
  element("thead", {}, heads),
  element("tbody", {}, ...lines.map(({ node }) => node)))));

export function showVersions({ versions }) {
  show(versions.length > 0 ? null : "No version is known yet: none has answered, and the registry names none. " +
    "Publish one, and check --registry.");
  updateHeads(versions);
  for (const { update } of lines) update(versions);
}
