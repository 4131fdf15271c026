use testkit::draft;

use super::*;
use crate::testing::manifest;

fn version(number: u64) -> Manifest {
    Manifest { version: number, ..manifest(draft("diamonds", 100.0)) }
}

fn text(exporter: &Exporter, prefix: &str) -> Vec<String> {
    let text = exporter.render();
    text.lines().filter(|line| line.starts_with(prefix)).map(str::to_owned).collect()
}

#[test]
fn families_stand_together_and_begin_at_zero() {
    let exporter = Exporter::new();
    let series = DistributionSeries::new(&exporter);
    assert!(text(&exporter, "# HELP canopy_feature").is_empty());
    let _versions = [1, 2].map(|number| series.of_version(&version(number)));
    assert_eq!(
        text(&exporter, "canopy_prediction_bin_total"),
        [
            r#"canopy_prediction_bin_total{model="diamonds",version="1",bin="0"} 0"#,
            r#"canopy_prediction_bin_total{model="diamonds",version="1",bin="1"} 0"#,
            r#"canopy_prediction_bin_total{model="diamonds",version="2",bin="0"} 0"#,
            r#"canopy_prediction_bin_total{model="diamonds",version="2",bin="1"} 0"#,
        ]
    );
    assert_eq!(
        text(&exporter, "# TYPE canopy_feature_bin_total"),
        ["# TYPE canopy_feature_bin_total counter"]
    );
    assert_eq!(text(&exporter, "canopy_feature_bin_total").len(), 12);
}

#[test]
fn a_version_that_comes_back_goes_on_counting() {
    let series = DistributionSeries::new(&Exporter::new());
    let first = series.of_version(&version(1)).expect("it fits");
    let again = series.of_version(&version(1)).expect("it fits");
    assert!(Arc::ptr_eq(&first, &again));
    // Another baseline under the same number is another version.
    let mut other = version(1);
    let schema::Distribution::Histogram { edges, .. } = &mut other.baseline.predictions else {
        unreachable!("predictions are numbers");
    };
    edges.push(2.0);
    let other = series.of_version(&other).expect("it fits");
    assert!(!Arc::ptr_eq(&first, &other));
    assert_eq!(series.lock().len(), 1);
}

#[test]
fn only_the_last_of_those_that_serve_no_more_are_shown() {
    let exporter = Exporter::new();
    let series = DistributionSeries::new(&exporter);
    let serving = series.of_version(&version(1));
    (2..100).for_each(|number| drop(series.of_version(&version(number))));
    let shown: Vec<_> = series.lock().iter().map(|kept| kept.version).collect();
    assert_eq!(shown, [1, 95, 96, 97, 98, 99]);
    drop(serving);
}

#[test]
fn labels_are_escaped() {
    assert_eq!(escaped("a\"b\\c\nd"), r#"a\"b\\c\nd"#);
}
