//! What a run says at its end: tables for people, or one JSON document; and whether the thresholds hold.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::config::{Config, Output, ThresholdArgs};
use crate::failure::FailureKind;
use crate::tally::Counts;
use crate::text::{count, duration, message};

/// What became of a run. Times are offsets from where counting begins, after the warm-up.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    url: String,
    /// Requests a second that were asked for; 0: as fast as the connections allow.
    rate: f64,
    connections: usize,
    duration_seconds: f64,
    /// Ended by a signal.
    stopped: bool,
    /// All that were due: `sent` + `dropped`, and also `succeeded` + `failed`.
    requests: u64,
    sent: u64,
    /// Never sent, which is the failure `overload`.
    dropped: u64,
    /// Sent more than 10 ms after they were due.
    late: u64,
    succeeded: u64,
    failed: u64,
    failed_by_kind: BTreeMap<String, u64>,
    first_failures: Vec<ToldFailure>,
    /// Sent, each second.
    requests_per_second: f64,
    latency_ms: Option<Latency>,
    /// Of answers 429 and 503: how soon a caller knows that it must come again.
    refused_latency_ms: Option<Latency>,
    versions: Vec<VersionSeen>,
    longest_gap: GapSeen,
    warm_up: WarmUpSeen,
    passed: bool,
    /// Which thresholds do not hold.
    broken: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
struct ToldFailure {
    offset_seconds: f64,
    kind: FailureKind,
    message: String,
}

/// Of requests that had the same end, from when they were due.
#[derive(Debug, Clone, Serialize)]
struct Latency {
    p50: f64,
    p90: f64,
    p99: f64,
    p99_9: f64,
    max: f64,
}

#[derive(Debug, Clone, Serialize)]
struct VersionSeen {
    model: String,
    version: u64,
    answers: u64,
    first_seconds: f64,
    last_seconds: f64,
}

/// The longest time without a success.
#[derive(Debug, Clone, Serialize)]
struct GapSeen {
    from_seconds: f64,
    length_seconds: f64,
}

#[derive(Debug, Clone, Serialize)]
struct WarmUpSeen {
    requests: u64,
    failed: u64,
}

impl Summary {
    pub(crate) fn new(
        config: &Config,
        url: String,
        counts: Counts,
        stopped: bool,
        not_ready: Option<String>,
    ) -> Self {
        let broken = broken(&config.thresholds, &counts, not_ready);
        let duration_seconds = counts.duration.as_secs_f64();
        let told = counts.first_failures.iter().map(|(offset, failure)| ToldFailure {
            offset_seconds: rounded(*offset),
            kind: failure.kind,
            message: message(&failure.message),
        });
        let versions = counts.versions.iter().map(|((model, version), seen)| VersionSeen {
            model: message(model),
            version: *version,
            answers: seen.n,
            first_seconds: rounded(seen.first),
            last_seconds: rounded(seen.last),
        });
        Self {
            url,
            rate: config.load.rate,
            connections: config.load.connections,
            duration_seconds: rounded(counts.duration),
            stopped,
            requests: counts.requests(),
            sent: counts.sent,
            dropped: counts.requests() - counts.sent,
            late: counts.late,
            succeeded: counts.succeeded,
            failed: counts.n_failed(),
            failed_by_kind: counts.failed.iter().map(|(kind, n)| (kind.to_string(), *n)).collect(),
            first_failures: told.collect(),
            // Less than a microsecond is no run.
            requests_per_second: thousandths(counts.sent as f64 / duration_seconds.max(1e-6)),
            latency_ms: Latency::of(&counts.latency),
            refused_latency_ms: Latency::of(&counts.refused_latency),
            versions: versions.collect(),
            longest_gap: GapSeen {
                from_seconds: rounded(counts.longest_gap.from),
                length_seconds: rounded(counts.longest_gap.length),
            },
            warm_up: WarmUpSeen {
                requests: counts.warm_up.requests,
                failed: counts.warm_up.failed,
            },
            passed: broken.is_empty(),
            broken,
        }
    }

    /// Says whether every threshold holds.
    pub fn passed(&self) -> bool {
        self.passed
    }

