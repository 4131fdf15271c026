//! How much each feature matters to a model, whatever the model is.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use schema::{FeatureImportance, Rows, Signature};

use crate::{EvaluationError, Pairs, rmse};

/// The default of [`PermutationParams::max_rows`].
pub const DEFAULT_MAX_ROWS: usize = 2000;

/// Rows with their actual values, in an order that means nothing, as `Dataset::split` leaves a test split.
#[derive(Debug, Clone, Copy)]
pub struct TestRows<'a> {
    /// The features, which name the importances.
    pub signature: &'a Signature,
    /// Feature values, shape `(n_rows, n_features)`.
    pub rows: &'a Rows,
    /// The target, shape `(n_rows,)`.
    pub actual: &'a [f64],
}

/// How importances are computed.
///
/// | Name | Default | Range | Effect |
/// | --- | --- | --- | --- |
/// | `seed` | 0 | 64 bits | the permutations: feature `i` is shuffled by ChaCha8 from `seed + i` |
/// | `max_rows` | 2000 | 1 upwards | only the first rows are used; time grows with rows × features |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PermutationParams {
    /// The seed of the permutations.
    pub seed: u64,
    /// The most rows to use.
    pub max_rows: usize,
}

impl Default for PermutationParams {
    fn default() -> Self {
        Self { seed: 0, max_rows: DEFAULT_MAX_ROWS }
    }
}

/// Permutation importance: by how much the RMSE rises, in the target's unit, when the values of one feature are
/// shuffled among the rows and so tell nothing any more.
///
/// One importance for each feature, in signature order. 0 or slightly below is a feature the model does not
/// use; a feature that another one can stand in for seems to matter less than it does.
/// Source: Breiman, Random Forests (2001), section 10; scikit-learn: `permutation_importance` with
/// `n_repeats=1` and `scoring="neg_root_mean_squared_error"`.
///
/// Features are taken one after the other, so that `predict` can use all cores itself.
///
/// # Errors
///
/// As [`Pairs::check`], for the actual values and what `predict` returns.
///
/// # Examples
///
/// ```
/// use evaluation::{PermutationParams, TestRows, permutation_importance};
/// # let signature: schema::Signature = serde_json::from_str(r#"{
/// #   "features": [{"name": "used", "dtype": "number"}, {"name": "unused", "dtype": "number"}],
/// #   "outputs": [{"name": "y", "dtype": "number", "range": {"minimum": 0, "maximum": 9}}]
/// # }"#).unwrap();
///
/// let rows = schema::Rows::new(2, vec![1.0, 7.0, 2.0, 8.0, 3.0, 9.0, 4.0, 5.0]);
/// let test = TestRows { signature: &signature, rows: &rows, actual: &[1.0, 2.0, 3.0, 4.0] };
/// let predict = |rows: &schema::Rows| rows.column(0).collect::<Vec<f64>>();
/// let importances = permutation_importance(test, PermutationParams::default(), &predict)?;
/// assert_eq!(importances[1].feature, "unused");
/// assert_eq!(importances[1].importance, 0.0);
/// # Ok::<(), evaluation::EvaluationError>(())
/// ```
pub fn permutation_importance(
    test: TestRows<'_>,
    params: PermutationParams,
    predict: &(dyn Fn(&Rows) -> Vec<f64> + Sync),
) -> Result<Vec<FeatureImportance>, EvaluationError> {
    if test.rows.n_rows() != test.actual.len() {
        return Err(EvaluationError::Lengths {
            actual: test.actual.len(),
            predicted: test.rows.n_rows(),
        });
    }
    let n_rows = test.actual.len().min(params.max_rows);
    let actual = &test.actual[..n_rows];
    let score = |rows: &Rows| {
        let predicted = predict(rows);
        let pairs = Pairs { actual, predicted: &predicted };
        pairs.check().map(rmse)
    };

    let mut rows = test.rows.select(&(0..n_rows).collect::<Vec<_>>());
    let undisturbed = score(&rows)?;
    let mut importances = Vec::with_capacity(test.signature.n_features());
    for (feature_idx, feature) in test.signature.features().iter().enumerate() {
        let column: Vec<f64> = rows.column(feature_idx).collect();
        let mut shuffled = column.clone();
        let seed = params.seed.wrapping_add(feature_idx as u64);
        shuffled.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        replace(&mut rows, feature_idx, &shuffled);
        importances.push(FeatureImportance {
            feature: feature.name.clone(),
            importance: score(&rows)? - undisturbed,
        });
        replace(&mut rows, feature_idx, &column);
    }
    Ok(importances)
}

fn replace(rows: &mut Rows, feature_idx: usize, column: &[f64]) {
    let n_features = rows.n_features();
    let places = rows.values_mut().iter_mut().skip(feature_idx);
    for (place, value) in places.step_by(n_features.max(1)).zip(column) {
        *place = *value;
    }
}
