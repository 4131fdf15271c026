//! One comparison: a feature or the predictions of a window, beside the baseline.

use schema::{Distribution, FeatureBaseline};

use super::bins::total;
use super::fisher_exact::{Share, fisher_exact_rise};
use super::labels::labels;
use super::level::{Finding, Found, PSI_ALARM, PSI_WARNING, RISE_ALARM, RISE_WARNING};
use super::reason::{self, Shares};
use super::{
    BinShares, Bins, ChiSquare, DriftLevel, FeatureCounts, FeatureDrift, Kind, KolmogorovSmirnov,
    MergedBins, chi_square, jensen_shannon, kolmogorov_smirnov, psi, psi_by_chance,
};
use crate::EvaluationError;

/// With fewer rows than these nothing is said.
pub const MIN_ROWS: u64 = 100;

/// What is compared: a feature, or the predictions.
pub(super) struct Subject<'a> {
    name: &'a str,
    kind: Kind,
    distribution: &'a Distribution,
    bins: Bins<'a>,
    counts: &'a FeatureCounts,
    /// Rows without a value and rows with an unseen category; None for predictions, which are neither.
    shares: Option<Shares>,
}

impl<'a> Subject<'a> {
    /// A feature.
    pub(super) fn feature(
        feature: &'a FeatureBaseline,
        counts: &'a FeatureCounts,
    ) -> Result<Self, EvaluationError> {
        let subject = Self::new(&feature.name, &feature.distribution, counts)?;
        // In bins and missing: training rows are never unseen.
        let of = (total(subject.bins.baseline) as u64).saturating_add(feature.n_missing);
        let live = |rows| Share { rows, of: counts.rows() };
        let missing = (Share { rows: feature.n_missing, of }, live(counts.missing));
        let unseen = (Share { rows: 0, of }, live(counts.unseen));
        Ok(Self { shares: Some(Shares { missing, unseen }), ..subject })
    }

    /// The predictions, or whatever else is always there.
    pub(super) fn new(
        name: &'a str,
        distribution: &'a Distribution,
        counts: &'a FeatureCounts,
    ) -> Result<Self, EvaluationError> {
        let (kind, baseline) = match distribution {
            Distribution::Histogram { counts, .. } => (Kind::Histogram, counts),
            Distribution::Categories { counts, .. } => (Kind::Categories, counts),
        };
        let bins = Bins { baseline, live: &counts.bins };
        if bins.baseline.len() != bins.live.len() {
            return Err(EvaluationError::Bins {
                feature: name.to_owned(),
                baseline: bins.baseline.len(),
                live: bins.live.len(),
            });
        }
        Ok(Self { name, kind, distribution, bins, counts, shares: None })
    }

    /// χ², and Kolmogorov–Smirnov for a histogram; for a feature missing values, and unseen categories.
    pub(super) fn n_checks(&self) -> u32 {
        match (self.kind, &self.shares) {
            (Kind::Histogram, None) => 2,
            (Kind::Histogram, Some(_)) | (Kind::Categories, Some(_)) => 3,
            (Kind::Categories, None) => 1,
        }
    }

    /// The comparison, and how severe its worst finding is.
    pub(super) fn compare(&self, significance: f64) -> (FeatureDrift, f64) {
        let tests = Tests::of(self);
        let rows = self.counts.rows();
        let mut findings = if rows < MIN_ROWS { vec![] } else { self.findings(&tests) };
        findings.sort_by(|a, b| {
            let by_level = b.level(significance).cmp(&a.level(significance));
            by_level.then(b.severity().total_cmp(&a.severity()))
        });
        let share =
            |share: fn(&Shares) -> Share| self.shares.as_ref().and_then(|s| share(s).ratio());
        let drift = FeatureDrift {
            name: self.name.to_owned(),
            kind: self.kind,
            level: self.level(&findings, significance),
            reason: self.reason(&findings, significance),
            rows,
            psi: psi(tests.merged.bins()),
            js: jensen_shannon(tests.merged.bins()),
            ks: tests.ks.map(|ks| ks.distance),
            ks_p: tests.ks.map(|ks| ks.p_value),
            chi2: tests.chi2.map(|chi2| chi2.statistic),
            chi2_p: tests.chi2.map(|chi2| chi2.p_value),
            chi2_df: tests.chi2.map(|chi2| chi2.degrees_of_freedom),
            missing_ratio: share(|shares| shares.missing.1),
            baseline_missing_ratio: share(|shares| shares.missing.0),
            unseen_ratio: share(|shares| shares.unseen.1),
            bins: self.bin_shares(),
        };
        (drift, findings.first().map_or(0.0, Finding::severity))
    }

