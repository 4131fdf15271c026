//! How far live rows lie from those of training: one file per statistic, and the rule that makes a level of them.

mod bins;

mod chi_square;
mod fisher_exact;
mod jensen_shannon;
mod kolmogorov_smirnov;
mod psi;

mod check;
mod feature_drift;
mod labels;
mod level;
mod reason;
mod subject;
mod window;

pub use bins::{Bins, MIN_EXPECTED, MergedBins};
pub use check::{Drift, check};
pub use chi_square::{ChiSquare, chi_square};
pub use feature_drift::{BinShares, FeatureDrift, Kind};
pub use fisher_exact::{Share, fisher_exact_rise};
pub use jensen_shannon::jensen_shannon;
pub use kolmogorov_smirnov::{KolmogorovSmirnov, kolmogorov_smirnov};
pub use level::{DriftLevel, PSI_ALARM, PSI_WARNING, RISE_ALARM, RISE_WARNING};
pub use psi::{psi, psi_by_chance};
pub use subject::MIN_ROWS;
pub use window::{FeatureCounts, WindowCounts};
