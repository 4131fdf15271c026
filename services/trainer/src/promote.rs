//! `promote`, and what `fit` and `canary set` share with it: an alias moves to a version that passes the gates.

use anyhow::Context as _;
use dataset::{DatasetError, HeldOut};
use registry::{
    Action, CHALLENGER, CHAMPION, Entry, ModelName, ModelVersion, Move, Registry, RegistryError,
    Stamp, Trial, Verdict,
};

use crate::actor;
use crate::alias::called;
use crate::champion::{self, Candidate};
use crate::config::{ActArgs, GateArgs, JudgedArgs, Output, PromoteArgs};
use crate::context::Context;
use crate::gates::{self, Champion, Contest, Judged};
use crate::text::table;
use crate::warning::{self, Warning};
use crate::{Said, to_json};

/// A version that shall be put under an alias.
pub(crate) struct Wanted<'a> {
    pub(crate) model: &'a ModelName,
    pub(crate) version: u64,
    pub(crate) alias: &'a str,
    pub(crate) trial: Trial,
    pub(crate) limits: &'a GateArgs,
    /// Rows that the version was not fitted to, or why there are none.
    pub(crate) held_out: Result<&'a HeldOut, &'a str>,
    pub(crate) force: bool,
    pub(crate) act: &'a ActArgs,
    /// Warnings that were told already.
    pub(crate) known: &'a [Warning],
}

/// What became of it.
pub(crate) struct Outcome {
    pub(crate) judged: Judged,
    /// The version that the alias named before.
    pub(crate) before: Option<u64>,
    /// The move, or the refusal; none where the alias named the version already.
    pub(crate) entry: Option<Entry>,
}

impl Outcome {
    /// Whether a gate refused, and nothing moved.
    pub(crate) fn is_refused(&self) -> bool {
        self.entry.as_ref().is_some_and(|entry| entry.action == Action::Refused)
    }
}

/// Puts a version under an alias if it passes the gates, or may pass without.
///
/// The alias moves from where it stood when the gates were asked, or not at all.
pub(crate) fn place(
    registry: &Registry,
    wanted: &Wanted<'_>,
    context: &Context<'_>,
) -> anyhow::Result<Outcome> {
    let Wanted { model, version, alias, .. } = *wanted;
    let loaded = context.wait(registry.load(model, version))?;
    // Before all looks at the champion: a move that died half-way is finished first.
    let standing = context.wait(registry.settle(model, alias))?;
    let signature = &loaded.manifest.signature;
    let candidate = Candidate { model, version: Some(version), signature };
    let mut warnings = champion::compare(registry, candidate, context)?;
    warnings.retain(|warning| !wanted.known.contains(warning));
    warning::log(&warnings);
    let before = standing.version;
    // One that was written by hand gets its entry now.
    let is_recorded = is_recorded(registry, model, alias, version, context)?;
    if before == Some(version) && standing.trial == wanted.trial && is_recorded {
        return Ok(Outcome { judged: Judged::default(), before, entry: None });
    }
    let champion = present_champion(registry, &loaded, context)?;
    let (limits, held_out) = (wanted.limits, wanted.held_out);
    let contest = Contest { candidate: &loaded, champion: &champion, held_out, limits };
    let judged = gates::judge(&contest, context)?;
    context.go_on()?;
    let is_passed = judged.is_passed();
    let is_refused = !is_passed && !wanted.force;
    let action = if is_refused { Action::Refused } else { Action::Promoted };
    let wanted_move = Move {
        trial: wanted.trial,
        reason: wanted.act.reason.clone(),
        forced: !is_passed && wanted.force,
        gates: judged.records.clone(),
        expected: Some(standing),
        ..Move::new(action, alias, Some(version))
    };
    let by = actor::name(wanted.act.by.as_deref());
    let entry = context.wait(registry.move_alias(model, &wanted_move, context.stamp(&by)))?;
    if is_refused {
        let reasons: Vec<_> = judged.refusals().map(|gate| gate.detail.as_str()).collect();
        let reasons = reasons.join("; ");
        tracing::warn!(model.name = %model, model.version = version, alias, "not promoted: {reasons}");
    } else {
        let forced = entry.forced;
        tracing::info!(model.name = %model, model.version = version, alias, forced, "promoted");
        if alias == CHAMPION {
            end_trial(registry, model, version, context.stamp(&by), context)?;
        }
    }
    Ok(Outcome { judged, before, entry: Some(entry) })
}