    /// What each test found. Values are not compared where fewer than [`MIN_ROWS`] are present, or in one bin.
    fn findings(&self, tests: &Tests) -> Vec<Finding> {
        let present = total(self.bins.live) >= MIN_ROWS as f64;
        let p_value = [tests.ks.map(|ks| ks.p_value), tests.chi2.map(|chi2| chi2.p_value)]
            .into_iter()
            .flatten()
            .reduce(f64::min);
        let bins = tests.merged.bins();
        let values = match (psi(bins), psi_by_chance(bins), p_value) {
            (Some(psi), Some(by_chance), Some(p_value)) if present && tests.chi2.is_some() => {
                Some(Finding {
                    found: Found::Values,
                    p_value,
                    effect: (psi - by_chance).max(0.0),
                    warning: PSI_WARNING,
                    alarm: PSI_ALARM,
                })
            }
            _ => None,
        };
        let shares = self.shares.iter().flat_map(|shares| {
            let unseen = (self.kind == Kind::Categories).then_some((Found::Unseen, shares.unseen));
            [(Found::Missing, shares.missing)].into_iter().chain(unseen)
        });
        let rises = shares.filter_map(|(found, (before, now))| {
            Some(Finding {
                found,
                p_value: fisher_exact_rise(before, now),
                effect: (now.ratio()? - before.ratio()?).max(0.0),
                warning: RISE_WARNING,
                alarm: RISE_ALARM,
            })
        });
        values.into_iter().chain(rises).collect()
    }

    fn level(&self, findings: &[Finding], significance: f64) -> DriftLevel {
        let worst = findings.first().map_or(DriftLevel::Unknown, |worst| worst.level(significance));
        let values_compared = findings.iter().any(|finding| finding.found == Found::Values);
        if worst > DriftLevel::Ok || values_compared { worst } else { DriftLevel::Unknown }
    }

    fn reason(&self, findings: &[Finding], significance: f64) -> String {
        let raised: Vec<_> = (findings.iter())
            .filter(|finding| finding.level(significance) > DriftLevel::Ok)
            .map(|finding| match (finding.found, &self.shares) {
                (Found::Missing, Some(shares)) => reason::missing(shares.missing),
                (Found::Unseen, Some(shares)) => reason::unseen(shares.unseen),
                _ => reason::values(self.kind, self.bins, &labels(self.distribution)),
            })
            .collect();
        let values = findings.iter().find(|finding| finding.found == Found::Values);
        match (raised.is_empty(), values) {
            (false, _) => raised.join("; "),
            (true, Some(_)) => {
                let significant = findings.iter().any(|finding| finding.significant(significance));
                let matters = findings.iter().any(Finding::matters);
                reason::quiet(significant, matters, self.counts.rows())
            }
            (true, None) => {
                let present = total(self.bins.live) as u64;
                reason::unknown(self.counts.rows(), present, MIN_ROWS)
            }
        }
    }

    /// Both distributions over all rows, with what is missing and unseen.
    fn bin_shares(&self) -> Vec<BinShares> {
        let (missing, unseen) = self.shares.as_ref().map_or((None, None), |shares| {
            (Some(("missing", shares.missing)), Some(("unseen", shares.unseen)))
        });
        let present = (total(self.bins.baseline), total(self.bins.live));
        let all = missing.map_or(present, |(_, (before, now))| (before.of as f64, now.of as f64));
        let ratio = |rows: f64, of: f64| if of > 0.0 { rows / of } else { 0.0 };
        let share = |label: String, baseline: f64, live: f64| BinShares {
            label,
            baseline: ratio(baseline, all.0),
            live: ratio(live, all.1),
        };
        let bins = labels(self.distribution).into_iter().zip(self.bins.pairs());
        let rest = [missing, unseen].into_iter().flatten();
        bins.map(|(label, (baseline, live))| share(label, baseline, live))
            .chain(rest.filter(|(_, (before, now))| before.rows > 0 || now.rows > 0).map(
                |(label, (before, now))| {
                    share(label.to_owned(), before.rows as f64, now.rows as f64)
                },
            ))
            .collect()
    }
}

/// The tests of the values that are present.
struct Tests {
    merged: MergedBins,
    ks: Option<KolmogorovSmirnov>,
    chi2: Option<ChiSquare>,
}

impl Tests {
    fn of(subject: &Subject<'_>) -> Self {
        let ordered = subject.kind == Kind::Histogram;
        let merged = subject.bins.merged(ordered);
        let ks = if ordered { kolmogorov_smirnov(merged.bins()) } else { None };
        let chi2 = chi_square(merged.bins());
        Self { merged, ks, chi2 }
    }
}
