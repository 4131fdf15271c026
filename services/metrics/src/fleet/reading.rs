//! What the series of an inference server mean: the counters that are followed, and how the process is.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use registry::ModelName;

use super::counter::{Counter, Le, Outcome, Route, Values};
use super::exposition::{self, BadLine, Sample};

/// Routes that machines ask every few seconds.
const PROBES: [&str; 3] = ["/health", "/ready", "/metrics"];
/// Routes that predict.
const PREDICT: [&str; 2] = ["/predict", "/models/{model}/predict"];

/// What one look at a replica showed.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// When its process started, in seconds since the Unix epoch.
    pub(crate) process_start_seconds: Option<f64>,
    pub(crate) memory_bytes: Option<f64>,
    /// The champion of each model that has one.
    pub(crate) champions: BTreeMap<ModelName, u64>,
    pub(crate) values: Values,
}

/// Reads the text of `/metrics`.
///
/// # Errors
///
/// With the first line that is no sample, or says what cannot be; where nothing of an inference server is in it.
pub(crate) fn read(text: &str) -> Result<Reading, BadLine> {
    let mut reading = Reading::default();
    let mut known = HashSet::new();
    let mut spreads = Spreads::default();
    let mut is_ours = false;
    for sample in exposition::parse(text)? {
        is_ours |= sample.name.starts_with("canopy_");
        reading
            .take(&sample, &mut spreads)
            .map_err(|reason| BadLine { line: sample.line, reason })?;
        let (line, mut key) = (sample.line, (sample.name, sample.labels));
        key.1.sort();
        if !known.insert(key) {
            return Err(BadLine { line, reason: "the series was there before".to_owned() });
        }
    }
    if !is_ours {
        let reason = "the end comes without a series of an inference server".to_owned();
        return Err(BadLine { line: text.lines().count(), reason });
    }
    spreads.check()?;
    Ok(reading)
}

impl Reading {
    fn take(&mut self, sample: &Sample<'_>, spreads: &mut Spreads) -> Result<(), String> {
        match sample.name {
            "canopy_process_start_time_seconds" => {
                self.process_start_seconds = Some(count(sample)?);
            }
            "canopy_process_resident_memory_bytes" => self.memory_bytes = Some(count(sample)?),
            "canopy_model_info" if sample.value == 1.0 => {
                let (model, version) = version(sample)?;
                self.champions.insert(model, version);
            }
            _ => {
                let Some(counter) = counter(sample)? else { return Ok(()) };
                let count = count(sample)?;
                match self.values.entry(counter) {
                    // Counts of several series that are one counter here, as of GET and POST.
                    Entry::Occupied(mut sum) => *sum.get_mut() += count,
                    Entry::Vacant(first) => {
                        spreads.add(first.key(), sample.line);
                        first.insert(count);
                    }
                }
            }
        }
        Ok(())
    }
}

/// How far the bins of each feature and prediction go.
///
/// No number bounds them: a category has as many bins as the trainer was allowed. But a server names every bin of a
/// baseline, those that are empty too, so none has an index beyond how many there are. What is made of them is then
/// never larger than the text they came in.
#[derive(Default)]
struct Spreads(HashMap<Counter, Spread>);

#[derive(Default)]
struct Spread {
    n_bins: usize,
    /// The highest index, and its line.
    last: usize,
    line: usize,
}

impl Spreads {
    /// Takes in a counter that was not there before.
    fn add(&mut self, counter: &Counter, line: usize) {
        let mut first = counter.clone();
        let (Counter::Bin { bin, .. } | Counter::PredictionBin { bin, .. }) = &mut first else {
            return;
        };
        let bin = std::mem::take(bin);
        let spread = self.0.entry(first).or_default();
        spread.n_bins += 1;
        if bin >= spread.last {
            (spread.last, spread.line) = (bin, line);
        }
    }

    fn check(&self) -> Result<(), BadLine> {
        let gaping = self.0.values().filter(|spread| spread.last >= spread.n_bins);
        let Some(&Spread { last, line, .. }) = gaping.min_by_key(|spread| spread.line) else {
            return Ok(());
        };
        let reason = format!("the label `bin` is {last}, and not every bin before it is named");
        Err(BadLine { line, reason })
    }
}

