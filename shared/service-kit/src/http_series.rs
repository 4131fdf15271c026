//! The series every HTTP server has: requests and how long they took, by route, method and status.
//!
//! Handles are made on a combination's first request and found by index from then on: the hot path
//! hashes no label. Refused requests by their code are in [`crate::rejection`].

use std::{fmt, sync::OnceLock, time::Duration};

use axum::http::{Method, StatusCode};
use metrics::{Counter, Histogram, counter, describe_counter, describe_histogram, histogram};

use crate::metrics::Exporter;

/// The label of requests that match none of the given routes.
pub const OTHER_ROUTE: &str = "other";

const METHODS: [&str; 8] = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "OTHER"];
/// HTTP's statuses are 100..=599.
const N_STATUSES: usize = 500;

/// Counts requests and their durations for a fixed list of routes.
pub struct HttpSeries {
    exporter: Exporter,
    routes: Vec<&'static str>,
    /// One cell per route and method; its statuses take room only once it is used.
    cells: Vec<OnceLock<Box<[OnceLock<Series>]>>>,
}

struct Series {
    requests: Counter,
    duration: Histogram,
}

impl HttpSeries {
    /// Registers the series for these route templates, such as `/models/{name}`.
    #[must_use]
    pub fn new(exporter: &Exporter, routes: &[&'static str]) -> Self {
        exporter.register(|| {
            describe_counter!("http_requests_total", "Requests answered.");
            describe_histogram!(
                "http_request_duration_seconds",
                "Time from a request's head to its answer's head."
            );
        });
        let routes: Vec<_> = routes.iter().copied().chain([OTHER_ROUTE]).collect();
        let cells = (0..routes.len() * METHODS.len()).map(|_| OnceLock::new()).collect();
        Self { exporter: exporter.clone(), routes, cells }
    }

    /// Records one answered request; an unknown route counts as `other`.
    ///
    /// Statuses above 599, which HTTP does not define, count as 599.
    pub fn record(
        &self,
        route: Option<&str>,
        method: &Method,
        status: StatusCode,
        duration: Duration,
    ) {
        let series = self.series(self.route_idx(route), method_idx(method), status.as_u16());
        series.requests.increment(1);
        series.duration.record(duration);
    }

    /// A scan, since a server has some ten routes.
    fn route_idx(&self, route: Option<&str>) -> usize {
        let other = self.routes.len() - 1;
        route.and_then(|route| self.routes.iter().position(|r| *r == route)).unwrap_or(other)
    }

    fn series(&self, route: usize, method: usize, status: u16) -> &Series {
        let statuses = self.cells[route * METHODS.len() + method]
            .get_or_init(|| (0..N_STATUSES).map(|_| OnceLock::new()).collect());
        let status = status.clamp(100, 599);
        statuses[usize::from(status - 100)].get_or_init(|| {
            let (route, method) = (self.routes[route], METHODS[method]);
            let labels = [("route", route.to_owned()), ("method", method.to_owned())];
            let labels: Vec<_> =
                labels.into_iter().chain([("status", status.to_string())]).collect();
            self.exporter.register(|| Series {
                requests: counter!("http_requests_total", &labels),
                duration: histogram!("http_request_duration_seconds", &labels),
            })
        })
    }
}

impl fmt::Debug for HttpSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSeries").field("routes", &self.routes).finish_non_exhaustive()
    }
}

fn method_idx(method: &Method) -> usize {
    let last = METHODS.len() - 1;
    METHODS[..last].iter().position(|m| *m == method.as_str()).unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_route_method_and_status() {
        let exporter = Exporter::new();
        let series = HttpSeries::new(&exporter, &["/predict"]);
        let took = Duration::from_micros(70);
        series.record(Some("/predict"), &Method::POST, StatusCode::OK, took);
        series.record(Some("/predict"), &Method::POST, StatusCode::OK, took);
        series.record(Some("/predict"), &Method::POST, StatusCode::BAD_REQUEST, took);
        let text = exporter.render();
        let labels = r#"route="/predict",method="POST",status="200""#;
        assert!(text.contains(&format!("http_requests_total{{{labels}}} 2")), "{text}");
        let bucket = format!("http_request_duration_seconds_bucket{{{labels},le=\"0.0001\"}} 2");
        assert!(text.contains(&bucket), "{text}");
        assert!(text.contains(r#"route="/predict",method="POST",status="400"} 1"#), "{text}");
        assert!(text.contains("# HELP http_requests_total Requests answered."), "{text}");
    }

    #[test]
    fn what_a_client_makes_up_adds_no_series() {
        let exporter = Exporter::new();
        let series = HttpSeries::new(&exporter, &["/predict"]);
        let made_up = Method::from_bytes(b"BREW").unwrap();
        let status = StatusCode::from_u16(999).unwrap();
        series.record(Some("/coffee"), &made_up, status, Duration::ZERO);
        series.record(None, &made_up, StatusCode::from_u16(599).unwrap(), Duration::ZERO);
        let text = exporter.render();
        let line = r#"http_requests_total{route="other",method="OTHER",status="599"} 2"#;
        assert!(text.contains(line), "{text}");
    }
}