    /// Writes the summary to standard output.
    ///
    /// # Errors
    ///
    /// Where nobody reads it.
    pub fn print(&self, output: Output) -> anyhow::Result<()> {
        let mut stdout = io::stdout().lock();
        match output {
            Output::Text => writeln!(stdout, "{self}")?,
            Output::Json => writeln!(stdout, "{}", serde_json::to_string_pretty(self)?)?,
        }
        Ok(stdout.flush()?)
    }
}

/// Which thresholds do not hold, in words.
fn broken(thresholds: &ThresholdArgs, counts: &Counts, not_ready: Option<String>) -> Vec<String> {
    if let Some(not_ready) = not_ready {
        return vec![message(&not_ready)];
    }
    let mut broken = Vec::new();
    let (failed, max) = (counts.n_failed(), thresholds.max_failures);
    if failed > max {
        broken.push(format!("{} failed, --max-failures is {}", count(failed), count(max)));
    }
    let p99 = Duration::from_micros(counts.latency.value_at_quantile(0.99));
    let max = thresholds.max_p99;
    if !max.is_zero() && p99 > max {
        broken.push(format!("p99 is {}, --max-p99 is {}", duration(p99), duration(max)));
    }
    if counts.succeeded == 0 {
        broken.push("no request succeeded".to_owned());
    }
    broken
}

impl Latency {
    fn of(latency: &Histogram<u64>) -> Option<Self> {
        let at = |quantile| latency.value_at_quantile(quantile) as f64 / 1000.0;
        (!latency.is_empty()).then(|| Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: at(1.0),
        })
    }
}

/// Seconds to a millisecond.
fn rounded(duration: Duration) -> f64 {
    thousandths(duration.as_secs_f64())
}

fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, connections, duration_seconds: seconds, .. } = self;
        let rate = match self.rate {
            0.0 => "as fast as they allow".to_owned(),
            rate => format!("{rate} requests/s"),
        };
        let stopped = if self.stopped { ", stopped by a signal" } else { "" };
        writeln!(f, "Load         {url}, {connections} connections, {rate}")?;
        writeln!(f, "Duration     {seconds:.1} s{stopped}")?;
        let (sent, per_second) = (count(self.sent), self.requests_per_second);
        let (late, dropped) = (count(self.late), count(self.dropped));
        writeln!(f, "Sent         {sent} ({per_second:.1}/s), {late} late, {dropped} dropped")?;
        if self.warm_up.requests > 0 {
            let (requests, failed) = (count(self.warm_up.requests), count(self.warm_up.failed));
            writeln!(f, "Warm-up      {requests} before that, {failed} failed; not counted")?;
        }
        writeln!(f, "Succeeded    {}", count(self.succeeded))?;
        self.write_failures(f)?;
        if let Some(Latency { p50, p90, p99, p99_9, max }) = &self.latency_ms {
            writeln!(
                f,
                "Latency      p50 {p50:.2} ms, p90 {p90:.2}, p99 {p99:.2}, p99.9 {p99_9:.2}, max {max:.2}"
            )?;
        }
        for (i, seen) in self.versions.iter().enumerate() {
            let title = if i == 0 { "Versions" } else { "" };
            let VersionSeen { model, version, first_seconds: first, last_seconds: last, .. } = seen;
            let answers = count(seen.answers);
            writeln!(
                f,
                "{title:<12} {model} {version}: {answers} answers, from {first:.1} s to {last:.1} s"
            )?;
        }
        let GapSeen { from_seconds, length_seconds } = self.longest_gap;
        writeln!(
            f,
            "Longest gap  {length_seconds:.3} s without a success, from {from_seconds:.1} s"
        )?;
        match self.broken.as_slice() {
            [] => write!(f, "Passed       every threshold holds"),
            broken => write!(f, "FAILED       {}", broken.join("\n             ")),
        }
    }
}

impl Summary {
    fn write_failures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> =
            self.failed_by_kind.iter().map(|(kind, n)| format!("{kind} {}", count(*n))).collect();
        let kinds =
            if kinds.is_empty() { String::new() } else { format!(": {}", kinds.join(", ")) };
        writeln!(f, "Failed       {}{kinds}", count(self.failed))?;
        for ToldFailure { offset_seconds, kind, message } in &self.first_failures {
            writeln!(f, "             at {offset_seconds:.3} s  {kind}  {message}")?;
        }
        let more = self.failed - self.first_failures.len() as u64;
        if more > 0 {
            writeln!(f, "             and {} more", count(more))?;
        }
        Ok(())
    }
}
