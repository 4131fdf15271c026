// Numbers, durations, times and values as a person reads them. Null is a dash everywhere.

export const UNKNOWN = "–";

const LANGUAGE = "en"; // the page's own: a German comma in an English sentence misleads
const number = (options) => new Intl.NumberFormat(LANGUAGE, options);
const significant = (digits) => number({ maximumSignificantDigits: digits });

const whole = number({ maximumFractionDigits: 0 });
const two = significant(2);
const three = significant(3);
const four = significant(4);
const scientific = number({ notation: "scientific", maximumSignificantDigits: 2 });
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const dayAndClock = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const dayAndYear = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

/** `write` for a number; a dash for null, undefined and what is not finite. */
const known = (write) => (value) => (Number.isFinite(value) ? write(value) : UNKNOWN);

export const count = known((value) => whole.format(value));

/** A score or a value: four significant digits, all of them before the point. */
export const figure = known((value) => {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return scientific.format(value).toLowerCase();
  return size >= 1000 ? whole.format(value) : four.format(value);
});

/** A statistic of drift: three digits say where it stands. */
export const statistic = known((value) => (Math.abs(value) < 5e-5 ? "0" : three.format(value)));

/** A value of a row, with every digit that it came with. */
export const exact = known((value) => value.toLocaleString(LANGUAGE, { maximumSignificantDigits: 15 }));

export const rate = known((value) => `${value >= 100 ? whole.format(value) : three.format(value)}/s`);

/** A ratio 0..1 as percent. */
export const share = known((ratio) => {
  const percent = ratio * 100;
  if (percent !== 0 && Math.abs(percent) < 0.01) return "< 0.01 %";
  const digits = Math.abs(percent) < 10 ? two.format(percent) : three.format(percent);
  return `${digits} %`;
});

/** The probability of a test; tiny ones as powers of ten. */
export const probability = known((p) => {
  if (p < 1e-12) return "< 1e-12";
  return p < 1e-3 ? scientific.format(p).toLowerCase() : two.format(p);
});

/** Seconds, from microseconds up. */
export const duration = known((seconds) => {
  if (seconds === 0) return "0 s";
  if (seconds < 1e-3) return `${three.format(seconds * 1e6)} µs`;
  return seconds < 1 ? `${three.format(seconds * 1e3)} ms` : `${three.format(seconds)} s`;
});

/** Seconds of uptime: the two largest units. */
export const uptime = known((seconds) => {
  const [days, hours, minutes] = [86400, 3600, 60].map((unit) => Math.floor(seconds / unit));
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min` : `${Math.floor(seconds)} s`;
});

export const bytes = known((value) => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = Math.min(Math.floor(Math.log2(Math.max(value, 1)) / 10), units.length - 1);
  return `${three.format(value / 1024 ** step)} ${units[step]}`;
});

/** A time of today by the clock, any other with its day, in the reader's time zone. */
export function time(rfc3339, now = new Date()) {
  const at = new Date(rfc3339);
  if (rfc3339 === null || Number.isNaN(at.getTime())) return UNKNOWN;
  return at.toDateString() === now.toDateString() ? clock.format(at) : dayAndClock.format(at);
}

export function date(rfc3339) {
  const at = new Date(rfc3339);
  return rfc3339 === null || Number.isNaN(at.getTime()) ? UNKNOWN : dayAndYear.format(at);
}

/** The same instant in UTC, for a title. */
export function utc(rfc3339) {
  const at = new Date(rfc3339);
  if (rfc3339 === null || Number.isNaN(at.getTime())) return "not known";
  return at.toISOString().replace("T", " ").replace("Z", " UTC");
}

/** What the server says, with a stop; its first word may be a name and stays as it is. */
export function sentence(text) {
  return !text || /[.!?]$/.test(text) ? (text ?? "") : `${text}.`;
}

/** A feature's value in an event; private ones say so. */
export function cell(value) {
  if (value === null || value === undefined) return "missing";
  if (value.private) return "private";
  if (value.hash) return `hashed ${value.hash}`;
  return typeof value === "number" ? exact(value) : String(value);
}

/** The interval of a score, without the score. */
export function interval(score) {
  const { low, high } = score ?? {};
  return Number.isFinite(low) && Number.isFinite(high) ? `${figure(low)} to ${figure(high)}` : "";
}

/** A window such as "1h" or "90m" in seconds; undefined for another text. */
export function windowSeconds(text) {
  const units = { s: 1, m: 60, min: 60, h: 3600, d: 86400, w: 604800 };
  const parts = /^(\d+)\s*([a-z]+)$/.exec(text ?? "");
  return parts && units[parts[2]] ? Number(parts[1]) * units[parts[2]] : undefined;
}
