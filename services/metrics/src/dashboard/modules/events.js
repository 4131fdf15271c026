// The latest prediction events, each with its row and, once it is known, its actual.

import { byId, element, facts, panel, setText, table } from "./dom.js";
import { UNKNOWN, cell as value, figure } from "./format.js";
import { moment } from "./level.js";

const SHOWN = 3; // values of a row that stand before it is opened

const { node, update } = table("Recent predictions", [
  { title: "Time", make: when },
  { title: "Request id", make: requestId },
  { title: "Row", isNumber: true, text: ({ row }) => String(row) },
  { title: "Version", isNumber: true, text: ({ version }) => String(version) },
  { title: "Prediction", isNumber: true, text: ({ prediction }) => figure(prediction) },
  { title: "Actual", isNumber: true, text: ({ actual }) => figure(actual) },
  { title: "Error", isNumber: true, text: error },
  { title: "Values", make: values },
], ({ request_id: id, row }) => `${id} ${row}`);

const show = panel(byId("events-panel"), node);

function when(cell) {
  const write = moment(cell);
  return ({ time }) => write(time);
}

function requestId(cell) {
  const code = element("code");
  cell.append(code);
  return ({ request_id: id }) => setText(code, id);
}

function error({ prediction, actual }) {
  if (actual === null) return UNKNOWN;
  const difference = prediction - actual;
  return (difference > 0 ? "+" : "") + figure(difference);
}

function values(cell) {
  const summary = element("summary");
  const all = facts();
  cell.append(element("details", { className: "inline" }, summary, all.node));
  return (event) => {
    const pairs = Object.entries(event.values).map(([name, given]) => [name, value(given)]);
    const more = pairs.length > SHOWN ? ` and ${pairs.length - SHOWN} more` : "";
    setText(summary, pairs.slice(0, SHOWN).map(([name, text]) => `${name} ${text}`).join(", ") + more);
    all.update(pairs);
  };
}

export function showEvents({ events }) {
  update(events);
  if (events.length > 0) return show(null);
  show("No prediction has been sent here yet. Replicas send a sample of theirs when they know the address:",
    "canopy-inference --metrics-url http://metrics:8001");
}
