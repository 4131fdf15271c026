//! One window: the sums of its minutes, by version, and its traffic over time.

use std::collections::{BTreeMap, HashMap};

use registry::ModelName;

use crate::clock::{Millis, Minute};
use crate::config::Window;
use crate::fleet::{Answered, Route, Traffic};
use crate::store::{Scan, TrafficMinute, VersionMinute};

/// What a chart has room for.
const MAX_POINTS: i64 = 240;

/// A window's sums.
#[derive(Debug)]
pub(crate) struct WindowSums {
    pub(crate) window: Window,
    first: Minute,
    /// Minutes a point stands for.
    step: i64,
    pub(crate) versions: BTreeMap<(ModelName, u64), Answered>,
    /// In order of time, without gaps.
    points: Vec<Point>,
}

/// Some minutes of traffic.
#[derive(Debug, Default, Clone)]
struct Point {
    /// The time that rounds speak for; 0 where nothing was scraped.
    seconds: f64,
    replicas: HashMap<(String, Route), Span>,
    rows: HashMap<(ModelName, u64), (f64, u64)>,
}

/// What one replica did on one route, and the time it did it in.
#[derive(Debug, Default, Clone)]
struct Span {
    seconds: f64,
    traffic: Traffic,
}

/// A point of a chart; rates are none where nothing was scraped.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TrafficPoint {
    pub(crate) time: Millis,
    pub(crate) rates: Option<PointRates>,
}

/// The rates of a point.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PointRates {
    pub(crate) requests_per_second: f64,
    pub(crate) rows_per_second: f64,
    pub(crate) error_ratio: Option<f64>,
    pub(crate) p50_seconds: Option<f64>,
    pub(crate) p99_seconds: Option<f64>,
}

impl WindowSums {
    /// The empty sums of a window that ends with the present minute.
    pub(crate) fn new(window: Window, now: Minute) -> Self {
        let n_minutes = i64::from(window.minutes);
        let step = (n_minutes + MAX_POINTS - 1) / MAX_POINTS;
        // Points start at multiples of the step, so that a chart does not flicker as time goes on.
        let first = Minute(now.0 - n_minutes + 1);
        let n_points = now.0.div_euclid(step) - first.0.div_euclid(step) + 1;
        let points = vec![Point::default(); usize::try_from(n_points).unwrap_or(0)];
        Self { window, first, step, versions: BTreeMap::new(), points }
    }

    /// The minute it starts with.
    pub(crate) fn first(&self) -> Minute {
        self.first
    }

    /// The sum of a version; none where it answered nothing.
    pub(crate) fn version(&self, model: &ModelName, version: u64) -> Option<&Answered> {
        self.versions.get(&(model.clone(), version))
    }

    /// Requests are those of the fleet, rows those of one model.
    pub(crate) fn traffic(&self, model: Option<&ModelName>) -> Vec<TrafficPoint> {
        let start = self.first.0.div_euclid(self.step);
        let points = (start..).zip(&self.points).map(|(place, point)| TrafficPoint {
            time: Minute(place * self.step).start(),
            rates: point.rates(model),
        });
        // A window rarely starts with a whole point: the part would look like a fall.
        let skip = usize::from(self.points.len() as i64 > MAX_POINTS);
        points.skip(skip).collect()
    }

    /// The point that a minute belongs to; none where it is not of the window.
    fn point(&mut self, minute: Minute) -> Option<&mut Point> {
        if minute < self.first {
            return None;
        }
        let place = minute.0.div_euclid(self.step) - self.first.0.div_euclid(self.step);
        self.points.get_mut(usize::try_from(place).ok()?)
    }
}

