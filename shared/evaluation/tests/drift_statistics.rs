//! Drift statistics against SciPy, closed forms and their laws.
//!
//! The expected values are those of SciPy 1.17.1 (numpy 2.4.6), printed with `repr`. With counts `b` of training and `c`
//! of the window, `n = b.sum()`, `m = c.sum()`, `q = (b + .5) / (n + B / 2)` and `p = (c + .5) / (m + B / 2)`:
//! `rel_entr(p, q).sum() + rel_entr(q, p).sum()`, `jensenshannon(b, c, base=2) ** 2`,
//! `D = abs(cumsum(b) / n - cumsum(c) / m).max()`, `kstwobign.sf(sqrt(n * m / (n + m)) * D)`,
//! `chi2_contingency([b, c], correction=False)` without the bins that are empty on both sides, and
//! `fisher_exact([[c, m - c], [b, n - b]], alternative="greater")`.

use evaluation::drift::{
    Bins, Share, chi_square, fisher_exact_rise, jensen_shannon, kolmogorov_smirnov, psi,
    psi_by_chance,
};
use proptest::prelude::*;

/// What SciPy says of a pair of samples.
struct Known {
    baseline: &'static [u64],
    live: &'static [u64],
    psi: f64,
    js: f64,
    ks: [f64; 2],
    chi2: [f64; 2],
    df: u32,
}

const KNOWN: [Known; 5] = [
    Known {
        baseline: &[4315; 10],
        live: &[30, 41, 38, 52, 47, 60, 49, 55, 61, 67],
        psi: 0.0490449860684713,
        js: 0.008979228072967416,
        ks: [0.08400000000000002, 0.0018696050418519584],
        chi2: [23.225427587524035, 0.005709406161609372],
        df: 9,
    },
    Known {
        baseline: &[1282, 3924, 9700, 11037, 17209],
        live: &[40, 20, 310, 0, 630],
        psi: 1.8333994778064404,
        js: 0.16996433660507057,
        ks: [0.23120040786058782, 8.38253194473399e-46],
        chi2: [474.88510027369125, 1.808816306322611e-101],
        df: 4,
    },
    Known {
        baseline: &[10, 0, 20, 5, 0],
        live: &[7, 3, 0, 2, 0],
        psi: 2.245663186189925,
        js: 0.44889152277680733,
        ks: [0.5476190476190477, 0.009404859937994914],
        chi2: [17.829531812725094, 0.0004769291091914181],
        df: 3,
    },
    Known {
        baseline: &[40000, 3000, 152],
        live: &[10, 400, 2500],
        psi: 9.868451790332088,
        js: 0.871832400934967,
        ks: [0.9235194507834211, 0.0],
        chi2: [37508.63974636654, 0.0],
        df: 2,
    },
    Known {
        baseline: &[100000, 200000, 300000],
        live: &[1001, 1999, 3000],
        psi: 3.4579802492109896e-07,
        js: 4.5072958809654617e-08,
        ks: [0.00016666666666667607, 1.0],
        chi2: [0.0014851411627404133, 0.999257705055933],
        df: 2,
    },
];

/// Differences of nearly equal shares lose digits on either side: they are matched to 1e-15 of 1 too.
fn agrees(ours: f64, scipy: f64) -> bool {
    (ours - scipy).abs() <= 1e-9 * scipy.abs() + 1e-15 * f64::from(u8::from(scipy > 1e-16))
}

#[test]
fn agree_with_scipy() {
    for known in KNOWN {
        let bins = Bins { baseline: known.baseline, live: known.live };
        let (ours_psi, ours_js) = (psi(bins).expect("rows"), jensen_shannon(bins).expect("rows"));
        assert!(agrees(ours_psi, known.psi), "PSI {ours_psi} of {bins:?}");
        assert!(agrees(ours_js, known.js), "JS {ours_js} of {bins:?}");
        let ks = kolmogorov_smirnov(bins).expect("rows");
        assert!(agrees(ks.distance, known.ks[0]), "{ks:?} of {bins:?}");
        assert!(agrees(ks.p_value, known.ks[1]), "{ks:?} of {bins:?}");
        let chi2 = chi_square(bins).expect("rows");
        assert!(agrees(chi2.statistic, known.chi2[0]), "{chi2:?} of {bins:?}");
        assert!(agrees(chi2.p_value, known.chi2[1]), "{chi2:?} of {bins:?}");
        assert_eq!(chi2.degrees_of_freedom, known.df);
    }
}

