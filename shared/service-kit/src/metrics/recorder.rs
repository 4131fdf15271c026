//! Where the handles of the `metrics` crate write to, and the text that is read from it.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit,
};

use super::buckets::Buckets;

/// All series of an exporter.
#[derive(Debug)]
pub(super) struct Series {
    /// Upper bounds of histograms that have bounds of their own, by name.
    bounds: BTreeMap<String, Arc<[f64]>>,
    /// Those of all others.
    usual_bounds: Arc<[f64]>,
    families: Mutex<Families>,
}

#[derive(Debug, Default)]
struct Families {
    help: BTreeMap<String, SharedString>,
    counters: ByName<AtomicU64>,
    /// The bits of an `f64`.
    gauges: ByName<AtomicU64>,
    histograms: ByName<Buckets>,
}

/// Name → labels as they are written → value.
type ByName<T> = BTreeMap<String, BTreeMap<String, Arc<T>>>;

impl Series {
    /// `bounds` are ascending, and are those of the histogram of that name.
    pub(super) fn new(usual_bounds: &[f64], bounds: &[(&str, &[f64])]) -> Self {
        Self {
            bounds: bounds.iter().map(|&(name, of)| (name.to_owned(), of.into())).collect(),
            usual_bounds: usual_bounds.into(),
            families: Mutex::default(),
        }
    }

    /// The Prometheus text, format version 0.0.4, sorted by kind, name and labels.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let Families { help, counters, gauges, histograms } = &*self.families();
        write_families(&mut text, help, "counter", counters, |text, name, labels, value| {
            write_line(text, name, labels, value.load(Ordering::Relaxed));
        });
        write_families(&mut text, help, "gauge", gauges, |text, name, labels, value| {
            write_line(text, name, labels, f64::from_bits(value.load(Ordering::Relaxed)));
        });
        write_families(&mut text, help, "histogram", histograms, write_histogram);
        text
    }

    fn families(&self) -> MutexGuard<'_, Families> {
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn describe(&self, name: &KeyName, help: SharedString) {
        self.families().help.insert(name.as_str().to_owned(), help);
    }
}

impl Recorder for Series {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&name, help);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&name, help);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&name, help);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(one_of(&mut self.families().counters, key, AtomicU64::default))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(one_of(&mut self.families().gauges, key, AtomicU64::default))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let bounds = self.bounds.get(key.name()).unwrap_or(&self.usual_bounds);
        let empty = || Buckets::new(Arc::clone(bounds));
        Histogram::from_arc(one_of(&mut self.families().histograms, key, empty))
    }
}

/// The value of this name and these labels, made where it is new.
fn one_of<T>(by_name: &mut ByName<T>, key: &Key, empty: impl FnOnce() -> T) -> Arc<T> {
    let by_labels = by_name.entry(key.name().to_owned()).or_default();
    Arc::clone(by_labels.entry(labels(key.labels())).or_insert_with(|| Arc::new(empty())))
}

/// `method="GET",status="200"`, in the order in which the labels were given.
fn labels<'a>(labels: impl Iterator<Item = &'a Label>) -> String {
    let labels = labels.map(|label| {
        let value = label.value().replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
        format!(r#"{}="{value}""#, label.key())
    });
    labels.collect::<Vec<_>>().join(",")
}

fn write_families<T>(
    text: &mut String,
    help: &BTreeMap<String, SharedString>,
    kind: &str,
    by_name: &ByName<T>,
    write: impl Fn(&mut String, &str, &str, &T),
) {
    for (name, by_labels) in by_name {
        if let Some(help) = help.get(name) {
            let help = help.replace('\\', r"\\").replace('\n', r"\n");
            push(text, format_args!("# HELP {name} {help}\n"));
        }
        push(text, format_args!("# TYPE {name} {kind}\n"));
        by_labels.iter().for_each(|(labels, value)| write(text, name, labels, value));
        text.push('\n');
    }
}

fn write_histogram(text: &mut String, name: &str, labels: &str, buckets: &Buckets) {
    let (counts, sum) = (buckets.counts(), buckets.sum());
    let separator = if labels.is_empty() { "" } else { "," };
    let mut so_far = 0;
    for (idx, count) in counts.into_iter().enumerate() {
        so_far += count;
        push(text, format_args!(r#"{name}_bucket{{{labels}{separator}le=""#));
        match buckets.bounds().get(idx) {
            Some(bound) => push(text, format_args!("{bound}")),
            None => text.push_str("+Inf"),
        }
        push(text, format_args!("\"}} {so_far}\n"));
    }
    write_line(text, &format!("{name}_sum"), labels, sum);
    write_line(text, &format!("{name}_count"), labels, so_far);
}

fn write_line(text: &mut String, name: &str, labels: &str, value: impl Display) {
    match labels {
        "" => push(text, format_args!("{name} {value}\n")),
        _ => push(text, format_args!("{name}{{{labels}}} {value}\n")),
    }
}

fn push(text: &mut String, words: std::fmt::Arguments<'_>) {
    text.write_fmt(words).expect("a string takes all that is written to it");
}

#[cfg(test)]
mod tests {
    use metrics::{
        counter, describe_counter, describe_histogram, gauge, histogram, with_local_recorder,
    };

    use super::*;

    #[test]
    fn writes_every_kind_with_its_help_in_order() {
        let series = Series::new(&[1.0], &[("rows", &[0.5, 2.0])]);
        with_local_recorder(&series, || {
            describe_counter!("b_total", "what is\ncounted, in C:\\");
            counter!("b_total", "route" => "/ready", "status" => "200").increment(2);
            counter!("b_total", "route" => "/", "status" => "200").increment(1);
            counter!("a_total").absolute(u64::MAX);
            gauge!("open").set(2.5);
            gauge!("open").decrement(1.0);
            describe_histogram!("rows", "rows of a request");
            histogram!("rows", "model" => "a").record(0.5);
            histogram!("rows", "model" => "a").record(7.0);
            histogram!("seconds").record(0.25);
        });
        let expected = r#"# TYPE a_total counter
a_total 18446744073709551615

# HELP b_total what is\ncounted, in C:\\
# TYPE b_total counter
b_total{route="/",status="200"} 1
b_total{route="/ready",status="200"} 2

# TYPE open gauge
open 1.5

# HELP rows rows of a request
# TYPE rows histogram
rows_bucket{model="a",le="0.5"} 1
rows_bucket{model="a",le="2"} 1
rows_bucket{model="a",le="+Inf"} 2
rows_sum{model="a"} 7.5
rows_count{model="a"} 2

# TYPE seconds histogram
seconds_bucket{le="1"} 1
seconds_bucket{le="+Inf"} 1
seconds_sum 0.25
seconds_count 1

"#;
        assert_eq!(series.text(), expected);
    }

    #[test]
    fn labels_may_hold_anything() {
        let series = Series::new(&[1.0], &[]);
        with_local_recorder(&series, || counter!("odd_total", "x" => "a\"b\\c\nd").increment(1));
        assert!(series.text().contains("odd_total{x=\"a\\\"b\\\\c\\nd\"} 1\n"));
    }

    #[test]
    fn a_handle_that_is_made_again_goes_on_where_the_first_is() {
        let series = Series::new(&[1.0], &[]);
        let [first, second] =
            [(), ()].map(|()| with_local_recorder(&series, || counter!("a_total", "x" => "1")));
        first.increment(1);
        second.increment(1);
        assert!(series.text().contains("a_total{x=\"1\"} 2\n"));
    }
}
