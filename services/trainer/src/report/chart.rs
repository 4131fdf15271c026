//! Charts as inline SVG, coloured by the page's style.

use std::fmt::Write;

use super::Scatter;
use crate::text::{count, number};

/// Points of the scatter plot, in a page that stays small.
const MAX_POINTS: usize = 1000;
const RESIDUAL_BINS: usize = 41;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 66.0;
const BOTTOM: f64 = 44.0;
const TOP: f64 = 12.0;
const RIGHT: f64 = 14.0;

/// A straight axis: values from `low` to `high` along pixels from `start` to `end`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) start: f64,
    pub(super) end: f64,
}

impl Axis {
    /// Over a span that is not empty.
    pub(super) fn over(low: f64, high: f64, start: f64, end: f64) -> Self {
        let (low, high) = if low < high { (low, high) } else { (low - 0.5, high + 0.5) };
        Self { low, high, start, end }
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        // Halved, so that the span of the largest numbers does not overflow.
        let share = (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        self.start + share * (self.end - self.start)
    }

    /// Round values along it, about `n`.
    fn ticks(&self, n: f64) -> Vec<f64> {
        let rough = self.high / n - self.low / n;
        let magnitude = 10_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * magnitude);
        let step = steps.into_iter().find(|step| *step >= rough).unwrap_or(rough);
        let first = (self.low / step).ceil();
        let ticks = (0..20).map(|i| (first + f64::from(i)) * step);
        // Adding 0 turns −0 into 0.
        ticks.take_while(|tick| *tick <= self.high).map(|tick| tick + 0.0).collect()
    }
}

/// Every test prediction over its actual value; on the line, they agree.
pub(super) fn scatter(test: Scatter<'_>) -> String {
    let points = || test.actual.iter().zip(test.predicted).take(MAX_POINTS);
    let both = || points().flat_map(|(actual, predicted)| [*actual, *predicted]);
    let (low, high) = extent(both());
    let x = Axis::over(low, high, LEFT, WIDTH - RIGHT);
    let y = Axis::over(low, high, HEIGHT - BOTTOM, TOP);
    let mut svg = frame(x, y, "actual", "predicted");
    let corners = [x.at(x.low), y.at(y.low), x.at(x.high), y.at(y.high)];
    let [x1, y1, x2, y2] = corners;
    let _ = writeln!(
        svg,
        r#"<line class="ideal" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
    );
    for (actual, predicted) in points() {
        let (cx, cy) = (x.at(*actual), y.at(*predicted));
        let _ = writeln!(svg, r#"<circle cx="{cx:.1}" cy="{cy:.1}" r="2.5"/>"#);
    }
    let n = points().count();
    let all = test.actual.len();
    let note = if n < all {
        format!("{} of {} test rows", count(n as u64), count(all as u64))
    } else {
        format!("all {} test rows", count(n as u64))
    };
    format!("{svg}</svg>\n<p class=\"note\">{note}; on the line, the two agree</p>\n")
}

/// The histogram of predicted − actual; the outermost bars take in what lies further out.
pub(super) fn residuals(test: Scatter<'_>) -> String {
    let mut errors: Vec<f64> = test
        .predicted
        .iter()
        .zip(test.actual)
        .map(|(predicted, actual)| predicted - actual)
        .collect();
    errors.sort_by(f64::total_cmp);
    let quantile = |share: f64| errors[((errors.len() - 1) as f64 * share).round() as usize];
    let reach = quantile(0.01).abs().max(quantile(0.99).abs());
    let x = Axis::over(-reach, reach, LEFT, WIDTH - RIGHT);
    let mut counts = [0_u64; RESIDUAL_BINS];
    for error in &errors {
        let bin = (error - x.low) / (x.high - x.low) * RESIDUAL_BINS as f64;
        counts[(bin.max(0.0) as usize).min(RESIDUAL_BINS - 1)] += 1;
    }
    let greatest = counts.iter().copied().max().unwrap_or(1) as f64;
    let y = Axis::over(0.0, greatest, HEIGHT - BOTTOM, TOP);
    let mut svg = frame(x, y, "predicted − actual", "test rows");
    let width = (x.end - x.start) / RESIDUAL_BINS as f64;
    for (bin, n) in counts.into_iter().enumerate() {
        let (left, top) = (x.start + bin as f64 * width, y.at(n as f64));
        bar(&mut svg, left + 0.5, top, width - 1.0, y.start - top);
    }
    format!(
        "{svg}</svg>\n<p class=\"note\">98 % of the errors lie between {} and {}; the outermost bars hold the rest</p>\n",
        number(quantile(0.01)),
        number(quantile(0.99))
    )
}

pub(super) fn bar(svg: &mut String, x: f64, y: f64, width: f64, height: f64) {
    let _ = writeln!(
        svg,
        r#"<rect class="bar" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{:.1}"/>"#,
        height.max(0.0)
    );
}

pub(super) fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

/// The opening tag, ticks, grid and titles.
fn frame(x: Axis, y: Axis, x_title: &str, y_title: &str) -> String {
    let mut svg = format!(
        r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{y_title} over {x_title}">"#
    );
    svg.push('\n');
    for tick in x.ticks(6.0) {
        let at = x.at(tick);
        let _ = writeln!(
            svg,
            r#"<line class="grid" x1="{at:.1}" y1="{:.1}" x2="{at:.1}" y2="{:.1}"/><text x="{at:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            y.start,
            y.end,
            y.start + 15.0,
            number(tick)
        );
    }
    for tick in y.ticks(5.0) {
        let at = y.at(tick);
        let _ = writeln!(
            svg,
            r#"<line class="grid" x1="{:.1}" y1="{at:.1}" x2="{:.1}" y2="{at:.1}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            x.start,
            x.end,
            x.start - 6.0,
            at + 4.0,
            number(tick)
        );
    }
    let (middle_x, middle_y) = (f64::midpoint(x.start, x.end), f64::midpoint(y.start, y.end));
    let _ = writeln!(
        svg,
        r#"<text class="title" x="{middle_x:.1}" y="{:.1}" text-anchor="middle">{x_title}</text>"#,
        HEIGHT - 8.0
    );
    let _ = writeln!(
        svg,
        r#"<text class="title" transform="translate(12 {middle_y:.1}) rotate(-90)" text-anchor="middle">{y_title}</text>"#
    );
    svg
}