/// `scipy.stats.kstwobign.sf(x)`; the bins are made so that √(n m / (n + m)) D is `x`.
#[test]
fn kolmogorovs_distribution_agrees_with_scipy_far_out() {
    // n = m = 2 k²: the root is k, and D = d / n.
    let of = |k: u64, d: u64| {
        let n = 2 * k * k;
        let (baseline, live) = ([n / 2, n / 2], [n / 2 + d, n / 2 - d]);
        kolmogorov_smirnov(Bins { baseline: &baseline, live: &live }).expect("rows").p_value
    };
    for (x, scipy) in [
        (0.05, 1.0),
        (0.2, 0.999999999999495),
        (0.5, 0.9639452436648751),
        (0.8, 0.5441424115741981),
        (1.0, 0.26999967167735456),
        (1.3, 0.06809222184476636),
        (2.0, 0.0006709252557796953),
        (5.0, 3.8574996959278356e-22),
        (18.0, 7.554499944724249e-282),
    ] {
        // With k = 100, D = d / 20,000 and x = d / 200.
        let ours = of(100, (x * 200.0_f64).round() as u64);
        assert!(agrees(ours, scipy), "{ours} at {x}, where SciPy says {scipy}");
    }
}

#[test]
fn fishers_test_agrees_with_scipy() {
    for (baseline, live, scipy) in [
        ((1, 15), (4, 5), 0.0049019607843137246),
        ((170, 43152), (4, 100), 0.0007344862366910238),
        ((863, 43152), (30, 500), 2.1515432485779835e-07),
        ((0, 43152), (25, 500), 1.6300147587865796e-49),
        ((800, 1000), (950, 1000), 1.6164057352644922e-25),
        ((21576, 43152), (60500, 120000), 0.06956688860977443),
        ((5, 10), (6, 10), 0.4999999999999999),
        ((0, 43152), (400, 500), 0.0),
    ] {
        let share = |(rows, of)| Share { rows, of };
        let ours = fisher_exact_rise(share(baseline), share(live));
        assert!((ours - scipy).abs() <= 1e-8 * scipy, "{ours} of {baseline:?} and {live:?}");
    }
}

#[test]
fn a_share_that_has_not_risen_is_no_rise() {
    let share = |rows, of| Share { rows, of };
    for (baseline, live) in [
        (share(5, 10), share(5, 10)),
        (share(5, 10), share(0, 10)),
        (share(5, 0), share(3, 10)),
        (share(5, 10), share(0, 0)),
        (share(0, 10), share(11, 10)),
        (share(u64::MAX, u64::MAX), share(1, 1)),
    ] {
        assert_eq!(fisher_exact_rise(baseline, live), 1.0, "{baseline:?} {live:?}");
    }
}

#[test]
fn there_is_nothing_to_compare_without_rows_or_with_other_bins() {
    let cases: [(&[u64], &[u64]); 5] =
        [(&[], &[]), (&[1, 2], &[0, 0]), (&[0, 0], &[1, 2]), (&[1, 2], &[1]), (&[], &[1])];
    for (baseline, live) in cases {
        let bins = Bins { baseline, live };
        assert_eq!(psi(bins), None);
        assert_eq!(psi_by_chance(bins), None);
        assert_eq!(jensen_shannon(bins), None);
        assert_eq!(kolmogorov_smirnov(bins), None);
        assert_eq!(chi_square(bins), None);
    }
    let one = Bins { baseline: &[10, 0], live: &[20, 0] };
    assert_eq!(chi_square(one), None);
    assert_eq!(kolmogorov_smirnov(one).map(|ks| ks.distance), Some(0.0));
}