impl Point {
    /// Each rate is over the rounds' time, or over the time that a count is of where that is longer, as after a pause.
    fn rates(&self, model: Option<&ModelName>) -> Option<PointRates> {
        if self.seconds <= 0.0 {
            return None;
        }
        let mut sum = Traffic::default();
        let mut requests_per_second = 0.0;
        for ((_, route), span) in &self.replicas {
            requests_per_second += span.traffic.requests() as f64 / span.seconds.max(self.seconds);
            sum.add(&span.traffic.of_route(*route));
        }
        let rows = self.rows.iter().filter(|((name, _), _)| Some(name) == model);
        let rows = rows.map(|(_, &(seconds, n_rows))| n_rows as f64 / seconds.max(self.seconds));
        Some(PointRates {
            requests_per_second,
            rows_per_second: rows.sum(),
            error_ratio: sum.error_ratio(),
            p50_seconds: sum.latency.quantile(0.5),
            p99_seconds: sum.latency.quantile(0.99),
        })
    }
}

impl Scan for WindowSums {
    fn add_round(&mut self, minute: Minute, seconds: f64) {
        if let Some(point) = self.point(minute) {
            point.seconds += seconds;
        }
    }

    fn add_traffic(&mut self, minute: &TrafficMinute) {
        let Some(point) = self.point(minute.minute) else { return };
        let span = point.replicas.entry((minute.replica.clone(), minute.route)).or_default();
        span.seconds += minute.seconds;
        span.traffic.add(&minute.traffic);
    }

    fn add_version(&mut self, minute: &VersionMinute) {
        let version = (minute.model.clone(), minute.version);
        let Some(point) = self.point(minute.minute) else { return };
        let (seconds, n_rows) = point.rows.entry(version.clone()).or_default();
        *seconds += minute.seconds;
        *n_rows += minute.answered.n_rows;
        self.versions.entry(version).or_default().add(&minute.answered);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(minute: i64, replica: &str, seconds: f64, answered: u64) -> TrafficMinute {
        let traffic = Traffic { answered, failed: 1, ..Traffic::default() };
        let (minute, replica) = (Minute(minute), replica.to_owned());
        TrafficMinute { minute, replica, route: Route::Predict, seconds, traffic }
    }

    fn sums(minutes: u32, now: i64) -> WindowSums {
        WindowSums::new(Window { minutes }, Minute(now))
    }

    #[test]
    fn rates_are_over_the_time_that_was_scraped() {
        let mut sums = sums(60, 1000);
        for minute in [998, 1000] {
            sums.add_round(Minute(minute), 60.0);
            sums.add_traffic(&traffic(minute, "a", 60.0, 599));
            // It was away, and tells now of ten minutes.
            sums.add_traffic(&traffic(minute, "b", 600.0, 599));
        }
        sums.add_traffic(&traffic(940, "a", 60.0, 599));
        let points = sums.traffic(None);
        assert_eq!(points.len(), 60);
        assert_eq!(points[59].time, Minute(1000).start());
        let last = points[59].rates.clone().unwrap();
        assert!((last.requests_per_second - 11.0).abs() < 1e-9, "{last:?}");
        assert!((last.error_ratio.unwrap() - 1.0 / 600.0).abs() < 1e-9);
        assert_eq!(points[58].rates, None, "nothing was scraped");
        assert_eq!(points[0].rates, None, "before the window");
    }

    #[test]
    fn a_long_window_has_a_point_for_some_minutes_at_the_same_places_each_time() {
        for now in 100_000..100_012 {
            let points = sums(1440, now).traffic(None);
            assert!((239..=240).contains(&points.len()), "{}", points.len());
            assert!(points.iter().all(|point| point.time.minute().0 % 6 == 0));
            assert!(points.last().unwrap().time <= Minute(now).start());
        }
        assert_eq!(sums(1, 7).traffic(None).len(), 1);
    }

    #[test]
    fn versions_add_up_over_the_minutes_of_the_window_alone() {
        let mut sums = sums(10, 100);
        let model: ModelName = "diamonds".parse().unwrap();
        for minute in [90, 91, 100] {
            let answered = Answered { n_rows: 5, ..Answered::default() };
            let (minute, model) = (Minute(minute), model.clone());
            sums.add_version(&VersionMinute { minute, model, version: 3, seconds: 60.0, answered });
        }
        assert_eq!(sums.first(), Minute(91));
        assert_eq!(sums.version(&model, 3).unwrap().n_rows, 10);
        assert!(sums.version(&model, 2).is_none());
    }
}
