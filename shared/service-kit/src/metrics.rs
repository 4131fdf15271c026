//! The Prometheus exporter: one recorder per server, not per process.
//!
//! Each noun keeps its own handles, made once through [`Exporter::register`]; the series of the
//! HTTP layer are in [`crate::http_series`], a service's own in its `metrics.rs`.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use metrics::Gauge;
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use metrics_process::Collector;

use crate::telemetry;

/// Upper bounds, in seconds, of the histograms whose name ends in `_seconds`.
pub const SECONDS_BUCKETS: [f64; 17] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
];

/// How often [`Exporter::upkeep`] should run: at 80,000 requests a second more than 1 MB gathers meanwhile.
pub const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Owns a recorder that is not installed globally, so that several servers live in one process.
///
/// # Examples
///
/// ```
/// use metrics::{counter, describe_counter};
/// use service_kit::metrics::Exporter;
///
/// let exporter = Exporter::new();
/// let rows = exporter.register(|| {
///     describe_counter!("canopy_rows_total", "rows seen");
///     counter!("canopy_rows_total")
/// });
/// rows.increment(3);
/// assert!(exporter.render().contains("canopy_rows_total 3"));
/// ```
#[derive(Clone)]
pub struct Exporter(Arc<Inner>);

struct Inner {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    process: Collector,
    sampled: Mutex<Vec<Sampled>>,
    writers: Mutex<Vec<Writer>>,
}

/// Adds families of series to the text.
type Writer = Box<dyn Fn(&mut String) + Send>;

/// A gauge that is set when somebody looks.
struct Sampled {
    gauge: Gauge,
    value: Box<dyn Fn() -> f64 + Send>,
}

impl Exporter {
    /// Makes an exporter whose `*_seconds` histograms start at 50 µs.
    #[must_use]
    pub fn new() -> Self {
        Self::with_buckets(&[])
    }

    /// The same, with upper bounds for histograms that are not in seconds: full names and their buckets.
    ///
    /// # Panics
    ///
    /// If a list of buckets is empty.
    #[must_use]
    pub fn with_buckets(histograms: &[(&str, &[f64])]) -> Self {
        let seconds = (Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS[..]);
        let others =
            histograms.iter().map(|&(name, buckets)| (Matcher::Full(name.to_owned()), buckets));
        let builder = others.chain([seconds]).fold(
            PrometheusBuilder::new(),
            |builder, (matcher, buckets)| {
                let builder = builder.set_buckets_for_metric(matcher, buckets);
                builder.expect("the list of buckets is not empty")
            },
        );
        let recorder = builder.build_recorder();
        let exporter = Self(Arc::new(Inner {
            handle: recorder.handle(),
            recorder,
            process: Collector::new("canopy_"),
            sampled: Mutex::default(),
            writers: Mutex::default(),
        }));
        exporter.register(|| {
            exporter.0.process.describe();
            metrics::describe_counter!(
                "canopy_log_lines_lost_total",
                "Log lines dropped because the log's reader was slower than the server."
            );
        });
        exporter
    }

    /// Runs a closure whose `counter!`, `gauge!`, `histogram!` and `describe_*!` land in this exporter.
    ///
    /// The handles it returns are kept by the caller: recording through them looks nothing up.
    pub fn register<T>(&self, register: impl FnOnce() -> T) -> T {
        metrics::with_local_recorder(&self.0.recorder, register)
    }

    /// Sets a gauge each time the text is written: what changes with every request costs none of them anything.
    pub fn sample(&self, gauge: Gauge, value: impl Fn() -> f64 + Send + 'static) {
        self.sampled().push(Sampled { gauge, value: Box::new(value) });
    }

    fn sampled(&self) -> MutexGuard<'_, Vec<Sampled>> {
        self.0.sampled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets somebody write whole families into the text each time it is written: what has hundreds of series, or takes
    /// some away again.
    ///
    /// `HELP`, `TYPE` and lines are the writer's, and so is that no family is there twice.
    pub fn write_with(&self, write: impl Fn(&mut String) + Send + 'static) {
        let mut writers = self.0.writers.lock().unwrap_or_else(PoisonError::into_inner);
        writers.push(Box::new(write));
    }

