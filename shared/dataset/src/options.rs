//! What a person says about a table before it is read.

use crate::Schema;

/// The default of [`ReadOptions::max_categories`].
pub const DEFAULT_MAX_CATEGORIES: usize = 1000;

/// How a table is to be read.
///
/// # Examples
///
/// ```
/// use dataset::ReadOptions;
///
/// let options = ReadOptions {
///     ignore: vec!["id".into()],
///     ..ReadOptions::new("price")
/// };
/// assert_eq!(options.max_categories, 1000);
/// ```
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// The column to predict (`--target`).
    pub target: String,
    /// Columns to read as categories whatever they look like (`--categorical`).
    pub categorical: Vec<String>,
    /// Columns to leave out (`--ignore`).
    pub ignore: Vec<String>,
    /// What a schema file says of some of the columns (`--schema`).
    pub schema: Option<Schema>,
    /// The most different values of a category column (`--max-categories`), 1000 by default.
    pub max_categories: usize,
}

impl ReadOptions {
    /// Everything inferred, nothing left out.
    pub fn new(target: impl Into<String>) -> Self {
        Self {
            target: target.into(),
            categorical: vec![],
            ignore: vec![],
            schema: None,
            max_categories: DEFAULT_MAX_CATEGORIES,
        }
    }
}
