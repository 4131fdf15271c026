//! The rule: from the baseline and a window's counts to a level for every feature.

use schema::Baseline;
use serde::{Deserialize, Serialize};

use super::subject::Subject;
use super::{DriftLevel, FeatureCounts, FeatureDrift, WindowCounts, reason};
use crate::EvaluationError;

/// What a window's comparison with the baseline found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Rows of the window.
    pub rows: u64,
    /// The worst level of all features and the prediction.
    pub level: DriftLevel,
    /// One sentence for a person, without a final stop.
    pub reason: String,
    /// The chance, at most, that one look at a window without any change raises a level.
    pub alpha: f64,
    /// The tests that share `alpha`.
    pub n_checks: u32,
    /// The predictions.
    pub prediction: FeatureDrift,
    /// The features, worst first.
    pub features: Vec<FeatureDrift>,
}

/// Compares a window with the baseline.
///
/// The values of every feature that are present, and the predictions, are compared by χ², histograms by
/// Kolmogorov–Smirnov too; a rise of the share of missing and, for categories, of unseen values is tested by Fisher's
/// exact test. Whatever the rows show, each of these `n_checks` tests is made, so each has `alpha / n_checks`
/// (Bonferroni). A level is raised where a test is significant and its effect large: PSI less [`psi_by_chance`](super::psi_by_chance) from
/// [`PSI_WARNING`](super::PSI_WARNING) and [`PSI_ALARM`](super::PSI_ALARM) on, a rise from [`RISE_WARNING`](super::RISE_WARNING) and [`RISE_ALARM`](super::RISE_ALARM) on. With fewer than
/// [`MIN_ROWS`](super::MIN_ROWS) rows the level is unknown, as it is for values that all fall into one bin.
///
/// `alpha` is above 0 and below 1. The bins of the baseline and the window have to be the same; features of one level
/// are ordered by the size of the effect, then by name.
///
/// # Errors
///
/// If the window has another number of features or of bins than the baseline, or `alpha` is out of range.
///
/// # Examples
///
/// ```
/// use evaluation::drift::{DriftLevel, FeatureCounts, WindowCounts, check};
/// use schema::{Baseline, Distribution, FeatureBaseline};
///
/// let grades = Distribution::Categories {
///     names: vec!["fair".into(), "good".into()],
///     counts: vec![500, 500],
/// };
/// let cut = FeatureBaseline { name: "cut".into(), n_missing: 0, distribution: grades.clone() };
/// let baseline = Baseline {
///     n_rows: 1000,
///     features: vec![cut],
///     target: grades.clone(),
///     predictions: grades,
/// };
/// let cut = FeatureCounts { bins: vec![40, 260], missing: 0, unseen: 0 };
/// let window = WindowCounts { features: vec![cut], predictions: vec![150, 150] };
/// let drift = check(&baseline, &window, 0.0001)?;
/// assert_eq!(drift.level, DriftLevel::Alarm);
/// assert_eq!(drift.reason, "cut: 87 % are `good`, 50 % in training");
/// # Ok::<(), evaluation::EvaluationError>(())
/// ```
pub fn check(
    baseline: &Baseline,
    window: &WindowCounts,
    alpha: f64,
) -> Result<Drift, EvaluationError> {
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(EvaluationError::Alpha { alpha });
    }
    let (n_features, n_counted) = (baseline.features.len(), window.features.len());
    if n_features != n_counted {
        return Err(EvaluationError::Features { baseline: n_features, live: n_counted });
    }
    let subjects: Vec<Subject> = (baseline.features.iter().zip(&window.features))
        .map(|(feature, counts)| Subject::feature(feature, counts))
        .collect::<Result<_, _>>()?;
    let counts = FeatureCounts { bins: window.predictions.clone(), missing: 0, unseen: 0 };
    let prediction = Subject::new("prediction", &baseline.predictions, &counts)?;
    let n_checks = subjects.iter().chain([&prediction]).map(Subject::n_checks).sum();
    let significance = alpha / f64::from(n_checks);
    let mut features: Vec<_> =
        subjects.iter().map(|subject| subject.compare(significance)).collect();
    let (prediction, _) = prediction.compare(significance);
    features.sort_by(|(a, severity_a), (b, severity_b)| {
        let worst_first = b.level.cmp(&a.level).then(severity_b.total_cmp(severity_a));
        worst_first.then_with(|| a.name.cmp(&b.name))
    });
    let features: Vec<_> = features.into_iter().map(|(feature, _)| feature).collect();
    let all = || features.iter().chain([&prediction]);
    Ok(Drift {
        rows: all().map(|subject| subject.rows).max().unwrap_or(0),
        level: all().map(|subject| subject.level).max().unwrap_or(DriftLevel::Unknown),
        reason: reason::overall(&features, &prediction),
        alpha,
        n_checks,
        prediction,
        features,
    })
}
