//! Sentences for a person: what was found, in a feature's own values.

use super::bins::total;
use super::{Bins, DriftLevel, FeatureDrift, Kind, Share};

/// A live value is above one of training with this chance or a greater one before values are said to lie higher.
const HIGHER: f64 = 0.55;

/// Rows of training and of the window with a property.
pub(super) struct Shares {
    /// Rows without a value, (training, window).
    pub missing: (Share, Share),
    /// Rows with a category that training never saw, (training, window).
    pub unseen: (Share, Share),
}

/// Why missing values were raised.
pub(super) fn missing((before, now): (Share, Share)) -> String {
    let (before, now) = (before.ratio().unwrap_or(0.0), now.ratio().unwrap_or(0.0));
    format!("{} are missing, {} in training", percent(now), percent(before))
}

/// Why unseen categories were raised.
pub(super) fn unseen((_, now): (Share, Share)) -> String {
    format!("{} are categories never seen in training", percent(now.ratio().unwrap_or(0.0)))
}

/// Why values were raised: where they lie now, and where they lay.
pub(super) fn values(kind: Kind, bins: Bins<'_>, labels: &[String]) -> String {
    let Some((n, m)) = bins.totals() else {
        return String::new();
    };
    let changed = most_changed(bins, n, m).map_or(String::new(), |(bin_idx, before, now)| {
        let label = labels.get(bin_idx).map_or("", String::as_str);
        let label = if kind == Kind::Categories { format!("`{label}`") } else { label.to_owned() };
        format!("{} are {label}, {} in training", percent(now), percent(before))
    });
    let direction = match (kind, superiority(bins, n, m)) {
        (Kind::Categories, _) => return changed,
        (Kind::Histogram, chance) if chance >= HIGHER => "lie higher than in training",
        (Kind::Histogram, chance) if chance <= 1.0 - HIGHER => "lie lower than in training",
        (Kind::Histogram, _) => return format!("values are spread differently: {changed}"),
    };
    let median = |counts| median_bin(counts).and_then(|bin_idx| labels.get(bin_idx));
    match (median(bins.baseline), median(bins.live)) {
        (Some(before), Some(now)) if before != now => {
            format!("values {direction}: their median is {now}, it was {before}")
        }
        _ => format!("values {direction}: {changed}"),
    }
}

/// Why nothing was raised.
pub(super) fn quiet(significant: bool, matters: bool, rows: u64) -> String {
    match (significant, matters) {
        (true, _) => "differs from training, but too little to matter".to_owned(),
        (false, true) => format!("no further from training than chance may take {rows} rows"),
        (false, false) => "as in training".to_owned(),
    }
}

/// Why nothing can be said.
pub(super) fn unknown(rows: u64, present: u64, needed: u64) -> String {
    if rows < needed {
        format!("{rows} rows are too few to tell; {needed} are needed")
    } else if present < needed {
        format!("{present} rows with a value are too few to tell; {needed} are needed")
    } else {
        "training has too few different values, or rows, to tell".to_owned()
    }
}

/// The drift of a whole window in one sentence.
pub(super) fn overall(features: &[FeatureDrift], prediction: &FeatureDrift) -> String {
    let raised: Vec<_> = (features.iter().chain([prediction]))
        .filter(|subject| subject.level > DriftLevel::Ok)
        .collect();
    let known =
        features.iter().chain([prediction]).any(|subject| subject.level > DriftLevel::Unknown);
    match raised.as_slice() {
        [] if known => "features and predictions are as in training".to_owned(),
        [] => prediction.reason.clone(),
        [worst] => format!("{}: {}", worst.name, worst.reason),
        [worst, others @ ..] => {
            let names: Vec<_> = others.iter().map(|other| other.name.as_str()).collect();
            format!("{}: {}; also {}", worst.name, worst.reason, names.join(", "))
        }
    }
}

/// The bin whose share changed most, with its shares (training, window).
fn most_changed(bins: Bins<'_>, n: f64, m: f64) -> Option<(usize, f64, f64)> {
    let shares = bins.pairs().map(|(baseline, live)| (baseline / n, live / m)).enumerate();
    shares
        .map(|(bin_idx, (before, now))| (bin_idx, before, now))
        .max_by(|a, b| (a.2 - a.1).abs().total_cmp(&(b.2 - b.1).abs()))
}

/// The chance that a live value lies above one of training, plus half of that of the same bin.
fn superiority(bins: Bins<'_>, n: f64, m: f64) -> f64 {
    let (mut below, mut chance) = (0.0, 0.0);
    for (baseline, live) in bins.pairs() {
        chance += live / m * (below + baseline / 2.0) / n;
        below += baseline;
    }
    chance
}

/// The bin in which half of the rows are reached.
fn median_bin(counts: &[u64]) -> Option<usize> {
    let half = total(counts) / 2.0;
    let mut reached = 0.0;
    counts.iter().position(|&count| {
        reached += count as f64;
        reached >= half
    })
}

/// A share as a person writes it: `12 %`, `6.1 %`, `0.04 %`.
fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    let decimals = match percent {
        _ if percent == 0.0 || percent == 100.0 => 0,
        _ if percent > 0.0 && percent < 0.005 => return "less than 0.01 %".to_owned(),
        _ if percent < 0.995 => 2,
        _ if !(9.95..99.5).contains(&percent) => 1,
        _ => 0,
    };
    format!("{percent:.decimals$} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_read_as_a_person_writes_them() {
        for (ratio, text) in [
            (0.0, "0 %"),
            (0.00001, "less than 0.01 %"),
            (0.0004, "0.04 %"),
            (0.0613, "6.1 %"),
            (0.1249, "12 %"),
            (0.9971, "99.7 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(percent(ratio), text);
        }
    }

    #[test]
    fn says_where_values_lie_now() {
        let labels = ["≤ 1", "1 to 2", "> 2"].map(str::to_owned);
        let of =
            |live: &[u64]| values(Kind::Histogram, Bins { baseline: &[30, 40, 30], live }, &labels);
        assert_eq!(
            of(&[0, 2, 8]),
            "values lie higher than in training: their median is > 2, it was 1 to 2"
        );
        assert_eq!(
            of(&[8, 2, 0]),
            "values lie lower than in training: their median is ≤ 1, it was 1 to 2"
        );
        assert_eq!(
            of(&[2, 4, 4]),
            "values lie higher than in training: 40 % are > 2, 30 % in training"
        );
        assert_eq!(
            of(&[5, 0, 5]),
            "values are spread differently: 0 % are 1 to 2, 40 % in training"
        );
    }
}
