// Traffic over the window: how much, how many errors, how fast.

import { byId, element, panel, setText } from "./dom.js";
import { TimeChart } from "./chart.js";
import { duration, rate, share, windowSeconds } from "./format.js";

const charts = element("div", { className: "charts thirds" });
const show = panel(byId("traffic-panel"), charts);

const line = (key, label, color, dash, format) => ({ key, label, color, dash, format });
const together = { sync: "traffic" };

const volume = new TimeChart(charts, "Requests and rows", [
  line("requests_per_second", "Requests", "live", "solid", rate),
  line("rows_per_second", "Rows", "second", "dashed", rate),
], together);
const errors = new TimeChart(charts, "Share of errors (5xx)", [
  line("error_ratio", "Errors", "fault", "solid", share),
], together);
const latency = new TimeChart(charts, "Latency of predictions", [
  line("p50_seconds", "p50", "live", "solid", duration),
  line("p99_seconds", "p99", "second", "dashed", duration),
], together);

/** The first and last second that a chart over the state's window shows. */
export function span(state) {
  const end = Date.parse(state.generated_at) / 1000;
  return [end - (windowSeconds(state.window) ?? 3600), end];
}

/** When another version became champion. */
export function championMoves({ aliases }) {
  return aliases
    .filter(({ alias, action, from, to }) => alias === "champion" && action !== "refused" && to !== null && to !== from)
    .map(({ time, to }) => ({ second: Date.parse(time) / 1000, label: `v${to}` }));
}

export function showTraffic(state) {
  const points = state.traffic;
  const hasTraffic = points.some((point) => point.requests_per_second > 0 || point.rows_per_second > 0);
  setText(byId("traffic-note"), hasTraffic
    ? `Of all replicas, over ${state.window}. A gap: nothing was scraped. A dashed mark: another champion.`
    : "");
  show(hasTraffic ? null : `No traffic in the last ${state.window}. Send a prediction to a replica, ` +
    "or choose a longer window.");
  if (!hasTraffic) return;
  for (const chart of [volume, errors, latency]) chart.update(points, span(state), championMoves(state));
}
