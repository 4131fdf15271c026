//! The count of refused requests by the code of their problem: `canopy_rejections_total{code}`.

use std::fmt;

use metrics::{Counter, counter, describe_counter};

use crate::{metrics::Exporter, problem};

/// The label of a code that was not given at construction.
const OTHER_CODE: &str = "other";

/// Counts problems by code; every code is there with 0 from the start, so that alerts can see it. Clones count together.
#[derive(Clone)]
pub struct Rejections(Vec<(&'static str, Counter)>);

impl Rejections {
    /// Registers a service's codes beside those of this crate.
    #[must_use]
    pub fn new(exporter: &Exporter, codes: impl IntoIterator<Item = &'static str>) -> Self {
        let mut all = problem::CODES.to_vec();
        for code in codes.into_iter().chain([OTHER_CODE]) {
            if !all.contains(&code) {
                all.push(code);
            }
        }
        Self(exporter.register(|| {
            describe_counter!("canopy_rejections_total", "Requests refused, by problem code.");
            all.into_iter()
                .map(|code| (code, counter!("canopy_rejections_total", "code" => code)))
                .inspect(|(_, counter)| counter.absolute(0))
                .collect()
        }))
    }

    /// Counts one refused request; an unknown code counts as `other`.
    pub fn count(&self, code: &str) {
        let known = self.0.iter().find(|(known, _)| *known == code);
        if let Some((_, counter)) = known.or(self.0.last()) {
            counter.increment(1);
        }
    }
}

impl fmt::Debug for Rejections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(code, _)| code)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_there_from_the_start_and_counts() {
        let exporter = Exporter::new();
        let rejections = Rejections::new(&exporter, ["missing_feature", "internal"]);
        rejections.count("missing_feature");
        rejections.count("made_up");
        let text = exporter.render();
        assert!(text.contains(r#"canopy_rejections_total{code="missing_feature"} 1"#), "{text}");
        assert!(text.contains(r#"canopy_rejections_total{code="overloaded"} 0"#), "{text}");
        assert!(text.contains(r#"canopy_rejections_total{code="other"} 1"#), "{text}");
        assert_eq!(text.matches(r#"code="internal""#).count(), 1);
    }
}