/// Whether it was a recorded move that put a version under an alias, not somebody's hand.
pub(crate) fn is_recorded(
    registry: &Registry,
    model: &ModelName,
    alias: &str,
    version: u64,
    context: &Context<'_>,
) -> Result<bool, RegistryError> {
    let ledger = context.wait(registry.ledger(model))?;
    Ok(ledger.last_move(alias).and_then(|last| last.to) == Some(version))
}

/// A challenger that has become the champion is tried no longer.
fn end_trial(
    registry: &Registry,
    model: &ModelName,
    version: u64,
    stamp: Stamp<'_>,
    context: &Context<'_>,
) -> anyhow::Result<()> {
    let standing = context.wait(registry.settle(model, CHALLENGER))?;
    if standing.version != Some(version) {
        return Ok(());
    }
    let wanted = Move {
        reason: Some("it is the champion".to_owned()),
        expected: Some(standing),
        ..Move::new(Action::TrialStopped, CHALLENGER, None)
    };
    match context.wait(registry.move_alias(model, &wanted, stamp)) {
        // Somebody has set another one meanwhile.
        Ok(_) | Err(RegistryError::Superseded { .. }) => Ok(()),
        Err(error) => Err(error).context("ending the trial of the version that was promoted"),
    }
}

/// The champion to hold a version against. One that cannot be found is none: to replace it is the repair.
fn present_champion(
    registry: &Registry,
    candidate: &ModelVersion,
    context: &Context<'_>,
) -> anyhow::Result<Champion> {
    let model = &candidate.manifest.model;
    let (champion, unread) = champion::number(registry, model, context);
    if let Some(unread) = unread {
        return Ok(Champion::None(unread.to_string()));
    }
    let Some(version) = champion else {
        return Ok(Champion::None("there is no champion yet".to_owned()));
    };
    if version == candidate.manifest.version {
        return Ok(Champion::None("it is the champion".to_owned()));
    }
    match context.wait(registry.load(model, version)) {
        Ok(loaded) => Ok(Champion::Version(Box::new(loaded))),
        Err(error @ (RegistryError::UnknownVersion { .. } | RegistryError::UnknownModel(..))) => {
            Ok(Champion::None(format!("the champion is not there: {error}")))
        }
        Err(error @ RegistryError::Refused { .. }) => {
            let reason = format!("{:#}", anyhow::Error::from(error));
            Ok(Champion::Unreadable { version, reason })
        }
        Err(error) => Err(error).context("reading the champion"),
    }
}

/// The rows that a version is judged on: those of a file, or those that were kept with it.
pub(crate) fn held_out(
    registry: &Registry,
    model: &ModelName,
    version: u64,
    judged: &JudgedArgs,
    context: &Context<'_>,
) -> anyhow::Result<Result<HeldOut, String>> {
    let manifest = context.wait(registry.manifest(model, version))?;
    rows_of(registry, &manifest, judged.held_out.as_deref(), context)
}

/// The rows of a file, or else those that were kept with a version; why there are none.
pub(crate) fn rows_of(
    registry: &Registry,
    manifest: &registry::Manifest,
    file: Option<&std::path::Path>,
    context: &Context<'_>,
) -> anyhow::Result<Result<HeldOut, String>> {
    let target = &manifest.signature.target().name;
    if let Some(path) = file {
        let reading = || format!("reading the held-out rows `{}`", path.display());
        let csv = std::fs::read(path).with_context(reading)?;
        let rows = HeldOut::read(csv, target).map_err(|error| located(error, path));
        return Ok(Ok(rows.with_context(reading)?));
    }
    match context.wait(registry.holdout(manifest))? {
        Some(csv) => {
            let rows = HeldOut::read(csv.to_vec(), target);
            Ok(Ok(rows.context("reading the rows kept with the version")?))
        }
        None => Ok(Err(format!(
            "no held-out rows are kept with version {}; give some with --held-out",
            manifest.version
        ))),
    }
}

