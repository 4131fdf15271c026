//! What each column of the header is for: the options, checked against the header.

use schema::Dtype;

use crate::{DatasetError, DeclaredFeature, ReadOptions, Schema};

/// What a column is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role<'o> {
    Target,
    Ignored,
    Feature(Intent<'o>),
}

/// How the dtype of a feature is found.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Intent<'o> {
    Inferred,
    Categorical,
    Declared(&'o DeclaredFeature),
}

impl Intent<'_> {
    /// Whether the column may turn out to be a category whose names only the data knows.
    pub(crate) fn collects_categories(self) -> bool {
        match self {
            Self::Inferred | Self::Categorical => true,
            Self::Declared(declared) => {
                declared.dtype == Dtype::Category && declared.categories.is_none()
            }
        }
    }
}

/// One role for each column of the header.
pub(crate) fn roles<'o>(
    columns: &[String],
    options: &'o ReadOptions,
) -> Result<Vec<Role<'o>>, DatasetError> {
    let mut roles = vec![Role::Feature(Intent::Inferred); columns.len()];
    let mut assign = |origin, name: &str, role| {
        let Some(idx) = columns.iter().position(|column| column == name.trim()) else {
            return Err(DatasetError::UnknownColumn {
                origin,
                column: name.to_owned(),
                columns: columns.to_vec(),
            });
        };
        roles[idx] = merged(name, roles[idx], role)?;
        Ok(())
    };
    assign("`--target`", &options.target, Role::Target)?;
    for name in &options.ignore {
        assign("`--ignore`", name, Role::Ignored)?;
    }
    for name in &options.categorical {
        assign("`--categorical`", name, Role::Feature(Intent::Categorical))?;
    }
    for declared in options.schema.iter().flat_map(Schema::features) {
        let role = Role::Feature(Intent::Declared(declared));
        assign("the schema file", &declared.name, role)?;
    }
    if !roles.iter().any(|role| matches!(role, Role::Feature(_))) {
        return Err(DatasetError::NoFeatures { target: options.target.clone() });
    }
    Ok(roles)
}

fn merged<'o>(column: &str, old: Role<'o>, new: Role<'o>) -> Result<Role<'o>, DatasetError> {
    match (old, new) {
        (Role::Feature(Intent::Inferred), _)
        | (Role::Ignored, Role::Ignored)
        | (Role::Feature(Intent::Categorical), Role::Feature(Intent::Categorical)) => Ok(new),
        // Both say the same of it.
        (Role::Feature(Intent::Categorical), Role::Feature(Intent::Declared(declared)))
            if declared.dtype == Dtype::Category =>
        {
            Ok(new)
        }
        _ => Err(DatasetError::Conflict {
            column: column.to_owned(),
            first: said(old),
            second: said(new),
        }),
    }
}

fn said(role: Role<'_>) -> &'static str {
    match role {
        Role::Target => "the target",
        Role::Ignored => "ignored (`--ignore`)",
        Role::Feature(Intent::Inferred) => "a feature",
        Role::Feature(Intent::Categorical) => "a category (`--categorical`)",
        Role::Feature(Intent::Declared(_)) => "declared in the schema file",
    }
}
