// The scenarios of ../scenarios for k6: the same streams, bodies and thresholds.
//
//   python3 loadtest/runner/bodies.py
//   CANOPY_API_KEY=… k6 run -e SCENARIO=spike -e URL=http://127.0.0.1:8000 loadtest/k6/scenario.js
//
// k6 reads no raw sockets: of the bad clients those that speak HTTP are here, the others are left out and named.

import { check } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { Counter, Rate, Trend } from "k6/metrics";

const name = __ENV.SCENARIO || "smoke";
const url = (__ENV.URL || "http://127.0.0.1:8000").replace(/\/+$/, "");
const definition = JSON.parse(open(`../scenarios/${name}.json`));
const streams = definition.streams.map((stream) => adjusted(stream));
const bodies = streams.map((stream) => read(stream.body));

// Latency of successes, connecting included. It begins when a request is sent, which is when it is due as long as
// a VU is free; where none is, k6 drops the request, and the threshold on dropped iterations breaks.
const latency = new Trend("canopy_latency", true);
const refusalLatency = new Trend("canopy_refusal_latency", true);
const failed = new Rate("canopy_failed");
const unexpected = new Counter("canopy_bad_clients_unexpected");

const badKinds = {
  wrong_key: { key: "wrong", body: "{}", expected: [401, 429] },
  garbage_body: { body: '{"features": [[[\u0000', expected: [400, 422, 429, 503] },
};

export const options = {
  scenarios: { ...Object.fromEntries(streams.map(entry)), ...badClients() },
  thresholds: Object.assign({}, ...streams.map(thresholds), definition.bad_clients ? crowdThresholds() : {}),
  summaryTrendStats: ["med", "p(90)", "p(99)", "max"],
  discardResponseBodies: true,
};

/** A scenario of k6 may be named with letters, digits, _ and - only. */
function label(stream) {
  return stream.name.replace(/[^A-Za-z0-9]+/g, "_");
}

function adjusted(stream) {
  const { RATE, DURATION_SECONDS, P99_MS } = __ENV;
  const paced = stream.rate !== undefined;
  if ((RATE || DURATION_SECONDS) && (!paced || definition.streams.length > 1)) {
    throw new Error(`${name} has fixed phases: RATE and DURATION_SECONDS are for steady, soak and bad-clients`);
  }
  const changed = { ...stream, thresholds: { ...stream.thresholds } };
  if (RATE) changed.rate = Number(RATE);
  if (DURATION_SECONDS) changed.duration_seconds = Number(DURATION_SECONDS);
  if (P99_MS) changed.thresholds.p99_ms = Number(P99_MS);
  if (P99_MS && stream.refusals) changed.refusals = { ...stream.refusals, p99_ms: Number(P99_MS) };
  return changed;
}

function read(path) {
  try {
    return open(`../../${path}`);
  } catch (error) {
    throw new Error(`${path} cannot be read: python3 loadtest/runner/bodies.py writes it (${error})`);
  }
}

/** A stream at a constant arrival rate, whatever the answers do; or so many requests as fast as connections allow. */
function entry(stream, index) {
  const common = { exec: "send", env: { STREAM: `${index}` }, startTime: `${stream.start_seconds || 0}s` };
  const closed = { executor: "shared-iterations", vus: stream.connections, iterations: stream.requests };
  const open_ = {
    executor: "constant-arrival-rate",
    rate: stream.rate, timeUnit: "1s", duration: `${stream.duration_seconds}s`,
    preAllocatedVUs: stream.connections, maxVUs: stream.connections * 4,
  };
  return [label(stream), { ...common, ...(stream.requests ? closed : open_) }];
}

function thresholds(stream) {
  const tag = `{scenario:${label(stream)}}`;
  const { p99_ms, max_failed_ratio = 0 } = stream.thresholds;
  const judged = {
    [`canopy_latency${tag}`]: [`p(99)<${p99_ms}`],
    [`canopy_failed${tag}`]: [`rate<=${max_failed_ratio}`],
  };
  // An iteration is dropped where no VU is free: the rate was not reached.
  if (stream.rate) judged[`dropped_iterations${tag}`] = ["count<1"];
  if (stream.refusals) judged[`canopy_refusal_latency${tag}`] = [`p(99)<${stream.refusals.p99_ms}`];
  return judged;
}

function badClients() {
  const wanted = Object.entries(definition.bad_clients || {});
  const duration = Math.max(...streams.map((stream) => (stream.start_seconds || 0) + (stream.duration_seconds || 0)));
  return Object.fromEntries(
    wanted
      .filter(([kind]) => badKinds[kind])
      .map(([kind, vus]) => {
        const env = { KIND: kind };
        return [kind, { executor: "constant-vus", exec: "misbehave", env, vus, duration: `${duration}s` }];
      }),
  );
}

function crowdThresholds() {
  return { canopy_bad_clients_unexpected: ["count<1"] };
}

export function setup() {
  const left = Object.keys(definition.bad_clients || {}).filter((kind) => !badKinds[kind]);
  if (left.length) console.warn(`left out, for k6 has no raw sockets: ${left.join(", ")}`);
  const unread = Object.keys(definition.server || {});
  if (unread.length) console.warn(`left out, for it is in the server's metrics: ${unread.join(", ")}`);
  const ready = http.get(`${url}/ready`, { tags: { name: "ready" } });
  if (ready.status === 200) return;
  exec.test.abort(`${url}/ready answers ${ready.status || ready.error}: start a server, or set -e URL=…`);
}

function post(body, contentType, key) {
  const headers = { "Content-Type": contentType, ...(key ? { "X-API-Key": key } : {}) };
  return http.post(`${url}/predict`, body, { headers, timeout: "10s", tags: { name: "predict" } });
}

function elapsed({ blocked, connecting, tls_handshaking, duration }) {
  return blocked + connecting + tls_handshaking + duration;
}

export function send() {
  const index = Number(__ENV.STREAM);
  const stream = streams[index];
  const contentType = stream.body.endsWith(".csv") ? "text/csv" : "application/json";
  const answer = post(bodies[index], contentType, __ENV.CANOPY_API_KEY);
  const refused = stream.refusals !== undefined && stream.refusals.statuses.includes(answer.status);
  if (answer.status === 200) latency.add(elapsed(answer.timings));
  if (refused) refusalLatency.add(elapsed(answer.timings));
  failed.add(answer.status !== 200 && !refused);
  const allowed = [200, ...(stream.refusals ? stream.refusals.statuses : [])];
  check(answer, { [`${stream.name}: ${allowed.join(", ")}`]: () => answer.status === 200 || refused });
}

export function misbehave() {
  const { key, body, expected } = badKinds[__ENV.KIND];
  const answer = post(body, "application/json", key || __ENV.CANOPY_API_KEY);
  if (!expected.includes(answer.status)) {
    unexpected.add(1);
    console.error(`${__ENV.KIND}: ${answer.status || answer.error} instead of ${expected.join(" or ")}`);
  }
}
