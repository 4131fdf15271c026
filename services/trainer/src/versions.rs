//! `list`, `show` and `verify`: what there is, and which version is served.

use anyhow::Context as _;
use registry::{CHAMPION, Manifest, ModelName, Registry, RegistryError};
use serde::Serialize;

use crate::alias::{Aliases, in_one_line};
use crate::champion;
use crate::config::{ListArgs, Output, VerifyArgs, VersionArgs};
use crate::context::Context;
use crate::history::{checked, n_entries};
use crate::summary::rows_of;
use crate::text::{count, counted, fixed, name, share, table};
use crate::to_json;
use crate::warning;

/// A line of the list.
#[derive(Debug, Serialize)]
struct Listed {
    model: String,
    version: u64,
    is_champion: bool,
    aliases: Vec<String>,
    /// The aliases, each with how the version is tried under it.
    #[serde(skip)]
    called: Vec<String>,
    /// Why nobody can tell which version an alias names.
    #[serde(skip_serializing_if = "Option::is_none")]
    alias_fault: Option<String>,
    /// Why no server would take it; the rest is then unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    estimator: Option<String>,
    rmse: Option<f64>,
    r2: Option<f64>,
    finished_at: Option<String>,
}

/// Lists every version of every model.
pub(crate) fn list(args: &ListArgs, context: &Context<'_>) -> anyhow::Result<String> {
    let registry = args.common.open()?;
    let mut listed = Vec::new();
    for model in context.wait(registry.models())? {
        let aliases = Aliases::of(&registry, &model, context)?;
        let mut versions = context.wait(registry.versions(&model))?;
        // An alias that names nothing has a line of its own.
        let missing: Vec<_> =
            aliases.versions().filter(|named| !versions.contains(named)).collect();
        versions.extend(missing);
        for version in versions {
            context.go_on()?;
            let manifest = context.wait(registry.manifest(&model, version));
            listed.push(Listed::of(&model, version, &aliases, manifest));
        }
    }
    Ok(match args.common.output {
        Output::Json => to_json(&serde_json::json!({ "versions": listed })),
        Output::Text if listed.is_empty() => format!("{} holds no versions", registry.location()),
        Output::Text => {
            let titles = ["MODEL", "VERSION", "ALIAS", "ESTIMATOR", "RMSE", "R²", "TRAINED"];
            let mut rows = vec![titles.map(str::to_owned).to_vec()];
            rows.extend(listed.into_iter().map(Listed::cells));
            table(&rows, &[1, 4, 5])
        }
    })
}

impl Listed {
    fn of(
        model: &ModelName,
        version: u64,
        aliases: &Aliases,
        manifest: Result<Manifest, RegistryError>,
    ) -> Self {
        let (manifest, refused) = match manifest {
            Ok(manifest) => (Some(manifest), None),
            Err(error) => (None, Some(in_one_line(error))),
        };
        let manifest = manifest.as_ref();
        let scores = manifest.map(|manifest| &manifest.scores.model);
        Self {
            model: model.to_string(),
            version,
            is_champion: aliases.names(version).iter().any(|alias| alias == CHAMPION),
            aliases: aliases.names(version),
            called: aliases.listed(version),
            alias_fault: (!aliases.faults.is_empty()).then(|| aliases.faults.join("; ")),
            refused,
            estimator: manifest.map(|manifest| manifest.estimator.name.clone()),
            rmse: scores.map(|scores| scores.rmse),
            r2: scores.and_then(|scores| scores.r2),
            finished_at: manifest.map(|manifest| manifest.provenance.finished_at.clone()),
        }
    }

    fn cells(self) -> Vec<String> {
        let alias = match &self.alias_fault {
            Some(_) if self.called.is_empty() => "unreadable".to_owned(),
            _ => self.called.join(", "),
        };
        let remarks = [self.refused.or(self.finished_at), self.alias_fault];
        vec![
            self.model,
            self.version.to_string(),
            alias,
            self.estimator.unwrap_or_default(),
            self.rmse.map(fixed).unwrap_or_default(),
            self.r2.map(share).unwrap_or_default(),
            remarks.into_iter().flatten().collect::<Vec<_>>().join("; "),
        ]
    }
}

/// Shows one version.
pub(crate) fn show(args: &VersionArgs, context: &Context<'_>) -> anyhow::Result<String> {
    let registry = args.common.open()?;
    let (model, version) = resolve(&registry, &args.version, context)?;
    let (champion, unread) = champion::number(&registry, &model, context);
    warning::log(unread.as_slice());
    let manifest = context.wait(registry.manifest(&model, version))?;
    let aliases = Aliases::of(&registry, &model, context)?;
    Ok(match args.common.output {
        Output::Text => described(&manifest, &aliases.called(version)),
        Output::Json => to_json(&serde_json::json!({
            "is_champion": champion == Some(version),
            "aliases": aliases.names(version),
            "manifest": manifest,
        })),
    })
}