/// Which counter a sample is of; none where it is not followed.
fn counter(sample: &Sample<'_>) -> Result<Option<Counter>, String> {
    Ok(Some(match sample.name {
        "http_requests_total" => {
            let Some(route) = route(sample)? else { return Ok(None) };
            Counter::Requests { route, outcome: outcome(sample)? }
        }
        "http_request_duration_seconds_bucket" => {
            let Some(route) = route(sample)? else { return Ok(None) };
            Counter::Latency { route, le: le(sample)? }
        }
        "canopy_predictions_total" => {
            let (model, version) = version(sample)?;
            Counter::Rows { model, version }
        }
        "canopy_prediction_duration_seconds_bucket" => {
            let (model, version) = version(sample)?;
            Counter::ModelLatency { model, version, le: le(sample)? }
        }
        "canopy_feature_bin_total" => {
            let ((model, version), bin) = (version(sample)?, bin(sample)?);
            Counter::Bin { model, version, feature: feature(sample)?, bin }
        }
        "canopy_feature_missing_total" => {
            let (model, version) = version(sample)?;
            Counter::Missing { model, version, feature: feature(sample)? }
        }
        "canopy_feature_unseen_total" => {
            let (model, version) = version(sample)?;
            Counter::Unseen { model, version, feature: feature(sample)? }
        }
        "canopy_prediction_bin_total" => {
            let ((model, version), bin) = (version(sample)?, bin(sample)?);
            Counter::PredictionBin { model, version, bin }
        }
        _ => return Ok(None),
    }))
}

fn label<'a>(sample: &'a Sample<'_>, name: &str) -> Result<&'a str, String> {
    sample.label(name).ok_or_else(|| format!("{} has no label `{name}`", sample.name))
}

fn parsed<T: std::str::FromStr>(sample: &Sample<'_>, name: &str) -> Result<T, String> {
    let value = label(sample, name)?;
    value.parse().map_err(|_| format!("the label `{name}` of {} makes no sense", sample.name))
}

/// Probes have none.
fn route(sample: &Sample<'_>) -> Result<Option<Route>, String> {
    let route = label(sample, "route")?;
    Ok(match route {
        route if PROBES.contains(&route) => None,
        route if PREDICT.contains(&route) => Some(Route::Predict),
        _ => Some(Route::Other),
    })
}

fn outcome(sample: &Sample<'_>) -> Result<Outcome, String> {
    Ok(match parsed::<u16>(sample, "status")? {
        ..400 => Outcome::Answered,
        400..500 => Outcome::Refused,
        500.. => Outcome::Failed,
    })
}

fn le(sample: &Sample<'_>) -> Result<Le, String> {
    let le = label(sample, "le")?;
    let is_bound = le == "+Inf" || le.parse::<f64>().is_ok_and(f64::is_finite);
    is_bound.then(|| Le(le.to_owned())).ok_or_else(|| "the label `le` is no bound".to_owned())
}

fn version(sample: &Sample<'_>) -> Result<(ModelName, u64), String> {
    let version = parsed(sample, "version")?;
    let is_number = i64::try_from(version).is_ok(); // as the database has it
    let version =
        is_number.then_some(version).ok_or("the label `version` is no version's number")?;
    Ok((parsed(sample, "model")?, version))
}

fn feature(sample: &Sample<'_>) -> Result<String, String> {
    label(sample, "feature").map(str::to_owned)
}

fn bin(sample: &Sample<'_>) -> Result<usize, String> {
    parsed(sample, "bin")
}

/// Counts above are not whole numbers any more, and none that a server could have reached.
const MAX_COUNT: f64 = 9_007_199_254_740_992.0;

