// States of a made-up fleet, for what a real one cannot be brought into when a test wants it.

const at = (second) => new Date(Date.UTC(2026, 4, 4, 12, 0, second)).toISOString();
const around = (value, half) => ({ value, low: value - half, high: value + half });

const away = {
  version: null, requests_per_second: null, error_ratio: null, p50_seconds: null, p95_seconds: null,
  p99_seconds: null, memory_bytes: null, uptime_seconds: null, last_seen_at: null,
};

export const NOW = at(0);

function feature(name, level, shift, labels) {
  const share = 1 / labels.length;
  const live = labels.map((_, i) => share + shift * (i - (labels.length - 1) / 2) * share);
  const isNumber = labels[0].startsWith("≤");
  return {
    name, level, kind: isNumber ? "histogram" : "categories", reason: `${name} was looked at`,
    rows: 1234, psi: shift * 0.5, js: shift * 0.05, ks: isNumber ? shift * 0.3 : null,
    ks_p: isNumber ? 3.2e-9 : null, chi2: 45.6, chi2_p: 0.0421, chi2_df: labels.length - 1,
    missing_ratio: 0.031, baseline_missing_ratio: 0.002, unseen_ratio: isNumber ? 0 : 0.005,
    bins: labels.map((label, i) => ({ label, baseline: share, live: live[i] })),
  };
}

const numbers = ["≤ 0.35", "0.35 to 0.7", "0.7 to 1.2", "> 1.2"];

const quality = {
  version: 3, window: "1h", pairs: 500, predictions: 600, without_actual: 100, without_actual_ratio: 0.167,
  mae: around(352.4, 9), rmse: around(741.3, 31), bias: around(-42.1, 18), r2: around(0.95, 0.01),
  training: { mae: 279.93, rmse: 548.11, r2: 0.9809 }, worse_than_training: true,
  history: [0, 20, 40].map((minute) => ({
    time: at((minute - 50) * 60), pairs: 160, mae: 300 + minute, rmse: 700 + minute, bias: -minute,
  })),
};

const events = [0, 1, 2].map((row) => ({
  time: at(-row), request_id: `request-${row}`, row, version: 3, prediction: 4123.5 + row,
  actual: row === 0 ? null : 4000,
  values: { carat: 0.9, cut: "Ideal", depth: null, buyer: { hash: "00ff00ff00ff00ff" }, name: { private: true } },
}));

/** Two replicas that disagree and two that are away, a champion that drifts, a challenger on trial. */
export function rich() {
  return structuredClone({
    generated_at: NOW, canopy_version: "0.3.0", started_at: at(-7200), scrape_interval_seconds: 5,
    model: "diamonds", models: ["diamonds", "bikes"], window: "1h", windows: ["1h", "24h"],
    fleet: {
      replicas: [
        {
          url: "http://10.0.0.1:8000", state: "ready", reason: null, version: 3, requests_per_second: 62.14,
          error_ratio: 0.0004, p50_seconds: 0.00041, p95_seconds: 0.0011, p99_seconds: 0.0213,
          memory_bytes: 19234816, uptime_seconds: 93211, last_seen_at: at(-1),
        },
        {
          url: "http://10.0.0.2:8000", state: "not_ready", reason: "draining", version: 2, requests_per_second: 0,
          error_ratio: null, p50_seconds: null, p95_seconds: null, p99_seconds: null,
          memory_bytes: 512, uptime_seconds: 61, last_seen_at: at(-1),
        },
        { ...away, url: "http://10.0.0.3:8000", state: "unreachable", reason: "connection refused" },
        { ...away, url: "http://10.0.0.4:8000", state: "invalid", reason: "line 3 is no sample" },
      ],
      ready: 1, not_ready: 1, unreachable: 1, invalid: 1, version_skew: true, requests_per_second: 62.14,
      error_ratio: 0.0004, p50_seconds: 0.00041, p95_seconds: 0.0011, p99_seconds: 0.0213,
    },
    traffic: [-50, -40, -30, -20, -10].map((minute) => ({
      time: at(minute * 60), requests_per_second: minute === -30 ? null : 100 - minute,
      rows_per_second: minute === -30 ? null : 300, error_ratio: minute === -30 ? null : 0.01,
      p50_seconds: minute === -30 ? null : 0.0004, p99_seconds: minute === -30 ? null : 0.002,
    })),
    versions: [
      {
        version: 3, role: "champion", rows: 12034, rows_per_second: 398.2, created_at: at(-86400),
        estimator: "random-forest", training: { mae: 279.93, rmse: 548.11, r2: 0.9809, n_rows: 10788 },
        live: quality, drift_level: "alarm", model_p50_seconds: 0.000021, model_p99_seconds: 0.000061,
      },
      {
        version: 4, role: "challenger", rows: 12, rows_per_second: 0.4, created_at: at(-3600), estimator: "ridge",
        training: { mae: 801.3, rmse: 1204.9, r2: 0.912, n_rows: 10788 }, live: null, drift_level: "unknown",
        model_p50_seconds: 0.000001, model_p99_seconds: null,
      },
    ],
    drift: {
      version: 3, window: "1h", rows: 1234, level: "alarm", reason: "carat has drifted", alpha: 0.0001, n_checks: 9,
      prediction: feature("price", "warning", 0.3, numbers),
      features: [
        feature("carat", "alarm", 0.6, numbers),
        feature("cut", "ok", 0.05, ["Fair", "Good", "Ideal"]),
        feature("depth", "unknown", 0, numbers),
      ],
    },
    quality, events,
    aliases: [
      { time: at(-1200), alias: "champion", action: "promoted", from: 2, to: 3, by: "ci", reason: "gates passed" },
      { time: at(-2400), alias: "champion", action: "refused", from: 2, to: null, by: "ci", reason: "score" },
    ],
    problems: [{ code: "target_unreachable", text: "10.0.0.3 does not answer", action: "look at its log" }],
  });
}

/** A service that has just been started, without replicas and registry. */
export function empty() {
  const none = { requests_per_second: null, error_ratio: null, p50_seconds: null, p95_seconds: null, p99_seconds: null };
  const counts = { ready: 0, not_ready: 0, unreachable: 0, invalid: 0, version_skew: false };
  return {
    ...rich(), model: null, models: [], fleet: { replicas: [], ...counts, ...none }, traffic: [], versions: [],
    drift: null, quality: null, aliases: [], events: [], problems: [],
  };
}