fn described(manifest: &Manifest, aliases: &[String]) -> String {
    let Manifest { model, version, estimator, scores, provenance, signature, .. } = manifest;
    let alias: String = aliases.iter().map(|alias| format!(", {alias}")).collect();
    let fact = |what: &str, value: String| vec![what.to_owned(), value];
    let settings = estimator.hyperparameters.iter();
    let settings: Vec<_> = settings.map(|(name, value)| format!("{name} {value}")).collect();
    let n_test = counted(provenance.n_rows_test, "row");
    let columns = |what: &str, names: &[String]| {
        let names: Vec<_> = names.iter().map(|column| format!("`{}`", name(column))).collect();
        (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
    };
    let read = [
        provenance.test_fraction.map(|fraction| format!("{fraction} set aside to test")),
        provenance.test_data.as_ref().map(|location| format!("tested on {location}")),
        columns("as categories:", &provenance.categorical),
        columns("left out:", &provenance.ignore),
        provenance.schema_sha256.as_ref().map(|sha256| format!("schema sha256 {sha256}")),
    ];
    let mut facts = vec![
        fact("Estimator", format!("{} ({})", estimator.name, estimator.library)),
        fact("", settings.join(", ").replace("null", "none")),
        fact("Data", provenance.data.clone()),
        fact("", format!("sha256 {}", provenance.data_sha256)),
        fact("", format!("{} to train, {n_test} to test", count(provenance.n_rows_train))),
        fact("", read.into_iter().flatten().collect::<Vec<_>>().join("; ")),
        fact("Seed", provenance.seed.to_string()),
        fact(
            "Trained",
            format!("{} by canopy {}", provenance.finished_at, provenance.canopy_version),
        ),
    ];
    facts.extend(provenance.notes.iter().map(|note| fact("Warning", note.clone())));
    facts.retain(|fact| fact.iter().any(|cell| !cell.is_empty()));
    let mut lines = vec![["Score", "model", "constant mean"].map(str::to_owned).to_vec()];
    for row in rows_of(&scores.model, &scores.constant_mean) {
        lines.push(vec![row.name.to_owned(), row.model, row.constant_mean]);
    }
    let mut columns = vec![["Feature", "dtype", "expects"].map(str::to_owned).to_vec()];
    for feature in signature.features() {
        columns.push(vec![name(&feature.name), feature.dtype.to_string(), feature.expected()]);
    }
    format!(
        "{model} version {version}{alias}, predicts `{}`\n\n{}\n{}\n{}",
        name(&signature.target().name),
        table(&facts, &[]),
        table(&lines, &[1, 2]),
        table(&columns, &[])
    )
}

/// Checks one version as a server does.
pub(crate) fn verify(args: &VerifyArgs, context: &Context<'_>) -> anyhow::Result<String> {
    let VersionArgs { version, common } = &args.version;
    let registry = common.open()?;
    let (model, version) = resolve(&registry, version, context)?;
    let ledger = if args.ledger { Some(checked(&registry, &model, context)?) } else { None };
    let loaded = context.wait(registry.load(&model, version))?;
    context.wait(registry.holdout(&loaded.manifest))?;
    Ok(match common.output {
        Output::Text => {
            let whole = format!(
                "{model} version {version} is whole: seal, digests and structure are right, and it answers its golden rows"
            );
            let entries = ledger.map(|n| {
                format!(
                    "\nThe ledger is unbroken: {}, each hashed onto the one before; the aliases are where it says",
                    n_entries(n)
                )
            });
            whole + &entries.unwrap_or_default()
        }
        Output::Json => to_json(&serde_json::json!({
            "model": model, "version": version, "verified": true, "ledger_entries": ledger,
        })),
    })
}

/// The version that `MODEL`, `MODEL@3` or `MODEL@champion` names.
pub(crate) fn resolve(
    registry: &Registry,
    text: &str,
    context: &Context<'_>,
) -> anyhow::Result<(ModelName, u64)> {
    let (model, wanted) =
        text.split_once('@').map_or((text, None), |(model, wanted)| (model, Some(wanted)));
    let model: ModelName = model.parse()?;
    if let Some(version) = wanted.and_then(|wanted| wanted.parse().ok()) {
        return Ok((model, version));
    }
    let alias = context.wait(registry.alias(&model, wanted.unwrap_or(CHAMPION)))?;
    if let Some(version) = alias {
        return Ok((model, version));
    }
    let versions = context.wait(registry.versions(&model))?;
    match (wanted, versions.last()) {
        (_, None) => {
            Err(RegistryError::UnknownModel(model.to_string(), registry.location().to_owned())
                .into())
        }
        (None, Some(newest)) => Ok((model, *newest)),
        (Some(wanted), Some(_)) => {
            let error =
                RegistryError::UnknownAlias { model: model.to_string(), alias: wanted.into() };
            Err(error).with_context(|| format!("`{text}` names no version"))
        }
    }
}
