//! Small charts of the baseline's distributions.

use schema::Distribution;

use super::chart::{Axis, bar};
use super::html::escape;
use crate::text::{count, number, percent};

const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 80.0;
/// Bars of a density.
const CELLS: usize = 40;
/// With fewer bins than this, some values make up much of the data: each bin is listed.
const FEW_BINS: usize = 13;
/// Categories shown, the most frequent first.
const SHOWN: usize = 8;

/// A chart and what is to be said of it.
pub(super) fn of(distribution: &Distribution) -> String {
    match distribution {
        Distribution::Histogram { mean, minimum, maximum, edges, counts, .. } => {
            if counts.len() < FEW_BINS {
                return levels(bins(edges, counts, *maximum));
            }
            let chart = bars(&density(edges, counts, *minimum, *maximum));
            format!(
                "{chart}<p class=\"ends\"><span>{}</span><span>mean {}</span><span>{}</span></p>\n",
                number(*minimum),
                number(*mean),
                number(*maximum)
            )
        }
        Distribution::Categories { names, counts } => categories(names, counts),
    }
}

/// The bins of a histogram hold about as many values each: spread over cells of equal width, they show a shape.
fn density(edges: &[f64], counts: &[u64], minimum: f64, maximum: f64) -> Vec<f64> {
    let axis = Axis::over(minimum, maximum, 0.0, CELLS as f64);
    let mut cells = vec![0.0; CELLS];
    let lows = std::iter::once(minimum).chain(edges.iter().copied());
    let highs = edges.iter().copied().chain([maximum]);
    for ((low, high), &n) in lows.zip(highs).zip(counts) {
        let (low, high) = (axis.at(low), axis.at(high));
        for (i, cell) in cells.iter_mut().enumerate() {
            let (start, end) = (i as f64, (i + 1) as f64);
            if high > low {
                *cell += n as f64 * (high.min(end) - low.max(start)).max(0.0) / (high - low);
            } else if (low as usize).min(CELLS - 1) == i {
                *cell += n as f64; // one value
            }
        }
    }
    cells
}

fn bars(heights: &[f64]) -> String {
    let greatest = heights.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let y = Axis::over(0.0, greatest, HEIGHT, 2.0);
    let width = WIDTH / heights.len() as f64;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" aria-hidden=\"true\">\n");
    for (i, height) in heights.iter().enumerate() {
        let top = y.at(*height);
        bar(&mut svg, i as f64 * width + 0.4, top, width - 0.8, HEIGHT - top);
    }
    svg + "</svg>\n"
}

/// The bins of a histogram by their upper ends.
fn bins(edges: &[f64], counts: &[u64], maximum: f64) -> Vec<(String, u64)> {
    let ends = edges.iter().chain([&maximum]).map(|end| format!("up to {}", number(*end)));
    ends.zip(counts.iter().copied()).collect()
}

fn categories(names: &[String], counts: &[u64]) -> String {
    let mut sorted: Vec<_> = names.iter().cloned().zip(counts.iter().copied()).collect();
    sorted.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let rest = sorted.len().saturating_sub(SHOWN);
    sorted.truncate(SHOWN);
    let html = levels(sorted);
    if rest == 0 {
        return html;
    }
    format!("{html}<p class=\"note\">and {} more</p>\n", count(rest as u64))
}

/// Names and counts one below the other, with their share of those listed.
fn levels(levels: Vec<(String, u64)>) -> String {
    let total = levels.iter().map(|(_, n)| n).sum::<u64>().max(1) as f64;
    let greatest = levels.iter().map(|(_, n)| *n).max().unwrap_or(0).max(1) as f64;
    let mut html = "<ul class=\"levels\">\n".to_owned();
    for (name, n) in levels {
        let width = n as f64 / greatest * 100.0;
        html.push_str(&format!(
            "<li><span style=\"width:{width:.1}%\"></span><b>{}</b> <i>{}</i></li>\n",
            escape(&name),
            percent(n as f64 / total)
        ));
    }
    html + "</ul>\n"
}
