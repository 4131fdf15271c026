// The replicas, one a row.

import { byId, element, panel, setText, table } from "./dom.js";
import { UNKNOWN, bytes, duration, rate, share, uptime } from "./format.js";
import { badge, moment } from "./level.js";

const { node, update } = table("Replicas", [
  { title: "Replica", text: ({ url }) => url.replace(/^https?:\/\//, "") },
  { title: "State", make: state },
  { title: "Version", isNumber: true, text: ({ version }) => version?.toString() ?? UNKNOWN },
  { title: "Requests", isNumber: true, text: (replica) => rate(replica.requests_per_second) },
  { title: "Errors", isNumber: true, text: (replica) => share(replica.error_ratio) },
  { title: "p50", isNumber: true, text: (replica) => duration(replica.p50_seconds) },
  { title: "p95", isNumber: true, text: (replica) => duration(replica.p95_seconds) },
  { title: "p99", isNumber: true, text: (replica) => duration(replica.p99_seconds) },
  { title: "Memory", isNumber: true, text: (replica) => bytes(replica.memory_bytes) },
  { title: "Up for", isNumber: true, text: (replica) => uptime(replica.uptime_seconds) },
  { title: "Last seen", make: lastSeen },
], ({ url }) => url);

const show = panel(byId("fleet-panel"), node);

function state(cell) {
  const write = badge(cell);
  const reason = element("span", { className: "reason" });
  cell.append(reason);
  return (replica) => {
    write(replica.state);
    setText(reason, replica.reason ?? "");
  };
}

function lastSeen(cell) {
  const write = moment(cell);
  return (replica) => write(replica.last_seen_at);
}

export function showFleet({ fleet }) {
  update(fleet.replicas);
  if (fleet.replicas.length > 0) return show(null);
  show("No replica yet. Name them when canopy-metrics is started: --targets takes URLs, separated by " +
    "commas; with dns+ in front every address of the name is a replica.",
  "canopy-metrics --targets dns+http://inference:8000");
}