/// An error about a file that a person named, by that name.
fn located(error: DatasetError, path: &std::path::Path) -> DatasetError {
    let location = path.display().to_string();
    match error {
        DatasetError::Empty { .. } => DatasetError::Empty { location },
        DatasetError::HeaderOnly { .. } => DatasetError::HeaderOnly { location },
        other => other,
    }
}

/// `promote`.
pub(crate) fn promote(args: &PromoteArgs, context: &Context<'_>) -> anyhow::Result<Said> {
    let registry = args.common.open()?;
    let (model, version, alias) = (&args.model, args.version, args.to.as_str());
    let rows = held_out(&registry, model, version, &args.judged, context)?;
    let wanted = Wanted {
        model,
        version,
        alias,
        trial: Trial::default(),
        limits: &args.judged.gates,
        held_out: rows.as_ref().map_err(String::as_str),
        force: args.judged.force,
        act: &args.judged.act,
        known: &[],
    };
    let outcome = place(&registry, &wanted, context)?;
    Ok(said(&wanted, &outcome, args.common.output, &registry, context))
}

/// What became of it, for a person or a program.
pub(crate) fn said(
    wanted: &Wanted<'_>,
    outcome: &Outcome,
    output: Output,
    registry: &Registry,
    context: &Context<'_>,
) -> Said {
    let Wanted { model, version, alias, .. } = *wanted;
    let is_refused = outcome.is_refused();
    let text = match output {
        Output::Text => in_words(wanted, outcome),
        Output::Json => to_json(&serde_json::json!({
            "model": model,
            "alias": alias,
            "version": version,
            "trial": wanted.trial,
            "previous": outcome.before,
            "champion": champion::number(registry, model, context).0,
            "promoted": !is_refused,
            "forced": outcome.entry.as_ref().is_some_and(|entry| entry.forced),
            "entry": outcome.entry.as_ref().map(|entry| entry.entry),
            "gates": outcome.judged.records,
        })),
    };
    Said { text, is_held_back: is_refused }
}

fn in_words(wanted: &Wanted<'_>, outcome: &Outcome) -> String {
    let Wanted { model, version, alias, .. } = *wanted;
    let the_alias = called(alias);
    let Some(entry) = &outcome.entry else {
        return format!("{model} version {version} is {the_alias} already");
    };
    let mut lines = vec![];
    for gate in &outcome.judged.records {
        lines.push(vec![gate.gate.clone(), verdict(gate.verdict).to_owned(), gate.detail.clone()]);
    }
    // None where only the challenger's share was set.
    let gates = if lines.is_empty() { String::new() } else { table(&lines, &[]) + "\n" };
    let before = match outcome.before {
        Some(before) if before != version => format!("; version {before} was it before"),
        _ => String::new(),
    };
    let number = entry.entry;
    if outcome.is_refused() {
        let refusals: Vec<_> = outcome.judged.refusals().map(|gate| gate.gate.as_str()).collect();
        let no = if refusals.len() == 1 { "says no" } else { "say no" };
        let stays = match outcome.before {
            Some(before) => format!("version {before} stays {the_alias}"),
            None => format!("nothing is {the_alias}"),
        };
        return format!(
            "{gates}{model} version {version} is not promoted: {} {no}; {stays} (ledger entry {number})\n\
             To move it all the same: --force --reason \"…\"",
            refusals.join(" and "),
        );
    }
    let forced = if entry.forced { ", by force" } else { "" };
    format!(
        "{gates}{model} version {version} is {the_alias}{forced}{before} (ledger entry {number})"
    )
}

pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "FAILED",
        Verdict::Skipped => "skipped",
    }
}
