//! The present champion, and whether another version may take its place.

use registry::{CHAMPION, ModelName, Registry};
use schema::Signature;

use crate::context::Context;
use crate::text::name;
use crate::warning::{RunWarning, Warning};

/// What shall become the champion.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) model: &'a ModelName,
    /// None before it is published.
    pub(crate) version: Option<u64>,
    pub(crate) signature: &'a Signature,
}

/// The champion's number. An alias that cannot be read is no champion, and a warning.
pub(crate) fn number(
    registry: &Registry,
    model: &ModelName,
    context: &Context<'_>,
) -> (Option<u64>, Option<Warning>) {
    match context.wait(registry.alias(model, CHAMPION)) {
        Ok(champion) => (champion, None),
        Err(error) => (None, Some(unreadable(error))),
    }
}

/// Compares a candidate with the present champion: another target is an error, other features are a warning.
/// A champion that cannot be read is a warning, too: to replace it is the repair.
pub(crate) fn compare(
    registry: &Registry,
    candidate: Candidate<'_>,
    context: &Context<'_>,
) -> anyhow::Result<Vec<Warning>> {
    let model = candidate.model;
    let (champion, unread) = number(registry, model, context);
    let Some(champion) = champion.filter(|champion| Some(*champion) != candidate.version) else {
        return Ok(unread.into_iter().collect());
    };
    match context.wait(registry.manifest(model, champion)) {
        Err(error) => Ok(vec![unreadable(error)]),
        Ok(manifest) => against(candidate, champion, &manifest.signature),
    }
}

fn unreadable(error: registry::RegistryError) -> Warning {
    RunWarning::UnreadableChampion { reason: format!("{:#}", anyhow::Error::from(error)) }.into()
}

fn against(
    candidate: Candidate<'_>,
    champion: u64,
    served: &Signature,
) -> anyhow::Result<Vec<Warning>> {
    let Candidate { model, version, signature } = candidate;
    let (target, served_target) = (&signature.target().name, &served.target().name);
    anyhow::ensure!(
        target == served_target,
        "{} predicts `{}`, the champion predicts `{}`: clients of `{model}` would get another quantity; publish it \
         under another --model name",
        version.map_or("the new version".to_owned(), |version| format!("version {version}")),
        name(target),
        name(served_target),
    );
    let missing_in = |ours: &Signature, theirs: &Signature| -> Vec<String> {
        let names = ours.features().iter().map(|feature| &feature.name);
        names.filter(|name| theirs.index_of(name, 0).is_none()).cloned().collect()
    };
    let (added, removed) = (missing_in(signature, served), missing_in(served, signature));
    let dtype_served = |name: &str| served.index_of(name, 0).map(|i| served.features()[i].dtype);
    let features = signature.features().iter();
    let retyped = features.filter(|f| dtype_served(&f.name).is_some_and(|dtype| dtype != f.dtype));
    let retyped: Vec<String> = retyped.map(|feature| feature.name.clone()).collect();
    if added.is_empty() && removed.is_empty() && retyped.is_empty() {
        return Ok(vec![]);
    }
    Ok(vec![RunWarning::OtherFeatures { champion, added, removed, retyped }.into()])
}
