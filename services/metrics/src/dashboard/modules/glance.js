// The tiles on top: each says one thing, and leads to the section that says the rest.

import { byId, element, keyed, setText } from "./dom.js";
import { UNKNOWN, count, date, duration, figure, rate, share } from "./format.js";
import { tone, word } from "./level.js";

const update = keyed(byId("glance"), ({ title }) => title, ({ title, section }) => {
  const value = element("span", { className: "value" });
  const detail = element("span", { className: "detail" });
  const node = element("li", {}, element("a", { href: `#${section}` }, title), value, detail);
  return {
    node,
    update: (tile) => {
      setText(value, tile.value);
      setText(detail, tile.detail);
      node.className = tile.tone ?? "plain";
    },
  };
});

export function showGlance(state) {
  update([champion(state), replicas(state), requests(state), errors(state), latency(state),
    drift(state), quality(state)]);
}

function champion({ versions }) {
  const version = versions.find(({ role }) => role === "champion");
  const detail = version ? `${version.estimator ?? UNKNOWN}, created ${date(version.created_at)}` : "no champion known";
  const value = version ? `version ${version.version}` : UNKNOWN;
  return { title: "Champion", section: "versions", value, detail };
}

function replicas({ fleet }) {
  const away = [["not ready", fleet.not_ready], ["unreachable", fleet.unreachable],
    ["invalid", fleet.invalid]].filter(([, n]) => n > 0).map(([name, n]) => `${n} ${name}`);
  if (fleet.version_skew) away.push("versions differ");
  const total = fleet.replicas.length;
  const level = total === 0 ? "plain" : fleet.ready === 0 ? "bad" : away.length > 0 ? "warn" : "good";
  return {
    title: "Replicas ready", section: "fleet", tone: level,
    value: `${count(fleet.ready)} of ${count(total)}`,
    detail: away.join(", ") || (total === 0 ? "none found yet" : "all answer"),
  };
}

function requests({ fleet, traffic }) {
  const rows = traffic.findLast(({ rows_per_second: rows }) => rows !== null)?.rows_per_second;
  return {
    title: "Requests", section: "traffic", value: rate(fleet.requests_per_second),
    detail: rows === undefined ? "no rows in this window" : `${rate(rows)} rows`,
  };
}

function errors({ fleet }) {
  const ratio = fleet.error_ratio;
  const level = ratio === null ? "plain" : ratio >= 0.01 ? "bad" : ratio > 0 ? "warn" : "good";
  return { title: "Errors", section: "traffic", value: share(ratio), detail: "answers that are 5xx", tone: level };
}

function latency({ fleet }) {
  return {
    title: "Latency, p95", section: "traffic", value: duration(fleet.p95_seconds),
    detail: `p50 ${duration(fleet.p50_seconds)}, p99 ${duration(fleet.p99_seconds)}`,
  };
}

function drift({ drift: found }) {
  if (found === null) return { title: "Drift", section: "drift", value: UNKNOWN, detail: "nothing to compare" };
  const drifted = [found.prediction, ...found.features]
    .filter((one) => one?.level === "alarm" || one?.level === "warning");
  const names = drifted.map(({ name }) => name);
  const more = names.length > 2 ? ` and ${names.length - 2} more` : "";
  return {
    title: "Drift", section: "drift", value: word(found.level), tone: tone(found.level),
    detail: names.slice(0, 2).join(", ") + more || `${count(found.rows)} rows looked at`,
  };
}

function quality({ quality: live }) {
  if (live === null || live.pairs === 0) {
    return { title: "Live RMSE", section: "quality", value: UNKNOWN, detail: "no actuals yet" };
  }
  const level = { true: "bad", false: "good" }[live.worse_than_training] ?? "plain";
  return {
    title: "Live RMSE", section: "quality", value: figure(live.rmse?.value), tone: level,
    detail: `${figure(live.training?.rmse)} in training`,
  };
}
