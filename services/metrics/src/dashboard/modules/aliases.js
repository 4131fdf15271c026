// The moves of aliases, from the registry's ledger.

import { byId, panel, setText, table } from "./dom.js";
import { UNKNOWN } from "./format.js";
import { moment } from "./level.js";

const ACTIONS = {
  promoted: "promoted",
  rolled_back: "rolled back",
  trial_set: "trial set",
  trial_stopped: "trial stopped",
  vetoed: "vetoed",
  refused: "refused",
  pruned: "pruned",
};

const version = (number) => number?.toString() ?? UNKNOWN;

const { node, update } = table("Alias moves", [
  { title: "Time", make: when },
  { title: "Alias", text: ({ alias }) => alias ?? UNKNOWN },
  { title: "Action", text: ({ action }) => ACTIONS[action] ?? action },
  { title: "Version", text: ({ from, to }) => `${version(from)} → ${version(to)}` },
  { title: "By", text: ({ by }) => by ?? UNKNOWN },
  { title: "Reason", make: why },
], ({ time, alias, action, to }) => [time, alias, action, to].join(" "));

const show = panel(byId("aliases-panel"), node);

function when(cell) {
  const write = moment(cell, true);
  return ({ time }) => write(time);
}

function why(cell) {
  cell.className = "long";
  return ({ reason }) => setText(cell, reason ?? "");
}

export function showAliases({ aliases }) {
  update(aliases);
  if (aliases.length > 0) return show(null);
  show("No alias has moved yet. A version becomes champion by",
    "canopy-trainer promote MODEL VERSION");
}
