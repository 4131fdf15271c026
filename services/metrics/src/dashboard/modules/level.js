// Levels and states, each as a word and a shape beside its colour.

import { element, setText } from "./dom.js";
import { date, time, utc } from "./format.js";

const WORDS = {
  ok: ["OK", "good"],
  warning: ["Warning", "warn"],
  alarm: ["Alarm", "bad"],
  unknown: ["Unknown", "plain"],
  ready: ["Ready", "good"],
  not_ready: ["Not ready", "warn"],
  unreachable: ["Unreachable", "bad"],
  invalid: ["Invalid answer", "bad"],
};

export const word = (level) => (WORDS[level] ?? [level])[0];
export const tone = (level) => (WORDS[level] ?? [level, "plain"])[1];

/** Fills `host` with a badge; the function given back updates it. */
export function badge(host) {
  const node = element("span", { className: "badge" });
  host.append(node);
  return (level) => {
    setText(node, word(level));
    node.className = `badge ${tone(level)}`;
  };
}

/** Fills `host` with a time in the reader's zone, its title in UTC; `isLong` writes the year. */
export function moment(host, isLong = false) {
  const node = element("time");
  host.append(node);
  return (rfc3339) => {
    node.dateTime = rfc3339 ?? "";
    node.title = utc(rfc3339);
    setText(node, isLong ? date(rfc3339) : time(rfc3339));
  };
}