/// A count, or a size: not negative, and within what floats count exactly.
fn count(sample: &Sample<'_>) -> Result<f64, String> {
    let value = sample.value;
    let is_count = (0.0..=MAX_COUNT).contains(&value);
    is_count
        .then_some(value)
        .ok_or_else(|| format!("{} is {value}, which is no count", sample.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# TYPE http_requests_total counter
http_requests_total{route="/predict",method="POST",status="200"} 10
http_requests_total{route="/models/{model}/predict",method="POST",status="201"} 5
http_requests_total{route="/predict",method="POST",status="503"} 2
http_requests_total{route="/health",method="GET",status="200"} 99
http_request_duration_seconds_bucket{route="/predict",method="POST",status="200",le="0.001"} 7
http_request_duration_seconds_bucket{route="/predict",method="POST",status="200",le="+Inf"} 10
http_request_duration_seconds_sum{route="/predict",method="POST",status="200"} 0.02
canopy_model_info{model="diamonds",version="2",estimator="ridge"} 0
canopy_model_info{model="diamonds",version="3",estimator="random-forest"} 1
canopy_predictions_total{model="diamonds",version="3"} 17
canopy_feature_bin_total{model="diamonds",version="3",feature="carat",bin="1"} 6
canopy_feature_bin_total{model="diamonds",version="3",feature="carat",bin="0"} 0
canopy_feature_missing_total{model="diamonds",version="3",feature="carat"} 1
canopy_process_start_time_seconds 1767225600.25
canopy_process_resident_memory_bytes 12000000
somebody_elses_total{x="y"} NaN
"#;

    #[test]
    fn takes_what_is_followed_and_leaves_the_rest() {
        let reading = read(TEXT).unwrap();
        let model: ModelName = "diamonds".parse().unwrap();
        assert_eq!(reading.champions, BTreeMap::from([(model.clone(), 3)]));
        assert_eq!(reading.process_start_seconds, Some(1_767_225_600.25));
        assert_eq!(reading.memory_bytes, Some(12e6));
        let value = |counter| reading.values.get(&counter).copied();
        let requests = |outcome| value(Counter::Requests { route: Route::Predict, outcome });
        assert_eq!(requests(Outcome::Answered), Some(15.0));
        assert_eq!(requests(Outcome::Failed), Some(2.0));
        assert_eq!(value(Counter::Rows { model: model.clone(), version: 3 }), Some(17.0));
        let (feature, version) = ("carat".to_owned(), 3);
        assert_eq!(value(Counter::Bin { model, version, feature, bin: 1 }), Some(6.0));
        assert_eq!(reading.values.len(), 8, "{:?}", reading.values);
    }

    #[test]
    fn refuses_what_cannot_be() {
        let cases = [
            ("", "without a series of an inference server"),
            ("up 1\n", "without a series of an inference server"),
            ("canopy_predictions_total{model=\"m\",version=\"x\"} 1\n", "`version`"),
            ("canopy_predictions_total{model=\"../m\",version=\"1\"} 1\n", "`model`"),
            ("canopy_predictions_total{model=\"m\"} 1\n", "no label `version`"),
            ("canopy_predictions_total{model=\"m\",version=\"1\"} -1\n", "which is no count"),
            ("canopy_predictions_total{model=\"m\",version=\"1\"} NaN\n", "which is no count"),
            ("canopy_prediction_bin_total{model=\"m\",version=\"1\",bin=\"-1\"} 1\n", "`bin`"),
            ("http_requests_total{route=\"/predict\",status=\"ok\"} 1\n", "`status`"),
            (
                "canopy_a{x=\"1\",y=\"2\"} 1\ncanopy_a{y=\"2\",x=\"1\"} 1\n",
                "line 2: the series was there",
            ),
        ];
        for (text, reason) in cases {
            let bad = read(text).expect_err(text).to_string();
            assert!(bad.contains(reason), "{text:?}: {bad}");
        }
    }

    #[test]
    fn no_bin_lies_beyond_those_that_are_named() {
        let of = |feature: &str, bin: u64| {
            format!(
                "canopy_feature_bin_total{{model=\"m\",version=\"1\",feature=\"{feature}\",bin=\"{bin}\"}} 1\n"
            )
        };
        let prediction = |bin: u64| {
            format!("canopy_prediction_bin_total{{model=\"m\",version=\"1\",bin=\"{bin}\"}} 1\n")
        };
        // As many as a trainer may be told to allow, in any order.
        let many: String = (0..5_000).rev().map(|bin| of("cut", bin)).collect();
        assert_eq!(read(&many).unwrap().values.len(), 5_000);
        let cases = [
            (prediction(999_999), "line 1: the label `bin` is 999999, and not every bin"),
            (prediction(0) + &prediction(u64::MAX), "line 2: "),
            // Bins of another feature do not make up for those that are missing.
            (of("a", 0) + &of("a", 1) + &of("b", 1), "line 3: "),
        ];
        for (text, reason) in cases {
            let bad = read(&text).expect_err(&text).to_string();
            assert!(bad.contains(reason), "{text:?}: {bad}");
        }
    }
}