/// Counts of two samples in up to 30 bins, hostile ones too.
fn samples() -> impl Strategy<Value = (Vec<u64>, Vec<u64>)> {
    let count = prop_oneof![4 => 0..1000_u64, 1 => Just(0), 1 => any::<u64>()];
    proptest::collection::vec((count.clone(), count), 0..30)
        .prop_map(|pairs| pairs.into_iter().unzip())
}

fn near(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()) + 1e-12,
        (a, b) => a == b,
    }
}

proptest! {
    #[test]
    fn every_statistic_is_finite_and_in_range((baseline, live) in samples()) {
        let bins = Bins { baseline: &baseline, live: &live };
        for merged in [bins.merged(true), bins.merged(false)] {
            for bins in [bins, merged.bins()] {
                prop_assert!(psi(bins).is_none_or(|psi| psi >= 0.0 && psi.is_finite()));
                prop_assert!(jensen_shannon(bins).is_none_or(|js| (0.0..=1.0).contains(&js)));
                if let Some(ks) = kolmogorov_smirnov(bins) {
                    prop_assert!((0.0..=1.0).contains(&ks.distance));
                    prop_assert!((0.0..=1.0).contains(&ks.p_value));
                }
                if let Some(chi2) = chi_square(bins) {
                    prop_assert!(chi2.statistic >= 0.0 && chi2.statistic.is_finite());
                    prop_assert!((0.0..=1.0).contains(&chi2.p_value));
                }
            }
        }
    }

    #[test]
    fn a_sample_is_as_itself((counts, _) in samples()) {
        let bins = Bins { baseline: &counts, live: &counts };
        prop_assert!(psi(bins).is_none_or(|psi| psi == 0.0));
        prop_assert!(jensen_shannon(bins).is_none_or(|js| js == 0.0));
        prop_assert!(kolmogorov_smirnov(bins).is_none_or(|ks| ks.distance == 0.0 && ks.p_value == 1.0));
        let n_filled = counts.iter().filter(|count| **count > 0).count();
        prop_assert_eq!(chi_square(bins).is_some(), n_filled > 1);
        prop_assert!(chi_square(bins).is_none_or(|chi2| chi2.statistic == 0.0 && chi2.p_value == 1.0));
    }

    #[test]
    fn sides_and_order_of_bins_mean_nothing((a, b) in samples(), by in 0..30_usize) {
        let bins = Bins { baseline: &a, live: &b };
        let swapped = Bins { baseline: &b, live: &a };
        let turned = |counts: &[u64]| {
            let by = by.min(counts.len());
            [&counts[by..], &counts[..by]].concat()
        };
        let (turned_a, turned_b) = (turned(&a), turned(&b));
        let turned = Bins { baseline: &turned_a, live: &turned_b };
        for other in [swapped, turned] {
            prop_assert!(near(psi(bins), psi(other)));
            prop_assert!(near(jensen_shannon(bins), jensen_shannon(other)));
            let statistic = |bins| chi_square(bins).map(|chi2| chi2.statistic);
            prop_assert!(near(statistic(bins), statistic(other)));
        }
        let distance = |bins| kolmogorov_smirnov(bins).map(|ks| ks.distance);
        prop_assert!(near(distance(bins), distance(swapped)));
    }

    #[test]
    fn merging_loses_no_row_and_leaves_no_thin_bin(
        baseline in proptest::collection::vec(0..500_u64, 0..30),
        live in proptest::collection::vec(0..50_u64, 30),
        ordered: bool,
    ) {
        let live = &live[..baseline.len()];
        let merged = Bins { baseline: &baseline, live }.merged(ordered);
        let bins = merged.bins();
        prop_assert_eq!(bins.baseline.iter().sum::<u64>(), baseline.iter().sum::<u64>());
        prop_assert_eq!(bins.live.iter().sum::<u64>(), live.iter().sum::<u64>());
        let (n, m) = (baseline.iter().sum::<u64>() as f64, live.iter().sum::<u64>() as f64);
        let thin = bins.baseline.iter().any(|&rows| (rows as f64) * (m / n).min(1.0) < 5.0);
        prop_assert!(!thin || merged.n_bins() == 1);
    }
}