    /// Writes the Prometheus text, format version 0.0.4, with fresh numbers about the process.
    #[must_use]
    pub fn render(&self) -> String {
        self.register(|| {
            self.0.process.collect();
            metrics::counter!("canopy_log_lines_lost_total").absolute(telemetry::lost_lines());
        });
        self.sampled().iter().for_each(|sampled| sampled.gauge.set((sampled.value)()));
        let mut text = String::new();
        let writers = self.0.writers.lock().unwrap_or_else(PoisonError::into_inner);
        writers.iter().for_each(|write| write(&mut text));
        self.0.handle.run_upkeep();
        text.push_str(&self.0.handle.render());
        text
    }

    /// Drains the histograms every `interval`, for ever, so that they do not grow between scrapes.
    pub fn upkeep(&self, interval: Duration) -> impl Future<Output = ()> + Send + 'static {
        let handle = self.0.handle.clone();
        async move {
            loop {
                tokio::time::sleep(interval).await;
                handle.run_upkeep();
            }
        }
    }
}

impl Default for Exporter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use metrics::{counter, histogram};

    use super::*;

    #[test]
    fn exporters_do_not_share_series() {
        let (one, other) = (Exporter::new(), Exporter::new());
        one.register(|| counter!("canopy_rows_total")).increment(2);
        assert!(one.render().contains("canopy_rows_total 2"));
        assert!(!other.render().contains("canopy_rows_total"));
    }

    #[test]
    fn seconds_are_counted_in_buckets_from_50_microseconds() {
        let exporter = Exporter::new();
        exporter.register(|| histogram!("canopy_fit_seconds")).record(0.000_04);
        let text = exporter.render();
        assert!(text.contains(r#"canopy_fit_seconds_bucket{le="0.00005"} 1"#), "{text}");
        assert!(text.contains(r#"canopy_fit_seconds_bucket{le="10"} 1"#), "{text}");
    }

    #[test]
    fn other_units_have_buckets_of_their_own() {
        let exporter = Exporter::with_buckets(&[("canopy_rows_per_request", &[1.0, 10.0])]);
        exporter.register(|| histogram!("canopy_rows_per_request")).record(7.0);
        exporter.register(|| histogram!("canopy_fit_seconds")).record(7.0);
        let text = exporter.render();
        assert!(text.contains(r#"canopy_rows_per_request_bucket{le="1"} 0"#), "{text}");
        assert!(text.contains(r#"canopy_rows_per_request_bucket{le="10"} 1"#), "{text}");
        assert!(text.contains(r#"canopy_fit_seconds_bucket{le="0.00005"} 0"#), "{text}");
    }

    #[test]
    fn what_is_sampled_is_as_of_now() {
        let (exporter, value) = (Exporter::new(), Arc::new(Mutex::new(1.0)));
        let read = Arc::clone(&value);
        let gauge = exporter.register(|| metrics::gauge!("canopy_places"));
        exporter.sample(gauge, move || *read.lock().unwrap());
        assert!(exporter.render().contains("canopy_places 1\n"));
        *value.lock().unwrap() = 2.0;
        assert!(exporter.render().contains("canopy_places 2\n"));
    }

    #[test]
    fn what_others_write_is_part_of_the_text() {
        let exporter = Exporter::new();
        exporter.register(|| counter!("canopy_rows_total")).increment(2);
        exporter.write_with(|text| {
            text.push_str("# TYPE canopy_bins_total counter\ncanopy_bins_total 3\n\n");
        });
        let text = exporter.render();
        assert!(
            text.starts_with("# TYPE canopy_bins_total counter\ncanopy_bins_total 3\n"),
            "{text}"
        );
        assert!(text.contains("canopy_rows_total 2\n"), "{text}");
    }

    #[test]
    fn numbers_about_the_process_carry_the_project_s_prefix() {
        let text = Exporter::new().render();
        assert!(text.contains("# HELP canopy_process_resident_memory_bytes"), "{text}");
        assert!(text.contains("\ncanopy_process_resident_memory_bytes "), "{text}");
        assert!(text.contains("\ncanopy_log_lines_lost_total "), "{text}");
    }

    #[tokio::test]
    async fn upkeep_keeps_what_was_recorded() {
        let exporter = Exporter::new();
        let seconds = exporter.register(|| histogram!("canopy_fit_seconds"));
        let upkeep = tokio::spawn(exporter.upkeep(Duration::from_millis(1)));
        for _ in 0..10 {
            seconds.record(1.0);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(!upkeep.is_finished());
        upkeep.abort();
        assert!(exporter.render().contains("canopy_fit_seconds_count 10"));
    }
}
